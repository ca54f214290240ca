/** A Muster on each node of a swarm, what they should have registered, and what they have. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { AuditRecord } from "../../src/audit/record.ts";
import type { FakeKong } from "../fakes/kong/kong.ts";
import { targetsServed } from "../fakes/kong/serving.ts";
import type { Consul } from "../lab/consul.ts";
import { engineApi } from "../lab/docker-api.ts";
import { freePorts } from "../lab/ports.ts";
import { containersOf, type Swarm, type SwarmNode, startSwarm } from "../lab/swarm.ts";
import { until } from "../lab/wait.ts";
import { type Muster, startMuster } from "./muster.ts";
import type { OtherRegistry } from "./swarm-others.ts";

export interface FleetOptions {
  readonly consul: Consul;
  readonly kong: FakeKong;
  /** @default 1 */
  readonly managers?: number;
  /** @default 2 */
  readonly workers?: number;
  /** `policy.reapAfter`. @default 2s */
  readonly reapAfter?: string;
  /** One more registry, as YAML. */
  readonly registry?: string;
  /** More registries that are to be equal to what runs. */
  readonly others?: readonly OtherRegistry[];
}

export interface Fleet extends AsyncDisposable {
  readonly swarm: Swarm;
  readonly consul: Consul;
  readonly kong: FakeKong;
  muster(node: SwarmNode): Muster;
  /** Muster is replaced, as by an update of itself. */
  restart(node: SwarmNode): Promise<void>;
  /** Power loss: engine and Muster are gone. */
  lose(node: SwarmNode): Promise<void>;
  /** Power is back. */
  boot(node: SwarmNode): Promise<void>;
  /** What of a node is registered anywhere. */
  entriesOf(node: SwarmNode): Promise<readonly string[]>;
  /** A service with a port published in host mode. */
  create(name: string, replicas: number, ...args: readonly string[]): Promise<void>;
  /** Waits until all registries have exactly the tasks that run, so many of each service; tells how long that took. */
  converges(services: Readonly<Record<string, number>>): Promise<void>;
  /** Waits until all tasks of a service that should run are of this image, and do run. */
  updated(service: string, image: string): Promise<void>;
  /** Waits until no task runs on a node. */
  empty(node: SwarmNode | undefined): Promise<void>;
  /** How many objects of a kind Kong has. */
  inKong(kind: "upstreams" | "services" | "routes" | "targets"): number;
  /** `address:port` of what Consul has of a service. */
  inConsul(service: string): Promise<readonly string[]>;
  /** How many registered instances of a service answer over the network. */
  answers(service: string): Promise<number>;
  /**
   * What the audit logs have of tasks: how many writes, and those by a Muster on another node than the task's.
   * @param registries only these
   */
  audited(registries?: readonly string[]): Promise<{ readonly writes: number; readonly ofOthers: readonly string[] }>;
}

interface ConsulService {
  readonly ServiceAddress: string;
  readonly ServicePort: number;
}

