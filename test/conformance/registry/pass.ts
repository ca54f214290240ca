/** One pass of a registry loop, as the laws need it: list, plan, apply; and what should be there afterwards. */
import assert from "node:assert/strict";
import { createDesired } from "../../../src/desired.ts";
import type { Change, Instance, Outcome, Registration, Registry } from "../../../src/model.ts";
import { plan } from "../../../src/plan.ts";
import type { Backdoor, LawContext, Owner } from "../registry.ts";

const NEVER = new AbortController().signal;

/** What the registry should hold: an entry for each instance, and the service-level objects that they share. */
export function project(registry: Registry, wanted: readonly Instance[]): readonly Registration[] {
  const desired = createDesired(registry);
  // What drains was ready before: else it would not be registered at all.
  for (const instance of wanted) desired.set(instance.id, { ...instance, state: "ready" });
  for (const instance of wanted) desired.set(instance.id, instance);
  return [...desired.entries.values()];
}

/** The first instance's own entry. */
export function entryOf(registry: Registry, wanted: readonly Instance[]): Registration {
  const entry = project(registry, wanted).find(({ instance }) => instance !== null);
  assert.ok(entry !== undefined, "the registry projects no entry for the instance");
  return entry;
}

export function list(registry: Registry, signal: AbortSignal = NEVER): Promise<readonly Registration[]> {
  return registry.list(signal);
}

export function changesFor(
  registry: Registry,
  wanted: readonly Instance[],
  current: readonly Registration[],
): readonly Change[] {
  return plan({
    desired: byKey(project(registry, wanted)),
    current: byKey(current),
    mayRemove: ({ inUse }) => inUse !== true,
    mode: "sync",
    removeFirst: false,
  });
}

export async function apply(
  registry: Registry,
  changes: readonly Change[],
  signal: AbortSignal = NEVER,
): Promise<readonly Outcome[]> {
  const outcomes = await registry.apply(changes, signal);
  assert.equal(outcomes.length, changes.length, "there must be one outcome per change");
  return outcomes;
}

/** @returns the changes that were applied and their outcomes */
export async function pass(registry: Registry, wanted: readonly Instance[], signal: AbortSignal = NEVER) {
  const changes = changesFor(registry, wanted, await list(registry, signal));
  const outcomes = changes.length === 0 ? [] : await apply(registry, changes, signal);
  return { changes, outcomes };
}

/** A pass of which every change succeeds. */
export async function converge(registry: Registry, wanted: readonly Instance[]): Promise<void> {
  const { outcomes } = await pass(registry, wanted);
  for (const outcome of outcomes) assert.deepEqual(outcome, { ok: true });
}

/**
 * The registry holds exactly what is wanted, and so has nothing to do; but for service-level objects that other nodes of
 * the cluster use.
 */
export async function assertHolds(registry: Registry, wanted: readonly Instance[]): Promise<void> {
  const needed = new Set(project(registry, wanted).map(({ key }) => key));
  const current = (await list(registry)).filter(({ key, inUse }) => needed.has(key) || inUse !== true);
  assert.deepEqual(contents(current), contents(project(registry, wanted)));
  assert.deepEqual(changesFor(registry, wanted, current), []);
}

/** In the order of the keys, which is no order of theirs, without notes, which are never read back, and others' use. */
export function contents(entries: readonly Registration[]): readonly Registration[] {
  const plain = entries.map(({ notes: _notes, inUse: _inUse, users: _users, ...entry }) => entry);
  return plain.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Opens a registry, and takes away afterwards what it has put there. */
export async function opened(
  { harness }: LawContext,
  owner: Owner,
  body: (registry: Registry, backdoor: Backdoor) => Promise<void>,
): Promise<void> {
  const { registry, backdoor } = await harness.open(owner);
  try {
    await body(registry, backdoor);
  } finally {
    await backdoor.heal();
    await pass(registry, []).finally(() => registry[Symbol.asyncDispose]());
  }
}

function byKey(entries: readonly Registration[]): ReadonlyMap<string, Registration> {
  const keyed = new Map(entries.map((entry) => [entry.key, entry]));
  assert.equal(keyed.size, entries.length, "two entries have one key");
  return keyed;
}
