/**
 * The pure difference between what a registry should hold and what it holds, in the order in which it is safe to apply.
 *
 * | desired | current | change                                     |
 * |---------|---------|--------------------------------------------|
 * | yes     | no      | register                                   |
 * | yes     | other   | update, in place                           |
 * | yes     | same    | –                                          |
 * | no      | yes     | deregister, if `mayRemove` and mode `sync` |
 */
import { sameJson } from "./json.ts";
import type { Change, Registration } from "./model.ts";

export interface PlanInput {
  readonly desired: ReadonlyMap<string, Registration>;
  readonly current: ReadonlyMap<string, Registration>;
  /** Only these keys are looked at; all when absent. */
  readonly keys?: Iterable<string>;
  /** Whether an entry that is not desired may be removed (safety rules 1 and 3). */
  mayRemove(entry: Registration): boolean;
  readonly mode: "sync" | "upsert-only";
  /** At the start, first drop what is stale and then register, so that a re-used port can't send A's traffic to B (rule 8). */
  readonly removeFirst: boolean;
}

/** @returns the changes in the order in which to apply them; empty if there is nothing to do */
export function plan(input: PlanInput): readonly Change[] {
  const writes: Change[] = [];
  const removals: Change[] = [];
  for (const key of new Set(input.keys ?? [...input.desired.keys(), ...input.current.keys()])) {
    const change = difference(key, input);
    if (change?.op === "deregister") removals.push(change);
    else if (change !== null) writes.push(change);
  }
  return ordered(writes, removals, input.removeFirst);
}

function difference(key: string, { desired, current, mayRemove, mode }: PlanInput): Change | null {
  const after = desired.get(key);
  const before = current.get(key);
  if (after !== undefined && before === undefined) return { op: "register", key, before: null, after };
  if (after !== undefined && before !== undefined) {
    return sameJson(before.spec, after.spec) ? null : { op: "update", key, before, after };
  }
  if (before === undefined || mode !== "sync" || !mayRemove(before)) return null;
  return { op: "deregister", key, before, after: null };
}

/**
 * Register before deregister, so that a replacement leaves no gap; but what holds an endpoint that another now has goes
 * first (rule 5), and so does what has another's claim: two equal routes are a hazard (facts/vulcand.md §5.4).
 * Service-level objects are created before and removed after what needs them.
 */
function ordered(writes: readonly Change[], removals: readonly Change[], removeFirst: boolean): readonly Change[] {
  const created = [...writes].sort((a, b) => rankOf(a) - rankOf(b));
  const removed = [...removals].sort((a, b) => rankOf(b) - rankOf(a));
  if (removeFirst) return [...removed, ...created];
  const taken = new Set(writes.flatMap(({ after }) => holdings(after)));
  const isTaken = ({ before }: Change) => holdings(before).some((held) => taken.has(held));
  return [...removed.filter(isTaken), ...created, ...removed.filter((change) => !isTaken(change))];
}

/** What only one entry can have at a time. */
function holdings(entry: Registration | null): readonly string[] {
  if (entry === null) return [];
  const claims = (entry.claims ?? []).map((claim) => `claim ${claim}`);
  return entry.endpoint === null ? claims : [`endpoint ${entry.endpoint}`, ...claims];
}

/** See `Registration.rank`. */
export function rankOf(change: Change): number {
  return (change.after ?? change.before)?.rank ?? 0;
}

/** What only one write at a time may be about: its key, and the endpoints that it takes or gives up. */
export function namesOf({ key, before, after }: Change): readonly string[] {
  const endpoints = [before?.endpoint, after?.endpoint].filter((endpoint) => typeof endpoint === "string");
  return [keyName(key), ...new Set(endpoints.map((endpoint) => `endpoint ${endpoint}`))];
}

/** The first of `namesOf`. */
export function keyName(key: string): string {
  return `key ${key}`;
}
