/**
 * What one Muster has been told, in the fewest words: whether a task is fit or not, whether a service exists. By this a
 * write is judged: wrong is what reality and everything that was told speak against.
 */
import type { Fact } from "../../src/model.ts";

export type Verdict = "ready" | "unready" | "unknown";

export interface Told {
  /** @param worth of a listing, at its end: only what a `whole` one lacks may be taken for gone */
  hear(fact: Fact, worth: Worth): void;
  /** @param source whose listing has the task, if any has */
  task(task: string, source: string): Verdict;
  service(service: string, source: string): Verdict;
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
  let lieCount = 0;

  return {
    hear(fact, worth) {
      const { source, clock } = fact;
      if (fact.kind === "synced") {
        listedOnce.add(source);
        if (worth === "lie") lies.set(source, ++lieCount);
        else lies.delete(source);
        if (worth === "whole") listed(source, fact.floor);
        return;
      }
      if (fact.kind === "gone") gone.add(fact.task);
      if (fact.kind === "status") put(`${source} ${fact.task}`, "status", clock, fact.status === "running");
      if (fact.kind === "health")
        put(`${source} ${fact.task}`, "health", clock, fact.health === "passing" || fact.health === "none");
      if (fact.kind === "defined" && fact.standing === true)
        keep(services, `${source} ${serviceOf(fact.app)}`, clock, true);
      if (fact.kind === "node") hearNode(fact.node, clock, fact.state);
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
    hasListed: (source) => listedOnce.has(source),
    lie: (source) => lies.get(source) ?? null,
    downSince: (node) => {
      const held = nodes.get(node);
      return held === undefined || held.state === "up" ? null : held.since;
    },
  };

  function hearNode(node: string, clock: number, state: string): void {
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
    for (const [, slots] of [...tasks].filter(isOwn)) dropBelow(floor, slots);
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
