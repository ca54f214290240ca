/** What a pass has to write: the marked keys, or all of them, compared with what the registry holds, within the safety rules. */
import type { Clock } from "./clock.ts";
import type { Desired } from "./desired.ts";
import type { Drift } from "./drift.ts";
import { createGuard, type GuardLimits } from "./guard.ts";
import type { Change, Registration } from "./model.ts";
import { keyName, namesOf, plan } from "./plan.ts";
import type { RemovalRules } from "./removal.ts";
import type { Reporter } from "./report.ts";
import type { Retries } from "./retries.ts";
import type { World } from "./world.ts";

export interface PlannerOptions {
  readonly world: World;
  readonly desired: Desired;
  readonly rules: RemovalRules;
  readonly retries: Retries;
  readonly drift: Drift;
  readonly reporter: Reporter;
  readonly clock: Pick<Clock, "now">;
  readonly mode: "sync" | "upsert-only";
  readonly massDelete: GuardLimits;
  /** See `ReconcilerOptions.serviceLevel`. */
  readonly serviceLevel: "keep" | "create";
}

export interface Planner {
  /** A key to look at in the next pass. */
  mark(key: string): void;
  /** Looks at all keys in the next pass. */
  markAll(): void;
  /** A source has completed a listing: looks at all keys, and the guard forgets what it no longer lacks, also while the registry is away. */
  sourceListed(): void;
  /** In the next pass what is stale goes first (rule 8). */
  removeFirst(): void;
  /**
   * What there is to write now, in the order in which to apply it. What is busy is put off until `release` is called.
   * @param busy names (`key …`, `endpoint …`) of what is being written at present
   */
  next(current: ReadonlyMap<string, Registration>, busy: ReadonlySet<string>): readonly Change[];
  /** Something that was busy is not any more: what was put off is marked again. */
  release(): void;
  /** Entries of ours that should be there, save those that can't have what they claim. */
  wanted(): ReadonlyMap<string, Registration>;
  /** Everything should go: what that takes. */
  withdrawal(current: ReadonlyMap<string, Registration>): readonly Change[];
  /** Whether some key is marked, and whether all are. */
  readonly due: "nothing" | "some" | "all";
  /** Service-level objects that can't have what they claim, by key, with why. */
  readonly refused: ReadonlyMap<string, string>;
  /** What the mass-delete guard holds back, in words; null if nothing. */
  readonly guarded: string | null;
}