const byText = (a: string, b: string) => (a < b ? -1 : 1);
const SECRET = "all-musters-of-the-fleet-know-it";

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { consul, kong, managers = 1, workers = 2, reapAfter = "2s", registry = "", others = [] } = options;
  const swarm = await startSwarm({ managers, workers });
  const folder = await mkdtemp(join(tmpdir(), "muster-fleet-"));
  const secretFile = join(folder, "secret");
  await writeFile(secretFile, SECRET, { mode: 0o600 });
  const ports = new Map((await freePorts(swarm.nodes.length)).map((port, index) => [swarm.nodes[index]?.id, port]));
  const urls = swarm.nodes.slice(0, managers).map(({ id }) => `http://127.0.0.1:${ports.get(id)}`);
  const musters = new Map<string, Muster>();
  const lost = new Set<string>();
  /** Task → its node, as far as seen. */
  const nodeOf = new Map<string, string>();
  const start = async (node: SwarmNode) => {
    musters.set(
      node.id,
      await startMuster(
        `
        node: { address: ${node.address} }
        sources:
          docker: { host: "unix://${node.socket}" }
          swarm: { secretFile: ${secretFile}, managers: [${urls.join(", ")}] }
        registries:
          embedded: false
          consul: { url: "${consul.url}" }
          kong: { url: "${kong.url}" }
          ${[registry, ...others.map(({ yaml }) => yaml(node))].join("\n          ")}
        policy: { reapAfter: ${reapAfter} }`,
        { listen: `127.0.0.1:${ports.get(node.id)}` },
      ),
    );
  };
  await Promise.all(swarm.nodes.map(start));
  await Promise.all([...musters.values()].map((muster) => muster.ready()));
  const dispose = async () => {
    await Promise.all([...musters.values()].map((muster) => muster[Symbol.asyncDispose]()));
    await Promise.all([swarm, consul, kong, ...others].map((each) => each[Symbol.asyncDispose]()));
    await rm(folder, { recursive: true, force: true });
  };

  /** `address:port` of what runs, as the engines themselves say. */
  async function running(service: string): Promise<readonly string[]> {
    const found = swarm.nodes
      .filter(({ id }) => !lost.has(id))
      .map(async (node) =>
        (await containersOf(node, service)).flatMap(({ task, ports: published }) => {
          nodeOf.set(task, node.id);
          return published.map((port) => `${node.address}:${port}`);
        }),
      );
    return (await Promise.all(found)).flat().sort(byText);
  }

  async function inConsul(service: string): Promise<readonly string[]> {
    const found = (await consul.request({ path: `/v1/catalog/service/${service}` })) as readonly ConsulService[];
    return found.map(({ ServiceAddress, ServicePort }) => `${ServiceAddress}:${ServicePort}`).sort(byText);
  }

  function inKong(service: string): readonly string[] {
    return [...targetsServed(kong.world, service)].sort(byText);
  }

  async function view(service: string) {
    const [runs, held] = await Promise.all([running(service), inConsul(service)]);
    const more = others.flatMap(({ name, held: of }): [string, readonly string[]][] => {
      const found = of(service);
      return found === null ? [] : [[name, [...found].sort(byText)]];
    });
    return { runs, consul: held, kong: inKong(service), ...Object.fromEntries(more) };
  }

  return {
    ...{ swarm, consul, kong },
    muster: ({ id }) => musters.get(id) ?? fail(),
    async restart(node) {
      await musters.get(node.id)?.[Symbol.asyncDispose]();
      await start(node);
      await musters.get(node.id)?.ready();
    },
    async lose(node) {
      await Promise.all([node.powerOff(), musters.get(node.id)?.[Symbol.asyncDispose]()]);
      musters.delete(node.id);
      lost.add(node.id);
    },
    async boot(node) {
      await node.boot();
      lost.delete(node.id);
      await start(node);
    },
    async entriesOf({ address }) {
      const names = Object.keys((await consul.request({ path: "/v1/catalog/services" })) as object);
      const all = (await Promise.all(names.map(inConsul))).flat();
      const targets = [...kong.world.store.targets.values()].map(({ target }) => String(target));
      return [...all, ...targets].filter((endpoint) => endpoint.startsWith(`${address}:`));
    },
    async create(name, replicas, ...args) {
      const publish = ["--publish", "mode=host,target=8080"];
      const base = ["service", "create", "--detach", "--name", name, "--replicas", String(replicas)];
      await swarm.docker([...base, ...publish, ...args, "lab/web:v1"]);
    },
    async converges(services) {
      const began = performance.now();
      for (const [service, count] of Object.entries(services)) {
        const isEqual = async () => {
          const { runs, ...registries } = await view(service);
          return runs.length === count && Object.values(registries).every((each) => each.join() === runs.join());
        };
        await until(isEqual, { timeoutMs: 60_000, everyMs: 100, what: `${count} of ${service} everywhere` }).catch(
          async () => {
            const { runs, ...registries } = await view(service);
            expect(runs).toHaveLength(count);
            expect(registries).toEqual(Object.fromEntries(Object.keys(registries).map((name) => [name, runs])));
          },
        );
      }
      const ms = Math.round(performance.now() - began);
      process.stdout.write(`converged in ${ms} ms: ${JSON.stringify(services)}\n`);
    },
    async updated(service, image) {
      const isDone = async () => {
        const tasks = await swarm.tasks(service);
        if (/^(updating|rollback_started)$/.test(await swarm.updateState(service))) return false;
        return tasks.length > 0 && tasks.every((task) => task.image === image && task.state === "running");
      };
      await until(isDone, { timeoutMs: 90_000, everyMs: 200, what: `${service} to be all ${image}` });
    },
    async empty(node) {
      if (node === undefined) throw new Error("no such node");
      const isEmpty = async () => (await engineApi(node.socket, { path: "/containers/json" })).trim() === "[]";
      await until(isEmpty, { timeoutMs: 60_000, everyMs: 200, what: "no container on the drained node" });
    },
    inConsul,
    inKong: (kind) => kong.world.store[kind].size,
    async answers(service) {
      const urls = (await inConsul(service)).map((endpoint) => `http://${endpoint}/`);
      const all = await Promise.all(
        urls.map((url) =>
          fetch(url).then(
            ({ ok }) => ok,
            () => false,
          ),
        ),
      );
      return all.filter(Boolean).length;
    },
    async audited(registries) {
      const logs = await Promise.all(
        [...musters.values()].map(async ({ auditPath }) => {
          const text = await readFile(auditPath, "utf8");
          const records = text
            .trim()
            .split("\n")
            .map((line) => JSON.parse(line) as AuditRecord);
          const isMeant = (name: string | null) => name !== null && (registries?.includes(name) ?? true);
          return records.filter(({ registry, task }) => isMeant(registry) && task !== null);
        }),
      );
      const writes = logs.flat();
      const ofOthers = writes.filter(({ task, node }) => (nodeOf.get(task ?? "") ?? node) !== node);
      return {
        writes: writes.length,
        ofOthers: ofOthers.map(({ seq, node, action, id }) => `${node} #${seq} ${action} ${id}`),
      };
    },
    [Symbol.asyncDispose]: dispose,
  };
}

function fail(): never {
  throw new Error("no such node");
}
