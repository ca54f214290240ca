/** What is known of our targets: which are registered, and how they are. Renewed by listings, polls and our own writes. */
import { hostPort } from "../../endpoint.ts";
import type { TargetHealth } from "./elb.ts";
import type { Group } from "./groups.ts";
import { hintFor, type TargetDetail } from "./hints.ts";
import type { TargetSpec } from "./project.ts";

/** One target of ours. */
export interface Entry {
  readonly spec: TargetSpec;
  /** Whether the group has it, and doesn't drain it. */
  readonly isRegistered: boolean;
  readonly state: string;
  readonly reason: string | null;
  readonly description: string | null;
  /** ms, when this was seen */
  readonly at: number;
}

/** A target of ours as AWS tells of it. */
export interface Sighting {
  readonly address: string;
  readonly health: TargetHealth;
}

export interface Book {
  /** A group was read as a whole. */
  listed(group: Group, ours: readonly Sighting[]): void;
  /** Some targets of a group were asked for. */
  seen(group: Group, some: readonly Sighting[]): void;
  registered(spec: TargetSpec): void;
  deregistered(spec: TargetSpec): void;
  /** A write of unknown or partial outcome: only AWS knows what the group holds. */
  doubt(group: string): void;
  gone(group: string): void;
  entries(group: string): readonly Entry[];
  /** ms; when the group was last read as a whole, if nothing has cast doubt on it since. */
  readAt(group: string): number | null;
  /** Those that will change by themselves, by group. */
  unsettled(): ReadonlyMap<string, readonly Entry[]>;
  detail(key: string): TargetDetail | null;
}

/** Draining has begun or is over: the group counts as not having it. */
export const LEAVING: readonly string[] = ["draining", "unhealthy.draining"];
const NOT_REGISTERED = { state: "unused", reason: "Target.NotRegistered", description: null };
/** For how long an ended target is told of, ms. */
const REMEMBERED_MS = 900_000;

interface Page {
  readonly entries: Map<string, Entry>;
  readAt: number | null;
}

export function createBook(now: () => number): Book {
  const pages = new Map<string, Page>();

  function page(group: string): Page {
    const found = pages.get(group) ?? { entries: new Map<string, Entry>(), readAt: null };
    pages.set(group, found);
    return found;
  }

  function write(group: string, { address, health }: Sighting): void {
    const { port, state, reason, description } = health;
    const spec = { group, address, port };
    const isRegistered = !LEAVING.includes(state) && reason !== NOT_REGISTERED.reason;
    page(group).entries.set(keyOf(spec), { spec, isRegistered, state, reason, description, at: now() });
  }

  return {
    listed({ name }, ours) {
      const { entries } = page(name);
      const left = [...entries];
      entries.clear();
      for (const sighting of ours) write(name, sighting);
      for (const [key, entry] of left) if (!entries.has(key)) remember(entries, key, entry);
      page(name).readAt = now();
    },
    seen({ name }, some) {
      for (const sighting of some) write(name, sighting);
    },
    registered(spec) {
      const { entries } = page(spec.group);
      if (entries.get(keyOf(spec))?.isRegistered === true) return;
      const state = { state: "initial", reason: null, description: null };
      entries.set(keyOf(spec), { spec, isRegistered: true, ...state, at: now() });
    },
    deregistered(spec) {
      const { entries } = page(spec.group);
      const entry = entries.get(keyOf(spec));
      if (entry?.isRegistered !== true) return;
      const state = { state: "draining", reason: "Target.DeregistrationInProgress", description: null };
      entries.set(keyOf(spec), { ...entry, isRegistered: false, ...state, at: now() });
    },
    doubt(group) {
      page(group).readAt = null;
    },
    gone(group) {
      const { entries } = page(group);
      const left = [...entries];
      entries.clear();
      for (const [key, entry] of left) remember(entries, key, entry);
    },
    entries: (group) => [...page(group).entries.values()],
    readAt: (group) => page(group).readAt,
    unsettled() {
      const found = [...pages].map(
        ([group, { entries }]) => [group, [...entries.values()].filter(isUnsettled)] as const,
      );
      return new Map(found.filter(([, entries]) => entries.length > 0));
    },
    detail(key) {
      const { entries } = page(key.slice(0, key.indexOf("/")));
      const entry = entries.get(key);
      if (entry === undefined) return null;
      const { state, reason, description } = entry;
      return { target: { state, reason, description, hint: hintFor(entry, [...entries.values()]) } };
    },
  };

  /** It is not listed any more: whoever waits for its end must learn of it. */
  function remember(entries: Map<string, Entry>, key: string, entry: Entry): void {
    if (entry.state !== NOT_REGISTERED.state || entry.isRegistered) {
      entries.set(key, { ...entry, ...NOT_REGISTERED, isRegistered: false, at: now() });
    } else if (now() - entry.at < REMEMBERED_MS) entries.set(key, entry);
  }
}

function isUnsettled({ state }: Entry): boolean {
  return state !== "healthy" && state !== "unused";
}

function keyOf({ group, address, port }: TargetSpec): string {
  return `${group}/${hostPort(address, port)}`;
}
