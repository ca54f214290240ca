/** Puts a cluster together: reality, servers, registries, and a Muster on each node, watched by the judge. */
import type { LockClient } from "../../adapters/elections/consul/client.ts";
import { waitBy } from "../../src/clock.ts";
import type { Registry } from "../../src/model.ts";
import { createLockService } from "../fakes/lock-service.ts";
import { createRandom } from "../lab/marathon/random.ts";
import { type AdapterOptions, createAdapter, throughConsul, throughGateway } from "./adapters.ts";
import { createLedger } from "./audited.ts";
import { mountDisk } from "./disk.ts";
import { createJudge } from "./judge.ts";
import type { Machine } from "./machine.ts";
import { createMarathon } from "./marathon.ts";
import { type Life, LOCK_TTL_MS, live, POLICY, type Surroundings, type Term } from "./muster.ts";
import { createReality, type Node } from "./reality.ts";
import { CLUSTER, createConsul, createGateway } from "./registries.ts";
import { createEngine, createManagers, isAway } from "./servers.ts";
import { createSimulatedSource } from "./source.ts";
import type { Story } from "./story.ts";
import { createTold } from "./told.ts";
import {
  createNodeWeather,
  createTroubles,
  lineOf,
  type NodeWeather,
  pathOf,
  type RegistryName,
  type SourceName,
} from "./weather.ts";

export type Cluster = ReturnType<typeof createCluster>;

