/**
 * A large cluster of the simulation's parts (test/sim) in fair weather: real Musters on virtual time, one a node, on one
 * Consul and one gateway of which every request is counted.
 */
import "../sim/globals.ts";
import type { LockClient } from "../../adapters/elections/consul/client.ts";
import { waitBy } from "../../src/clock.ts";
import type { Registry } from "../../src/model.ts";
import { createLockService } from "../fakes/lock-service.ts";
import { createRandom } from "../lab/marathon/random.ts";
import { createAdapter, throughConsul, throughGateway } from "../sim/adapters.ts";
import { mountDisk } from "../sim/disk.ts";
import { createMachine } from "../sim/machine.ts";
import { createMarathon } from "../sim/marathon.ts";
import { type Life, LOCK_TTL_MS, live, type Surroundings } from "../sim/muster.ts";
import { createReality, type Node } from "../sim/reality.ts";
import { CLUSTER, createConsul, createGateway } from "../sim/registries.ts";
import { createEngine, createManagers } from "../sim/servers.ts";
import { createSimulatedSource } from "../sim/source.ts";
import { createTold } from "../sim/told.ts";
import type { SourceName } from "../sim/weather.ts";

const REGISTRIES = ["consul", "gateway"] as const;
export type RegistryName = (typeof REGISTRIES)[number];

export interface Calls {
  /** Full listings, of what is one's own and of what is others'. */
  lists: number;
  /** One entry each. */
  writes: number;
}

export type Simulated = ReturnType<typeof createSimulated>;

/** ms, one way. */
const SLOWNESS = 2;
const AUDIT_BYTES = 100_000_000;
const LINE = { isOpen: true, isDown: false, slowness: SLOWNESS, errors: 0, lost: 0, late: 0 };