export function createPlanner(options: PlannerOptions): Planner {
  const { world, desired, rules, retries, drift, reporter, clock, mode } = options;
  const guard = createGuard(options.massDelete);
  const marked = new Set<string>();
  const putOff = new Set<string>();
  let isAllMarked = true;
  let isRemovalFirst = true;
  let guarded: string | null = null;
  let refused: ReadonlyMap<string, string> = new Map();

  return {
    mark(key) {
      marked.add(key);
      if (desired.entries.has(key)) guard.forget(key);
    },
    markAll() {
      isAllMarked = true;
    },
    sourceListed() {
      isAllMarked = true;
      for (const entry of guard.refused()) if (!isMissing(entry)) guard.forget(entry.key);
    },
    removeFirst() {
      isRemovalFirst = true;
    },
    next,
    release() {
      for (const key of putOff) marked.add(key);
      putOff.clear();
    },
    wanted,
    withdrawal: (current) =>
      plan({ desired: new Map(), current, mayRemove: () => true, mode: "sync", removeFirst: true }).filter(isOurs),
    get due() {
      if (isAllMarked) return "all";
      return marked.size > 0 ? "some" : "nothing";
    },
    get refused() {
      return refused;
    },
    get guarded() {
      return guarded;
    },
  };

  function next(current: ReadonlyMap<string, Registration>, busy: ReadonlySet<string>): readonly Change[] {
    world.flush();
    const now = clock.now();
    const contested = settleClaims(current);
    const keys = isAllMarked ? null : free(new Set([...marked, ...contested, ...retries.due(now)]), busy);
    const removeFirst = isRemovalFirst;
    isAllMarked = false;
    isRemovalFirst = false;
    marked.clear();
    const looked = { ...(keys === null ? {} : { keys }), desired: wanted(), current, mode, removeFirst };
    const changes = plan({ ...looked, mayRemove: rules.mayRemove })
      .filter(isOurs)
      .map(unneeded);
    const planned = new Set(changes.map(({ key }) => key));
    drift.planned(planned);
    // What failed once and is right by now, or no longer wanted, needs no retry.
    for (const key of retries.keys()) if (!planned.has(key) && (keys?.has(key) ?? true)) retries.succeeded(key);
    const due = withoutGuarded(changes, current.size, keys === null).filter((change) => !retries.mustWait(change, now));
    return busy.size === 0 ? due : due.filter((change) => isFree(change.key, namesOf(change), busy));
  }

  /** What a key that is being written differs in is only known afterwards. */
  function free(keys: ReadonlySet<string>, busy: ReadonlySet<string>): ReadonlySet<string> {
    return busy.size === 0 ? keys : new Set([...keys].filter((key) => isFree(key, [keyName(key)], busy)));
  }

  function isFree(key: string, names: readonly string[], busy: ReadonlySet<string>): boolean {
    const isBusy = names.some((name) => busy.has(name));
    if (isBusy) putOff.add(key);
    return !isBusy;
  }

  function isOurs({ op, before, after }: Change): boolean {
    return options.serviceLevel !== "create" || op === "register" || (before ?? after)?.instance !== null;
  }

  /** @returns the keys whose claims have been decided otherwise than in the last pass */
  function settleClaims(current: ReadonlyMap<string, Registration>): readonly string[] {
    const before = refused;
    refused = desired.claims.refused(current);
    for (const [key, error] of refused) {
      const entry = desired.entries.get(key);
      if (entry !== undefined && before.get(key) !== error) reporter.refused(entry, error);
    }
    return [...before.keys(), ...refused.keys()].filter((key) => before.get(key) !== refused.get(key));
  }

  function wanted(): ReadonlyMap<string, Registration> {
    if (refused.size === 0) return desired.entries;
    return new Map([...desired.entries].filter(([key]) => !refused.has(key)));
  }

  function withoutGuarded(changes: readonly Change[], registered: number, isAll: boolean): readonly Change[] {
    const taken = new Set(changes.map(({ after }) => after?.endpoint));
    const isTaken = ({ endpoint }: Registration) => endpoint !== null && taken.has(endpoint);
    const candidates = changes.flatMap(({ before, op }) =>
      op === "deregister" && !isTaken(before) && rules.isInferred(before) ? [before] : [],
    );
    const held = new Set(guard.refuse(candidates, registered, syncsOf, isAll).map(({ key }) => key));
    // A failed removal that is held back now is not retried: it would be due, and never tried, again and again.
    for (const key of held) retries.succeeded(key);
    tellGuarded(held.size, registered);
    return held.size === 0 ? changes : changes.filter(({ key }) => !held.has(key));
  }

  function isMissing(entry: Registration): boolean {
    return !desired.entries.has(entry.key) && rules.mayRemove(entry) && rules.isInferred(entry);
  }

  function tellGuarded(held: number, registered: number): void {
    const text = `${held} of ${registered} entries are listed by no source any more; they stay until another full listing confirms it`;
    const told = held === 0 ? null : text;
    if (told !== guarded) reporter.guard(told);
    guarded = told;
  }

  function syncsOf(source: string | null): readonly number[] {
    return source === null ? world.sources().map(({ syncs }) => syncs) : [world.source(source).syncs];
  }
}

/** What goes although it is in use is needed by none of its users, see `Registration.users`. */
function unneeded(change: Change): Change {
  if (change.op !== "deregister" || change.before.inUse !== true) return change;
  return { ...change, before: { ...change.before, inUse: false } };
}