export function createCluster(machine: Machine, story: Story) {
  const random = createRandom(story.seed + 7);
  const reality = createReality(machine, createRandom(story.seed + 11));
  for (let index = 0; index < story.nodes; index++) reality.addNode(index);
  const troubles = createTroubles(machine);
  const terms: Term[] = [];
  const lives = new Map<Node, Life>();
  const everyLife: Life[] = [];
  const skews = new Map(reality.nodes.map((node, index) => [node, story.skews[index] ?? 0]));
  /** Servers that are down: `swarm`, `marathon`, `gateway`, `consul OWNER`, `docker NODE`. */
  const down = new Set<string>();
  const returnListeners = new Map<string, Set<() => void>>();
  const weather = new Map(reality.nodes.map((node) => [node, createNodeWeather(disk(node))]));
  const ledgers = new Map(reality.nodes.map((node) => [node, createLedger(weatherAt(node).disk, machine)]));
  const nodeOf = (owner: string) => reality.nodes.find(({ id }) => id === owner);
  const judge = createJudge({ machine, reality, lifeOf, terms: () => terms.length });
  const servers = {
    consul: createConsul({ onStranger: touched, isJoined: (owner) => nodeOf(owner)?.isCut !== true }),
    gateway: createGateway({ onStranger: touched, isJoined: () => true }),
  };
  const marathon = createMarathon(machine, reality, random);
  const managers = createManagers(machine, reality);
  const engines = new Map(reality.nodes.map((node) => [node, createEngine(reality, node)]));
  const after = (ms: number, callback: () => void) => machine.after(ms, null, "lock", callback);
  const locks = createLockService({
    clock: { now: machine.now, after, wait: (ms, signal) => waitBy({ after }, ms, signal) },
    random: random.next,
    ttl: LOCK_TTL_MS,
  });
  const isStopping = { now: false };
  const endings = new Map<string, () => void>();
  const surroundings: Surroundings = { machine, source, registries, lockClient, begins, serves, ended };

  return {
    ...{ machine, random, reality, troubles, terms, lives, everyLife, down, judge, servers, marathon, locks, skews },
    ...{ isStopping, weatherAt, boot, kill, returned, auditPath },
  };

  function weatherAt(node: Node): NodeWeather {
    return weather.get(node) as NodeWeather;
  }

  function disk(node: Node) {
    const pause = () =>
      story.slowDisks && machine.current !== null
        ? new Promise<void>((resolve) => machine.after(3 * random.next(), machine.current, "disk", resolve))
        : null;
    return mountDisk(node.id, { now: machine.now, pause });
  }

  function auditPath(node: Node): string {
    return `${weatherAt(node).disk.folder}/audit.jsonl`;
  }

  function touched(key: string): void {
    judge.violate("stranger", `${key} is a stranger's, and was written`);
  }

  function lifeOf({ process }: AdapterOptions): Life {
    return everyLife.find((life) => life.process === process) as Life;
  }

  function boot(node: Node): void {
    if (isStopping.now || !node.isOn || lives.get(node)?.process.alive === true) return;
    const process = machine.spawn(`${node.id.charAt(0)}${everyLife.length}`, skews.get(node) ?? 0);
    const told = { node: createTold(machine.now), cluster: createTold(machine.now) };
    const life: Life = {
      ...{ node, process, told, sources: new Map(), agent: null, term: null, exit: null },
      stop: new AbortController(),
    };
    lives.set(node, life);
    everyLife.push(life);
    troubles.mark(`muster ${node.id}`);
    live(life, auditPath(node), story.auditBytes, surroundings);
  }

  function kill(life: Life): void {
    life.process.alive = false;
    life.exit ??= "killed";
    if (life.term !== null) life.term.isOver = true;
    troubles.mark(`muster ${life.node.id}`);
  }

  /** Whatever runs Muster starts it again. */
  function ended(life: Life): void {
    troubles.mark(`muster ${life.node.id}`);
    machine.after(1_000, null, "supervisor", () => boot(life.node));
  }

  function begins(life: Life): Term {
    const term = { number: terms.length + 1, life, since: machine.now(), isOver: false };
    terms.push(term);
    machine.note(`term ${term.number} ${life.process.name}`);
    return term;
  }

  function serves(life: Life, agent: NonNullable<Life["agent"]>): void {
    ledgers.get(life.node)?.watch(agent, (what) => judge.violate("audited late", what));
  }

  function source(life: Life, scope: "node" | "cluster", name: SourceName, now: () => number) {
    const { node, process } = life;
    const audience = scope === "node" ? node.id : null;
    const server = { docker: engines.get(node), swarm: managers.of(audience), marathon }[name];
    if (server === undefined) throw new Error(`${name}: no server`);
    const isUp = () => !down.has(name === "docker" ? `docker ${node.id}` : name);
    return createSimulatedSource({
      ...{ name, machine, process, random, server, audience, told: life.told[scope] },
      path: pathOf(name, node, weatherAt(node).sources[name], isUp, random),
      period: name === "marathon" ? 15_000 : POLICY.resync,
      now,
    });
  }

  function registries(life: Life, scope: "node" | "cluster"): readonly Registry[] {
    const owner = scope === "node" ? life.node.id : CLUSTER;
    return (["consul", "gateway"] as const).map((name) =>
      createAdapter({
        ...{ machine, process: life.process, random, owner, server: servers[name] },
        line: () => {
          const isNear = name === "consul" && scope === "node";
          const isDown = down.has(name === "consul" ? `consul ${owner}` : name);
          return lineOf(weatherAt(life.node).registries[name], life.node, isNear, isDown);
        },
        project: name === "consul" ? throughConsul : throughGateway,
        // A gateway's entries hang on each other.
        concurrent: name === "consul",
        onReturn: (listener) => listen(returnKey(name, owner, life.node), listener),
        watcher: { ...judge, lands, lists },
      }),
    );
  }

  function returnKey(name: RegistryName, owner: string, node: Node): string {
    return `${name} ${owner} ${node.id}`;
  }

  function listen(key: string, listener: () => void): () => void {
    const all = returnListeners.get(key) ?? new Set();
    returnListeners.set(key, all.add(listener));
    return () => void all.delete(listener);
  }

  /** A registry (or, for Consul, that agent) is back, or the way of one node to it: their adapters notice. */
  function returned(name: RegistryName, owner: string | null, from: Node | null): void {
    for (const life of lives.values()) {
      if (from !== null && life.node !== from) continue;
      const owners = [life.node.id, CLUSTER].filter((own) => owner === null || own === owner);
      const listeners = owners.flatMap((own) => [...(returnListeners.get(returnKey(name, own, life.node)) ?? [])]);
      for (const notice of listeners) machine.after(300 * random.next(), life.process, `${name} is back`, notice);
    }
  }

  /** What an adapter can't have seen: it goes by its mirror until it lists again. */
  function lands(
    change: { readonly key: string; readonly before: { readonly node?: string } | null },
    options: AdapterOptions,
    isTimely: boolean,
  ): void {
    const { server, owner } = options;
    machine.note(`${server.name} ${owner} ${change.key}`);
    const victim = nodeOf(change.before?.node ?? owner);
    if (!isTimely) stale(owner, server.name);
    // Who comes back looks for itself, but not for what comes after.
    if (victim !== undefined && victim.id !== owner && !isAway(victim)) stale(victim.id, server.name);
  }

  function stale(owner: string, registry: string): void {
    const key = `stale ${owner} ${registry}`;
    endings.get(key)?.();
    endings.set(key, troubles.begin(key));
  }

  function lists({ owner, server }: AdapterOptions): void {
    endings.get(`stale ${owner} ${server.name}`)?.();
  }

  /** Answers come in steps of the process, so that the dead hear nothing. */
  function lockClient(life: Life): LockClient {
    const client = locks.client(weatherAt(life.node).lock);
    const { process } = life;
    const stepped = <T>(answer: Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        answer.then(
          (value) => machine.after(0, process, "lock answers", () => resolve(value)),
          (error: unknown) => machine.after(0, process, "lock fails", () => reject(error)),
        );
      });
    return {
      read: (signal) => stepped(client.read(signal)),
      changed: (since, ms, signal) => stepped(client.changed(since, ms, signal)),
      createSession: (signal) => stepped(client.createSession(signal)),
      renewSession: (session, signal) => stepped(client.renewSession(session, signal)),
      destroySession: (session, signal) => stepped(client.destroySession(session, signal)),
      take: (mark, seen, signal) => stepped(client.take(mark, seen, signal)),
      acquire: (mark, signal) => stepped(client.acquire(mark, signal)),
      place: (mark, signal) => stepped(client.place(mark, signal)),
      release: (mark, signal) => stepped(client.release(mark, signal)),
      async [Symbol.asyncDispose]() {},
    };
  }
}
