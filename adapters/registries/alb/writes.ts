/** Carries changes out: per group one call for all that come and one for all that go, as far as order allows. */
import type { Change, Outcome } from "../../../src/model.ts";
import { failed, RequestError } from "../../failure.ts";
import { deregisterAll, type Job, registerAll } from "./batch.ts";
import type { Book } from "./book.ts";
import type { Elb, Target } from "./elb.ts";
import { hasCode } from "./errors.ts";
import type { Group, Groups } from "./groups.ts";
import type { Memory } from "./memory.ts";
import type { Ownership } from "./ownership.ts";
import { specOf } from "./project.ts";

export interface WriteParts {
  /** The registry's name, for messages. */
  readonly name: string;
  readonly elb: Elb;
  readonly groups: Groups;
  readonly book: Book;
  readonly memory: Memory;
  readonly ownership: Ownership;
  instanceId(signal: AbortSignal): Promise<string | null>;
  zones(): readonly string[];
}

/** What is to be done in one group. */
interface Lane {
  readonly group: Group;
  /** What must go before anything comes: its endpoint is another task's by now. */
  readonly first: Job<number>[];
  readonly come: Job<number>[];
  go: Job<number>[];
}

/** @returns one outcome per change, in their order; rejects with `signal.reason` on abort */
export async function write(
  changes: readonly Change[],
  parts: WriteParts,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  signal.throwIfAborted();
  const { name, elb } = parts;
  const outcomes = changes.map((change): Outcome => failed(what(name, change), new Error("it was not carried out")));
  const { lanes, refused } = await assign(changes, parts, signal);
  for (const [index, why] of refused) settle(index, why);

  function settle(index: number, error: unknown): void {
    const change = changes[index];
    if (change === undefined) return;
    note(change, error, parts);
    outcomes[index] = error === null ? { ok: true } : failed(what(name, change), explained(error, change));
  }

  const report = ({ of: index }: Job<number>, error: unknown) => settle(index, error);
  const remove = ({ group }: Lane, jobs: readonly Job<number>[]) => deregisterAll(elb, group.arn, jobs, report, signal);

  async function add(lane: Lane): Promise<void> {
    const makeRoom = async () => {
      const jobs = lane.go;
      lane.go = [];
      await remove(lane, jobs);
      return jobs.length > 0;
    };
    await registerAll(elb, lane.group.arn, lane.come, { makeRoom, zones: parts.zones() }, report, signal);
  }

  // What comes is there before what goes has gone, so that a replacement leaves no gap.
  await eachLane(lanes, (lane) => remove(lane, lane.first), signal);
  await eachLane(lanes, add, signal);
  await eachLane(lanes, (lane) => remove(lane, lane.go), signal);
  return outcomes;
}

interface Assigned {
  readonly lanes: readonly Lane[];
  /** Why a change can't be carried out, by its index; null: there is nothing to do for it. */
  readonly refused: ReadonlyMap<number, unknown>;
}

async function assign(changes: readonly Change[], parts: WriteParts, signal: AbortSignal): Promise<Assigned> {
  const lanes = new Map<string, Lane>();
  const refused = new Map<number, unknown>();
  const isFirst = precedence(changes);
  let broken: unknown = null;
  for (const [index, change] of changes.entries()) {
    try {
      if (broken !== null) throw broken;
      const place = await placeOf(change, parts, signal);
      if (place === null) {
        refused.set(index, null);
        continue;
      }
      const { group, target } = place;
      const lane = lanes.get(group.name) ?? { group, first: [], come: [], go: [] };
      lanes.set(group.name, lane);
      if (change.after !== null) lane.come.push({ target, of: index });
      else lane[isFirst(index) ? "first" : "go"].push({ target, of: index });
    } catch (error) {
      signal.throwIfAborted();
      // Groups, or who we are, can't be asked for: nobody waits for that more than once.
      if (error instanceof RequestError) broken = error;
      refused.set(index, error);
    }
  }
  return { lanes: [...lanes.values()], refused };
}

/** @returns null where there is nothing to remove; throws where the change can't be carried out */
async function placeOf(
  { key, before, after }: Change,
  { groups, memory, ownership, instanceId }: WriteParts,
  signal: AbortSignal,
): Promise<{ readonly group: Group; readonly target: Target } | null> {
  const { group: name, address, port } = specOf(after ?? before);
  const found = await groups.find(name, after === null ? null : memory.arnOf(key), signal);
  if ("why" in found) {
    if (after === null && found.isAbsent) return null;
    throw new Error(found.why);
  }
  const machine = found.type === "instance" && ownership.hasMachine ? await instanceId(signal) : null;
  const id = ownership.targetIdOf(found.type, address, machine);
  if (id !== null) return { group: found, target: { id, port } };
  throw new Error(`target group ${name} takes instances, and ${address} is not this machine: use a group of type ip`);
}

/**
 * The core puts removals before what must wait for them: stale targets at the start, and those whose port another task
 * has by now. The rest of them comes last.
 */
function precedence(changes: readonly Change[]): (index: number) => boolean {
  const firstRegistration = changes.findIndex(({ after }) => after !== null);
  const taken = new Map<string, number>();
  for (const [index, { after }] of changes.entries()) if (after?.endpoint) taken.set(after.endpoint, index);
  return (index) => {
    const endpoint = changes[index]?.before?.endpoint ?? "";
    return index < firstRegistration || (taken.get(endpoint) ?? -1) > index;
  };
}

/** What a write says of the target, for listings and details. */
function note({ before, after }: Change, error: unknown, { book, groups }: WriteParts): void {
  const spec = specOf(after ?? before);
  if (hasCode(error, "TargetGroupNotFound")) groups.forget(spec.group);
  if (error !== null) book.doubt(spec.group);
  else if (after !== null) book.registered(spec);
  else book.deregistered(spec);
}

function explained(error: unknown, change: Change): unknown {
  const { group } = specOf(change.after ?? change.before);
  if (hasCode(error, "TargetGroupNotFound")) {
    // The groups are read anew for the next attempt, which knows.
    const message = `target group ${group} does not exist any more`;
    return new RequestError(message, { retry: true, ambiguous: false, cause: error });
  }
  if (!hasCode(error, "TooManyTargets")) return error;
  const message = `target group ${group} is full (${error.message}): raise the quota of targets per group, or remove some`;
  return new RequestError(message, { retry: false, ambiguous: false, cause: error });
}

function what(name: string, { op, key }: Change): string {
  return `${name}: ${op} ${key}`;
}

/** All groups at once; the pace of calls is kept elsewhere. */
async function eachLane(
  lanes: readonly Lane[],
  work: (lane: Lane) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const ends = await Promise.allSettled(lanes.map(work));
  signal.throwIfAborted();
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
