import { engineApi } from "./docker-api.ts";
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

/** A task that should run. */
export interface TaskRow {
  /** The node's id. */
  readonly node: string;
  /** As its service names it: "lab/web:v1". */
  readonly image: string;
  /** `preparing`, `starting`, `running`, ... */
  readonly state: string;
}

/** A running container of a service, as its node's own engine has it. */
export interface ServiceContainer {
  /** The task's id. */
  readonly task: string;
  /** Those published on all IPv4 addresses of the node. */
  readonly ports: readonly number[];
  /** Network → the container's IPv4 address on it. */
  readonly addresses: ReadonlyMap<string, string>;
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
  /** What the managers say of a service's tasks; of those only that should run. */
  tasks(service: string): Promise<readonly TaskRow[]>;
  /** The state of a service's newest update: `updating`, `completed`, `rollback_started`, ...; empty before the first. */
  updateState(service: string): Promise<string>;
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
  untilRunning(service: string, count: number, timeoutMs?: number): Promise<void>;
}

/** The running containers of a service on a node. */
export async function containersOf(node: Engine, service: string): Promise<readonly ServiceContainer[]> {
  const filters = JSON.stringify({ label: [`com.docker.swarm.service.name=${service}`] });
  const path = `/containers/json?filters=${encodeURIComponent(filters)}`;
  const all = JSON.parse(await engineApi(node.socket, { path })) as readonly ApiContainer[];
  return all.map(({ Labels, Ports, NetworkSettings }) => ({
    task: Labels["com.docker.swarm.task.id"] ?? "",
    ports: Ports.flatMap(({ IP, PublicPort }) => (IP === "0.0.0.0" && PublicPort !== undefined ? [PublicPort] : [])),
    addresses: new Map(Object.entries(NetworkSettings.Networks).map(([name, { IPAddress }]) => [name, IPAddress])),
  }));
}

interface ApiContainer {
  readonly Labels: Readonly<Record<string, string>>;
  readonly Ports: readonly { readonly IP?: string; readonly PublicPort?: number }[];
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>> };
}

interface ApiNode {
  readonly ID: string;
  readonly Status: { readonly State: string };
  readonly Spec: { readonly Availability: string };
  /** Managers only. */
  readonly ManagerStatus?: { readonly Leader?: boolean };
}

interface ApiTask {
  /** None before it has been given to a node. */
  readonly NodeID?: string;
  readonly Spec: { readonly ContainerSpec: { readonly Image: string } };
  readonly Status: { readonly State: string };
}

interface ApiService {
  readonly UpdateStatus?: { readonly State?: string };
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

  /** Has the first manager that can do something do it. */
  async function byManager<T>(what: string, work: (node: SwarmNode) => Promise<T>): Promise<T> {
    const errors: unknown[] = [];
    for (const node of nodes.filter(({ id }) => managers.has(id))) {
      try {
        return await work(node);
      } catch (error) {
        errors.push(error);
      }
    }
    throw errors.length === 1 ? errors[0] : new AggregateError(errors, `lab: no manager does ${what}`);
  }

  function docker(args: readonly string[]): Promise<string> {
    return byManager(args.join(" "), (node) => node.docker(args));
  }

  /** For what is asked again and again: a CLI's start takes more of the CPU than the engine's answer. */
  function get<T>(path: string): Promise<T> {
    return byManager(path, async (node) => JSON.parse(await engineApi(node.socket, { path })) as T);
  }

  async function rows(): Promise<readonly NodeRow[]> {
    return (await get<readonly ApiNode[]>("/nodes")).map(({ ID, Status, Spec, ManagerStatus }) => ({
      id: ID,
      state: Status.State,
      availability: Spec.Availability,
      isLeader: ManagerStatus?.Leader ?? false,
      isManager: ManagerStatus !== undefined,
    }));
  }

  async function tasks(service: string): Promise<readonly TaskRow[]> {
    const filters = JSON.stringify({ service: [service], "desired-state": ["running"] });
    const all = await get<readonly ApiTask[]>(`/tasks?filters=${encodeURIComponent(filters)}`);
    return all.map(({ NodeID = "", Spec, Status }) => {
      const [image = ""] = Spec.ContainerSpec.Image.split("@");
      return { node: NodeID, image, state: Status.State };
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
    ...{ nodes, node: byId, docker, rows, tasks, take, enter },
    updateState: async (service) => (await get<ApiService>(`/services/${service}`)).UpdateStatus?.State ?? "",
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
    async untilRunning(service, count, timeoutMs = 30_000) {
      const isSo = async () => (await tasks(service)).filter(({ state }) => state === "running").length === count;
      await until(isSo, { timeoutMs, everyMs: 100, what: `${count} tasks of ${service}` });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(nodes.map((node) => node[Symbol.asyncDispose]()));
    },
  };
}
