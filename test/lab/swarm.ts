import { type Engine, type EngineOptions, startEngine } from "./engine.ts";
import { until } from "./wait.ts";

/** How many nodes of which kind a swarm begins with. */
export interface SwarmOptions {
  /** At least 1. */
  readonly managers: number;
  /** @default 0 */
  readonly workers?: number;
  /** For every engine. */
  readonly engine?: Omit<EngineOptions, "name">;
}

/** An engine that is a node of a swarm. */
export interface SwarmNode extends Engine {
  /** The swarm's id for it. */
  readonly id: string;
}

/** What a manager says of a node. */
export interface NodeRow {
  readonly id: string;
  /** `ready`, `down`, `unknown`, `disconnected`. */
  readonly state: string;
  readonly availability: string;
  readonly isLeader: boolean;
  readonly isManager: boolean;
}

/** Several engines of this process as one swarm. */
export interface Swarm extends AsyncDisposable {
  /** In the order in which they joined; the managers of the beginning first. */
  readonly nodes: readonly SwarmNode[];
  node(id: string): SwarmNode;
  /** Runs the CLI at a manager that answers. */
  docker(args: readonly string[]): Promise<string>;
  /** What the managers say of all nodes; throws while they have no leader. */
  rows(): Promise<readonly NodeRow[]>;
  /** The leader's node, waited for. */
  leader(): Promise<SwarmNode>;
  /** One more node. */
  join(role: "manager" | "worker"): Promise<SwarmNode>;
  /** Resolves when the node's own engine has taken on its new role. */
  promote(node: SwarmNode): Promise<void>;
  demote(node: SwarmNode): Promise<void>;
  /** Removes services; one that is gone already is well, since a manager that crashed may have done it. */
  remove(...services: readonly string[]): Promise<void>;
  /** Waits until the managers say so of a node. */
  untilState(node: SwarmNode, state: string, timeoutMs?: number): Promise<void>;
  /** Waits until so many tasks of a service run. */
  untilRunning(service: string, tasks: number, timeoutMs?: number): Promise<void>;
}

/** Starts a swarm whose nodes are all ready: three in about 5 s. Root on Linux only. */
export async function startSwarm({ managers, workers = 0, engine = {} }: SwarmOptions): Promise<Swarm> {
  if (managers < 1) throw new Error("lab: a swarm needs a manager");
  const started = await Promise.allSettled(Array.from({ length: managers + workers }, () => startEngine(engine)));
  const engines = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const swarm = assemble(engine);
  try {
    const failed = started.find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    const [first, ...others] = engines;
    if (first === undefined) throw new Error("lab: no engine");
    await first.docker(["swarm", "init", "--advertise-addr", first.address, "--task-history-limit", "2"]);
    await swarm.take(first);
    // One after the other: a raft group takes one new member at a time.
    for (const [index, other] of others.entries())
      await swarm.enter(other, index + 1 < managers ? "manager" : "worker");
    for (const node of swarm.nodes) await swarm.untilState(node, "ready");
    return swarm;
  } catch (error) {
    await Promise.allSettled(engines.map((one) => one[Symbol.asyncDispose]()));
    throw error;
  }
}

interface Growing extends Swarm {
  /** Takes an engine in that has just made the swarm. */
  take(engine: Engine): Promise<SwarmNode>;
  /** Makes an engine a node. */
  enter(engine: Engine, role: "manager" | "worker"): Promise<SwarmNode>;
}

function assemble(options: Omit<EngineOptions, "name">): Growing {
  const nodes: SwarmNode[] = [];
  /** By node id, as far as known: whom to ask first. */
  const managers = new Set<string>();

  async function docker(args: readonly string[]): Promise<string> {
    const errors: unknown[] = [];
    for (const node of nodes.filter(({ id }) => managers.has(id))) {
      try {
        return await node.docker(args);
      } catch (error) {
        errors.push(error);
      }
    }
    throw errors.length === 1 ? errors[0] : new AggregateError(errors, `lab: no manager does ${args.join(" ")}`);
  }

  async function rows(): Promise<readonly NodeRow[]> {
    const format = "{{.ID}} {{.Status}} {{.Availability}} {{.ManagerStatus}}";
    return (await docker(["node", "ls", "--format", format]))
      .trim()
      .split("\n")
      .map((line) => {
        const [id = "", state = "", availability = "", status = ""] = line.split(" ");
        return {
          id,
          state: state.toLowerCase(),
          availability: availability.toLowerCase(),
          isLeader: status === "Leader",
          isManager: status !== "",
        };
      });
  }

  async function take(engine: Engine): Promise<SwarmNode> {
    const format = "{{.Swarm.NodeID}} {{.Swarm.ControlAvailable}}";
    const [id = "", isManager] = (await engine.docker(["info", "--format", format])).trim().split(" ");
    const node = { ...engine, id };
    nodes.push(node);
    if (isManager === "true") managers.add(id);
    return node;
  }

  async function enter(engine: Engine, role: "manager" | "worker"): Promise<SwarmNode> {
    const token = (await docker(["swarm", "join-token", "--quiet", role])).trim();
    const known = nodes.find(({ id }) => managers.has(id));
    if (known === undefined) throw new Error("lab: no manager to join");
    const listen = ["--advertise-addr", engine.address, "--listen-addr", `${engine.address}:2377`];
    await engine.docker(["swarm", "join", "--token", token, ...listen, `${known.address}:2377`]);
    return await take(engine);
  }

  async function change(node: SwarmNode, verb: "promote" | "demote"): Promise<void> {
    await docker(["node", verb, node.id]);
    const isManager = verb === "promote";
    const hasChanged = async (): Promise<boolean> =>
      (await node.docker(["info", "--format", "{{.Swarm.ControlAvailable}}"])).trim() === String(isManager);
    await until(hasChanged, { timeoutMs: 30_000, what: `${node.name} to ${verb}` });
    if (isManager) managers.add(node.id);
    else managers.delete(node.id);
  }

  function byId(id: string): SwarmNode {
    const found = nodes.find((node) => node.id === id);
    if (found === undefined) throw new Error(`lab: no node ${id}`);
    return found;
  }

  return {
    ...{ nodes, node: byId, docker, rows, take, enter },
    leader: () =>
      until(
        async () => {
          const row = (await rows()).find(({ isLeader }) => isLeader);
          return row === undefined ? undefined : byId(row.id);
        },
        { timeoutMs: 60_000, everyMs: 200, what: "a leader" },
      ),
    join: async (role) => enter(await startEngine(options), role),
    promote: (node) => change(node, "promote"),
    demote: (node) => change(node, "demote"),
    async remove(...services) {
      const isLeft = (names: string): boolean => names.split("\n").some((name) => services.includes(name));
      try {
        await docker(["service", "rm", ...services]);
      } catch (error) {
        if (isLeft(await docker(["service", "ls", "--format", "{{.Name}}"]))) throw error;
      }
    },
    async untilState({ id, name }, state, timeoutMs = 60_000) {
      const isSo = async () => (await rows()).some((row) => row.id === id && row.state === state);
      await until(isSo, { timeoutMs, everyMs: 100, what: `${name} to be ${state}` });
    },
    async untilRunning(service, tasks, timeoutMs = 30_000) {
      const filters = ["--filter", "desired-state=running", "--format", "{{.CurrentState}}"];
      const isSo = async () => {
        const states = (await docker(["service", "ps", ...filters, service])).split("\n");
        return states.filter((state) => state.startsWith("Running")).length === tasks;
      };
      await until(isSo, { timeoutMs, everyMs: 100, what: `${tasks} tasks of ${service}` });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    },
  };
}