/** Nodes with Musters, and services of which nothing runs yet. */
export function createSimulated(size: { readonly nodes: number; readonly services: number }) {
  const machine = createMachine(1);
  // That many tasks are looked at in one step without anything going round and round.
  machine.look = () => {};
  const random = createRandom(2);
  const reality = createReality(machine, createRandom(3));
  for (let index = 0; index < size.nodes; index++) reality.nodes.push(nodeOf(index));
  for (let index = 0; index < size.services; index++) reality.addApp(`s${index}`, "swarm", false);
  const joined = { onStranger: refuse, isJoined: () => true };
  const servers = { consul: createConsul(joined), gateway: createGateway(joined) };
  const calls: Record<RegistryName, Calls> = { consul: { lists: 0, writes: 0 }, gateway: { lists: 0, writes: 0 } };
  const lock = { calls: 0 };
  const managers = createManagers(machine, reality);
  const marathon = createMarathon(machine, reality, random);
  const engines = new Map(reality.nodes.map((node) => [node, createEngine(reality, node)]));
  const after = (ms: number, callback: () => void) => machine.after(ms, null, "lock", callback);
  const locks = createLockService({
    clock: { now: machine.now, after, wait: (ms, signal) => waitBy({ after }, ms, signal) },
    ...{ random: random.next, ttl: LOCK_TTL_MS },
  });
  const surroundings: Surroundings = {
    ...{ machine, source, registries, lockClient },
    begins: (life) => ({ number: 1, life, since: machine.now(), isOver: false }),
    serves() {},
    ended: ({ process, exit }) => void machine.crashes.push(new Error(`Muster ${process.name}: ${exit}`)),
  };
  const lives = reality.nodes.map((node): Life => {
    const told = { node: createTold(machine.now), cluster: createTold(machine.now) };
    const process = machine.spawn(node.id.slice(0, 4), 0);
    return {
      node,
      process,
      told,
      sources: new Map(),
      agent: null,
      term: null,
      exit: null,
      stop: new AbortController(),
    };
  });

  return {
    ...{ machine, reality, calls, lock },
    entries: (name: RegistryName) => [...servers[name].entries.values()].filter(({ owner }) => owner !== null).length,
    boot() {
      for (const life of lives) {
        const disk = mountDisk(life.node.id, { now: machine.now, pause: () => null });
        live(life, `${disk.folder}/audit.jsonl`, AUDIT_BYTES, surroundings);
      }
    },
    /** Lets so much virtual time pass, ms. @throws what a Muster died of */
    async pass(ms: number) {
      await machine.run(machine.now() + ms, () => machine.crashes.length > 0);
      if (machine.crashes.length > 0) throw machine.crashes[0];
    },
    async end() {
      const over = new Error("measured");
      await machine.dissolve(lives.map(({ process, stop }) => ({ process, letGo: () => stop.abort(over) })));
    },
  };

  function source(life: Life, scope: "node" | "cluster", name: SourceName, now: () => number) {
    const audience = scope === "node" ? life.node.id : null;
    const server = { docker: engines.get(life.node), swarm: managers.of(audience), marathon }[name];
    if (server === undefined) throw new Error(`${name}: no server`);
    return createSimulatedSource({
      ...{
        name,
        machine,
        random,
        server,
        audience,
        now,
        process: life.process,
        told: life.told[scope],
        period: 60_000,
      },
      path: { isOpen: () => true, delay: () => SLOWNESS, fate: () => "once" },
    });
  }

  function registries({ node, process }: Life, scope: "node" | "cluster"): readonly Registry[] {
    const owner = scope === "node" ? node.id : CLUSTER;
    return REGISTRIES.map((name) => {
      const adapter = createAdapter({
        ...{ machine, process, random, owner, server: servers[name], line: () => LINE, onReturn: () => () => {} },
        ...{ project: name === "consul" ? throughConsul : throughGateway, concurrent: name === "consul" },
        watcher: { sends() {}, lands() {}, lists() {} },
      });
      return counted(adapter, calls[name]);
    });
  }

  /** Each call is counted, and its answer comes in a step of the process, as all that it does. */
  function lockClient({ process }: Life): LockClient {
    const client = locks.client({ state: "up" });
    const counted = <T>(answer: Promise<T>): Promise<T> => {
      lock.calls += 1;
      return new Promise((resolve, reject) => {
        answer.then(
          (value) => machine.after(0, process, "lock answers", () => resolve(value)),
          (error: unknown) => machine.after(0, process, "lock fails", () => reject(error)),
        );
      });
    };
    return {
      read: (signal) => counted(client.read(signal)),
      changed: (since, ms, signal) => counted(client.changed(since, ms, signal)),
      createSession: (signal) => counted(client.createSession(signal)),
      renewSession: (session, signal) => counted(client.renewSession(session, signal)),
      destroySession: (session, signal) => counted(client.destroySession(session, signal)),
      take: (mark, seen, signal) => counted(client.take(mark, seen, signal)),
      acquire: (mark, signal) => counted(client.acquire(mark, signal)),
      place: (mark, signal) => counted(client.place(mark, signal)),
      release: (mark, signal) => counted(client.release(mark, signal)),
      async [Symbol.asyncDispose]() {},
    };
  }
}

/** As Swarm names them: 25 letters and digits. */
function nodeOf(index: number): Node {
  const id = `n${String(index).padStart(3, "0")}`.padEnd(25, "x");
  return { id, address: `10.0.${Math.floor(index / 250)}.${(index % 250) + 1}`, isOn: true, isCut: false };
}

function refuse(key: string): void {
  throw new Error(`${key} is a stranger's, and was written`);
}

/** Each listing, and each change, is a request. */
function counted(adapter: Registry, calls: Calls): Registry {
  const { list, apply, listOthers } = adapter;
  return {
    ...adapter,
    list(signal) {
      calls.lists += 1;
      return list(signal);
    },
    apply(changes, signal) {
      calls.writes += changes.length;
      return apply(changes, signal);
    },
    ...(listOthers && {
      listOthers(signal: AbortSignal) {
        calls.lists += 1;
        return listOthers(signal);
      },
    }),
  };
}
