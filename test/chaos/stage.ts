/** The lab: a real swarm and Consul, fakes of the other registries, a Muster per node, a proxy on each way. */
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import { type FakeKong, startFakeKong } from "../fakes/kong/kong.ts";
import { type FakeVulcand, startFakeVulcand } from "../fakes/vulcand/server.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { freePorts } from "../lab/ports.ts";
import { type Swarm, type SwarmNode, startSwarm } from "../lab/swarm.ts";
import { until } from "../lab/wait.ts";
import { WAYS, type Way } from "./fault.ts";
import { type Muster, prepareMuster } from "./muster.ts";
import { startTcpProxy, type Target, type TcpProxy } from "./tcp-proxy.ts";
import { GROUPS } from "./work.ts";

/** A node with what is on it and around it. */
export interface Place {
  readonly number: number;
  readonly node: SwarmNode;
  readonly muster: Muster;
  readonly ways: Readonly<Record<Way, TcpProxy>>;
  /** To the other nodes' Musters. */
  readonly peers: readonly TcpProxy[];
}

export interface Stage extends AsyncDisposable {
  readonly swarm: Swarm;
  readonly consul: Consul;
  readonly kong: FakeKong;
  readonly vulcand: FakeVulcand;
  readonly elb: FakeElb;
  readonly places: readonly Place[];
}

export interface StageOptions {
  /** The built `main.js`. */
  readonly program: string;
  /** For logs, audit logs and configurations. */
  readonly folder: string;
  readonly random: () => number;
  /** What a Muster should not do: end by itself, not stop. */
  readonly onFault: (what: string) => void;
}

/** All of them managers, so that any one of them may be lost. */
const NODES = 3;
/** How long a target that is taken out drains, s. */
const DELAY_S = "20";

/** Starts everything, a plain container with a health check on each node, and the Musters. Some 15 s. */
export async function startStage(options: StageOptions): Promise<Stage> {
  const parts: AsyncDisposable[] = [];
  const keep = <T extends AsyncDisposable>(part: T): T => {
    parts.push(part);
    return part;
  };
  const dispose = async () => {
    const failed: unknown[] = [];
    for (const part of parts.splice(0).toReversed()) {
      try {
        await part[Symbol.asyncDispose]();
      } catch (error) {
        failed.push(error);
      }
    }
    if (failed.length > 0) throw failed[0];
  };
  try {
    const [consul, kong, vulcand, elb] = await Promise.all([
      startConsul({ dataDir: true }).then(keep),
      startFakeKong().then(keep),
      startFakeVulcand("0.9.2-etcd3").then(keep),
      startFakeElb().then(keep),
    ]);
    for (const name of GROUPS) {
      const group = elb.world.addGroup({ name, tags: { "muster:cluster": "default" } });
      group.attributes.set("deregistration_delay.timeout_seconds", DELAY_S);
    }
    for (let node = 0; node < NODES; node++)
      elb.world.machines.set(machineOf(node), { vpc: "vpc-1", state: "running" });
    const swarm = keep(await startSwarm({ managers: NODES }));
    const servers = { swarm, consul, kong, vulcand, elb };
    const places = await startPlaces(servers, options, keep);
    await Promise.all(places.map(startPlain));
    for (const { muster } of places) muster.start();
    await untilReady(places);
    return { ...servers, places, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function untilReady(places: readonly Place[]): Promise<void> {
  const isReady = async () => (await Promise.all(places.map(({ muster }) => muster.isReady()))).every(Boolean);
  const dead = new AbortController();
  const look = async () => {
    const ended = places.find(({ muster }) => !muster.isRunning());
    if (ended !== undefined) dead.abort(new Error(`the Muster of node ${ended.number} does not run`));
    return await isReady();
  };
  await until(look, { timeoutMs: 60_000, everyMs: 100, what: "the Musters to be ready", signal: dead.signal });
}

type Servers = Pick<Stage, "swarm" | "consul" | "kong" | "vulcand" | "elb">;

async function startPlaces(
  servers: Servers,
  { program, folder, random, onFault }: StageOptions,
  keep: <T extends AsyncDisposable>(part: T) => T,
): Promise<readonly Place[]> {
  const secretFile = join(folder, "secret");
  await writeFile(secretFile, randomUUID(), { mode: 0o600 });
  const { nodes } = servers.swarm;
  const ports = await freePorts(nodes.length);
  const proxy = async (target: Target) => keep(await startTcpProxy({ target, random }));
  return await Promise.all(
    nodes.map(async (node, number): Promise<Place> => {
      const peers = await Promise.all(ports.flatMap((port, other) => (other === number ? [] : [proxy({ port })])));
      const opened = WAYS.map(async (way) => [way, await proxy(targetOf(way, node, servers))] as const);
      const ways = Object.fromEntries(await Promise.all(opened)) as Record<Way, TcpProxy>;
      const managers = peers.map((peer) => `http://127.0.0.1:${peer.port}`);
      const name = `node ${number}`;
      const config = configOf({ node, number }, ways, { secretFile, managers });
      const place = { program, folder: join(folder, `node-${number}`), port: ports[number] ?? 0 };
      const muster = keepStopped(await prepareMuster({ ...place, name, config, onFault }), keep);
      return { number, node, muster, ways, peers };
    }),
  );
}

function keepStopped(muster: Muster, keep: <T extends AsyncDisposable>(part: T) => T): Muster {
  keep({ [Symbol.asyncDispose]: () => muster.stop("SIGKILL") });
  return muster;
}

function targetOf(way: Way, node: SwarmNode, { consul, kong, vulcand, elb }: Servers): Target {
  if (way === "engine") return { path: node.socket };
  const { url } = { consul, kong, vulcand, alb: elb }[way];
  return { port: Number(new URL(url).port) };
}

function configOf(
  { node, number }: Pick<Place, "node" | "number">,
  ways: Readonly<Record<Way, TcpProxy>>,
  swarm: { readonly secretFile: string; readonly managers: readonly string[] },
): Readonly<Record<string, unknown>> {
  const url = (way: Way) => `http://127.0.0.1:${ways[way].port}`;
  return {
    node: { address: node.address },
    sources: { docker: { host: `tcp://127.0.0.1:${ways.engine.port}` }, swarm },
    registries: {
      embedded: false,
      consul: { url: url("consul") },
      kong: { url: url("kong") },
      vulcand: { url: url("vulcand") },
      alb: { region: "eu-west-1", endpoint: url("alb"), instanceId: machineOf(number), musters: NODES },
    },
    policy: { reapAfter: "5s" },
    log: { level: "debug" },
  };
}

/** The EC2 instance that a node is. */
export function machineOf(number: number): string {
  return `i-0000000${number}`;
}

/** Unlike a swarm's tasks, an unhealthy plain container runs on, and one that ends starts again with other ports. */
async function startPlain({ node, number }: Place): Promise<void> {
  const labels = ["--label", "muster.name=plain", "--label", "muster.tags=plain"];
  const how = ["run", "--detach", "--name", plainName(number), "--restart", "always", "--publish", "8080"];
  await node.docker([...how, ...labels, "lab/web:hc"]);
}

export function plainName(number: number): string {
  return `plain-${number}`;
}
