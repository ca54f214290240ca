/**
 * What one Muster has been told, in the fewest words: whether a task is fit or not, whether a service exists. By this a
 * write is judged: wrong is what reality and everything that was told speak against.
 */
import type {
  AddressedFact,
  DefinedFact,
  Fact,
  GoneFact,
  HealthFact,
  NodeFact,
  SourceStateFact,
  StatusFact,
  SyncedFact,
} from "../../src/model.ts";

export type Verdict = "ready" | "unready" | "unknown";

export interface Told {
  /** @param worth of a listing, at its end: only what a `whole` one lacks may be taken for gone */
  hear(fact: Fact, worth: Worth): void;
  /** @param source whose listing has the task, if any has */
  task(task: string, source: string): Verdict;
  service(service: string, source: string): Verdict;
  /** The port at which the source last said that the task is; null: it has not. */
  port(task: string, source: string): number | null;
  /** Whether it was fit when it was told to stop, and is not known to have stopped since. */
  isDraining(task: string): boolean;
  /** Since when the source says that it is not connected, ms, `now`; null: it is. */
  awaySince(source: string): number | null;
  /** Whether any listing of it has been complete. */
  hasListed(source: string): boolean;
  /** Which lie of the source's it goes by: 1 for its first; null: its last listing was true. */
  lie(source: string): number | null;
  /** The node's state as last told, with since when it is not up (ms, `now`); null: it is up, or nothing is known. */
  downSince(node: string): number | null;
}

export type Worth = "whole" | "doubtful" | "lie";

interface Slot {
  clock: number;
  isFit: boolean;
}

export function createTold(now: () => number): Told {
  /** By source and task, then by kind. */
  const tasks = new Map<string, Map<string, Slot>>();
  const gone = new Set<string>();
  const services = new Map<string, Slot>();
  const nodes = new Map<string, { clock: number; state: string; since: number }>();
  /** Sources of which a listing was whole. */
  const whole = new Set<string>();
  const listedOnce = new Set<string>();
  const lies = new Map<string, number>();
  /** By source and task. */
  const ports = new Map<string, { readonly clock: number; readonly port: number | null }>();
  const draining = new Set<string>();
  /** Of the last listing of each source. */
  const floors = new Map<string, number>();
  const away = new Map<string, number>();
  let lieCount = 0;

  const told: Told = {
    hear(fact, worth) {
      switch (fact.kind) {
        case "source":
          return hearConnection(fact);
        case "synced":
          return hearSynced(fact, worth);
        case "gone":
          return hearGone(fact);
        case "status":
          return hearStatus(fact);
        case "health":
          return hearHealth(fact);
        case "addressed":
          return hearAddress(fact);
        case "defined":
          return hearDefinition(fact);
        case "node":
          return hearNode(fact);
      }
    },
    task(task, source) {
      if (gone.has(task)) return "unready";
      const own = [...tasks].filter(([key]) => key.endsWith(` ${task}`)).map(([, slots]) => [...slots.values()]);
      if (own.flat().some(({ isFit }) => !isFit)) return "unready";
      const listing = tasks.get(`${source} ${task}`);
      if (listing !== undefined && listing.size > 0) return "ready";
      return whole.has(source) ? "unready" : "unknown";
    },
    service(service, source) {
      const slot = services.get(`${source} ${service}`);
      if (slot !== undefined) return slot.isFit ? "ready" : "unready";
      return whole.has(source) ? "unready" : "unknown";
    },
    port: (task, source) => ports.get(`${source} ${task}`)?.port ?? null,
    isDraining: (task) => draining.has(task),
    awaySince: (source) => away.get(source) ?? null,
    hasListed: (source) => listedOnce.has(source),
    lie: (source) => lies.get(source) ?? null,
    downSince: (node) => {
      const held = nodes.get(node);
      return held === undefined || held.state === "up" ? null : held.since;
    },
  };
  return told;

  function hearConnection({ source, state }: SourceStateFact): void {
    if (state === "connected") away.delete(source);
    else if (!away.has(source)) away.set(source, now());
  }

  function hearSynced({ source, floor }: SyncedFact, worth: Worth): void {
    listedOnce.add(source);
    floors.set(source, floor);
    // What it lacks is dropped, and if it comes back while it stops, it is not known to have been ready.
    for (const task of draining)
      if ((tasks.get(`${source} ${task}`)?.get("status")?.clock ?? floor) < floor) draining.delete(task);
    if (worth === "lie") lies.set(source, ++lieCount);
    else lies.delete(source);
    if (worth === "whole") listed(source, floor);
  }

  function hearDefinition({ source, app, clock, standing }: DefinedFact): void {
    if (standing === true) keep(services, `${source} ${serviceOf(app)}`, clock, true);
  }

  function hearGone({ task }: GoneFact): void {
    gone.add(task);
    draining.delete(task);
  }

  function hearStatus({ task, source, clock, status }: StatusFact): void {
    if (status !== "stopping") draining.delete(task);
    else if (wasReady(task)) draining.add(task);
    put(`${source} ${task}`, "status", clock, status === "running");
  }

  function hearHealth({ task, source, clock, health }: HealthFact): void {
    put(`${source} ${task}`, "health", clock, health === "passing" || health === "none");
  }

  function hearAddress({ task, source, clock, bindings, allocated }: AddressedFact): void {
    const held = ports.get(`${source} ${task}`);
    if (held !== undefined && held.clock > clock) return;
    ports.set(`${source} ${task}`, { clock, port: bindings[0]?.hostPort ?? allocated?.ports[0]?.port ?? null });
  }

  /** By the last listing, or since, whatever that was worth. */
  function wasReady(task: string): boolean {
    return ["docker", "marathon"].some((source) => {
      const status = tasks.get(`${source} ${task}`)?.get("status");
      return status !== undefined && status.clock >= (floors.get(source) ?? 0) && told.task(task, source) === "ready";
    });
  }

  function hearNode({ node, clock, state }: NodeFact): void {
    const held = nodes.get(node);
    if (held !== undefined && held.clock > clock) return;
    nodes.set(node, { clock, state, since: held?.state === state ? held.since : now() });
  }

  function put(key: string, kind: string, clock: number, isFit: boolean): void {
    const slots = tasks.get(key) ?? new Map<string, Slot>();
    tasks.set(key, slots);
    keep(slots, kind, clock, isFit);
  }

  function keep(slots: Map<string, Slot>, key: string, clock: number, isFit: boolean): void {
    const held = slots.get(key);
    if (held === undefined || held.clock <= clock) slots.set(key, { clock, isFit });
  }

  function listed(source: string, floor: number): void {
    whole.add(source);
    const isOwn = ([key]: readonly [string, unknown]) => key.startsWith(`${source} `);
    for (const [key, slots] of [...tasks].filter(isOwn)) {
      dropBelow(floor, slots);
      if (slots.size === 0) draining.delete(key.slice(source.length + 1));
    }
    for (const [, slot] of [...services].filter(isOwn)) if (slot.clock < floor) slot.isFit = false;
  }
}

function dropBelow(floor: number, slots: Map<string, Slot>): void {
  for (const [kind, { clock }] of slots) if (clock < floor) slots.delete(kind);
}

/** `swarm:web` and `marathon:web` are services called so. */
function serviceOf(app: string): string {
  return app.slice(app.indexOf(":") + 1);
}
