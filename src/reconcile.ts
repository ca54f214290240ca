/**
 * One loop per registry: keeps what the registry holds equal to what should be there.
 *
 * Level-triggered: events only mark keys and ring the bell. A pass compares the marked keys with the mirror (what the
 * registry was last known to hold) and writes the difference: one change costs one write and no read. A full listing
 * renews the mirror at the start, on a period, and after any write that failed or whose outcome is not known.
 */
import { backoff, jittered } from "./backoff.ts";
import { type Clock, createBell } from "./clock.ts";
import { createDesired } from "./desired.ts";
import { createDrift } from "./drift.ts";
import { createGuard, type GuardLimits } from "./guard.ts";
import { createLeaving, type LeavingEntry } from "./leaving.ts";
import type { Change, Instance, Json, Logger, Outcome, Registration, Registry } from "./model.ts";
import { plan } from "./plan.ts";
import { createRemovalRules } from "./removal.ts";
import { createReporter, type ReportSink } from "./report.ts";
import { createRetries } from "./retries.ts";
import type { World } from "./world.ts";

export interface ReconcilePolicy {
  readonly mode: "sync" | "upsert-only";
  /** Period of full listings, ms; 0: none. */
  readonly resync: number;
  /** For how long a doubtful listing removes nothing, ms. */
  readonly probation: number;
  readonly massDelete: GuardLimits;
  /** Says in the log what it would write, and writes nothing. */
  readonly dryRun: boolean;
}

export interface ReconcilerOptions {
  readonly registry: Registry;
  readonly world: World;
  readonly policy: ReconcilePolicy;
  readonly sink: ReportSink;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /**
   * Whether a service that this world has never known is over for good, so that what is left of it (a route of which an
   * earlier Muster saw no end) may go. @default yes: this Muster is the only one
   */
  isServiceOver?(service: string): boolean;
  /**
   * `create`: service-level objects are only made here where they are missing, since the leader keeps them right and
   * removes them. @default keep
   */
  readonly serviceLevel?: "keep" | "create";
}

/** What an instance is to one registry; the shape of contract 5.4. */
export interface RegistrationView {
  readonly state: "registered" | "pending" | "failed" | "not-applicable";
  readonly key: string | null;
  /** ISO 8601; since when it is in this state, where known. */
  readonly since: string | null;
  readonly error: string | null;
  /** See `Registry.detail`; absent where there is nothing to tell. */
  readonly detail?: Json;
  /** What is left of an instance that is not ready any more; absent where there is nothing to tell. */
  readonly leaving?: readonly LeavingEntry[];
}

export interface RegistryView {
  readonly name: string;
  /** `starting`: no clean pass yet; `synced`: the last pass left nothing to do; `failing`: writes or reads fail. */
  readonly state: "starting" | "synced" | "failing";
  readonly registered: number;
  readonly pending: number;
  readonly failed: number;
  /** ISO 8601. */
  readonly lastCleanPass: string | null;
  readonly lastListing: string | null;
  readonly error: string | null;
  /** What the mass-delete guard holds back, in words; null if nothing. */
  readonly guard: string | null;
}

export interface Reconciler {
  readonly name: string;
  /** Runs until `signal` aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /**
   * Exactly one pass: over what is marked, or over everything if a listing is due. The seam for tests and the last pass.
   * Rejects if the registry could not be listed, and with `signal.reason` on abort.
   */
  pass(signal: AbortSignal): Promise<void>;
  /** Removes everything of ours (`onExit: deregister`). */
  withdrawAll(signal: AbortSignal): Promise<void>;
  /** Resolves when all that was written is in the audit log. */
  reported(): Promise<void>;
  /** Asks for a full listing at the next pass. */
  resync(): void;
  /** Whether it has had a pass, reported in full, in which nothing failed but refusals. */
  readonly isReady: boolean;
  view(): RegistryView;
  /** Whether the registry is left alone for a while: failures in a row, and ms until it is tried again. */
  backoff(): { readonly failures: number; readonly ms: number };
  instanceView(id: string): RegistrationView;
  /** Whether the registry tells more of its entries, so that an instance's view has a `detail`. */
  readonly tellsDetail: boolean;
}

/** Between attempts to reach a registry that is down: short, since it should be right again within seconds of its return. */
const DOWN = { base: 100, max: 3_000 };

/** Between listings that look whether other nodes still need what is over. */
const WAITING = { base: 250, max: 30_000 };

export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { registry, world, policy, clock, random, log } = options;
  const desired = createDesired(registry);
  const leaving = createLeaving(registry, desired);
  const drift = createDrift();
  const { isServiceOver = () => true } = options;
  const rules = createRemovalRules({ world, desired, probation: policy.probation, isServiceOver });
  const retries = createRetries(random);
  const guard = createGuard(policy.massDelete);
  const bell = createBell(clock);
  const reporter = createReporter({ registry: registry.name, world, clock, sink: options.sink, log });
  const marked = new Set<string>();
  let mirror: Map<string, Registration> | null = null;
  let isListingDue = true;
  let isFullPlanDue = true;
  /** A source has listed for the first time and no pass has seen it yet. */
  let isFirstPass = true;
  /** How many sources have listed for the first time, and how many had when the last fully reported clean pass began. */
  let firstListings = 0;
  let reportedUpTo: number | null = null;
  let nextListingAt = Number.POSITIVE_INFINITY;
  let down = { failures: 0, until: 0, error: null as string | null };
  let lastListing: number | null = null;
  let lastCleanPass: number | null = null;
  let guarded: string | null = null;
  /** Listings in a row that found what is over still needed by other nodes' instances. */
  let waits = 0;
  /** Service-level objects that can't have what they claim, by key, with why. */
  let refused: ReadonlyMap<string, string> = new Map();

  for (const instance of world.instances()) take(instance.id, instance);
  world.subscribe({
    changed(changes) {
      for (const { id, after } of changes) take(id, after);
      bell.ring();
    },
    ended() {
      for (const key of rules.kept()) marked.add(key);
      if (marked.size > 0) bell.ring();
    },
    synced(source) {
      // What waited for this source's first listing may now be registered, or removed.
      if (world.source(source).syncs === 1) {
        isFirstPass = true;
        firstListings++;
        for (const instance of world.instances()) take(instance.id, instance);
      }
      isFullPlanDue = true;
      bell.ring();
    },
  });

  return {
    name: registry.name,
    run,
    pass,
    withdrawAll,
    reported: reporter.settled,
    resync() {
      isListingDue = true;
      bell.ring();
    },
    get isReady() {
      return reportedUpTo === firstListings;
    },
    view,
    backoff: () => ({ failures: down.failures, ms: Math.max(0, down.until - clock.now()) }),
    instanceView,
    tellsDetail: registry.detail !== undefined,
  };

  /** Nothing is registered before its source's first listing is complete: stale entries go first (rule 8). */
  function take(id: string, instance: Instance | null): void {
    const isReleased = instance !== null && world.source(instance.source).syncs > 0;
    leaving.took(id, instance);
    for (const key of desired.set(id, isReleased ? instance : null)) {
      marked.add(key);
      const entry = desired.entries.get(key);
      if (entry !== undefined) rules.wanted(entry);
    }
  }

  async function run(signal: AbortSignal): Promise<void> {
    await Promise.all([loop(signal), watchReturns(signal)]);
  }

  async function watchReturns(signal: AbortSignal): Promise<void> {
    try {
      for await (const _ of registry.returns?.(signal) ?? []) {
        log.info({ registry: registry.name }, "registry was away, listing it again");
        isListingDue = true;
        bell.ring();
      }
    } catch (error) {
      // The periodic listing notices as well, only later.
      log.warn({ registry: registry.name, err: error }, "returns of the registry can't be watched");
    }
  }

  async function loop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await bell.wait(dueIn(clock.now()), signal);
      if (signal.aborted || dueIn(clock.now()) > 0) continue;
      try {
        await pass(signal);
      } catch (error) {
        if (!signal.aborted) log.debug({ registry: registry.name, err: error }, "pass ended early");
      }
    }
  }

  /** ms until there is something to do. A registry that is down is left alone until its time has come. */
  function dueIn(now: number): number {
    if (down.until > now) return down.until - now;
    if (isListingDue || mirror === null || isFullPlanDue || marked.size > 0) return 0;
    return Math.max(0, Math.min(nextListingAt, retries.nextAt()) - now);
  }

  async function pass(signal: AbortSignal): Promise<void> {
    if (mirror === null || isListingDue || clock.now() >= nextListingAt) mirror = await listed(signal);
    const upTo = firstListings;
    const changes = rehearsed(nextChanges(mirror));
    const isAnswering = changes.length === 0 || (await carryOut(changes, mirror, signal));
    if (isAnswering) recovered();
    waitForOthers();
    if (retries.unanswered > 0 || isListingDue) return;
    lastCleanPass = clock.now();
    if (reportedUpTo !== upTo) void reporter.settled().then(() => (reportedUpTo = upTo));
  }

  /** What is over goes as soon as the last that needs it has gone, which only a listing tells. */
  function waitForOthers(): void {
    if (!rules.waitsForOthers) {
      waits = 0;
      return;
    }
    const at = (lastListing ?? clock.now()) + backoff(waits + 1, { ...WAITING, random });
    nextListingAt = Math.min(nextListingAt, Math.max(at, clock.now()));
  }

  function rehearsed(changes: readonly Change[]): readonly Change[] {
    if (!policy.dryRun) return changes;
    for (const { op, key } of changes) log.info({ registry: registry.name, op, key }, "dry run: would write");
    return [];
  }

  async function listed(signal: AbortSignal): Promise<Map<string, Registration>> {
    try {
      const entries = await registry.list(signal);
      if (down.failures > 0) retries.release();
      lastListing = clock.now();
      if (rules.waitsForOthers) waits++;
      rules.listed();
      isListingDue = false;
      isFullPlanDue = true;
      nextListingAt = policy.resync > 0 ? lastListing + jittered(policy.resync, random) : Number.POSITIVE_INFINITY;
      reporter.listed(entries);
      const found = new Map(entries.map((entry) => [entry.key, entry]));
      drift.listed(mirror, found);
      return found;
    } catch (error) {
      if (!signal.aborted) unreachable(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  function nextChanges(current: ReadonlyMap<string, Registration>): readonly Change[] {
    const now = clock.now();
    const contested = settleClaims(current);
    const keys = isFullPlanDue ? null : new Set([...marked, ...contested, ...retries.due(now)]);
    const removeFirst = isFirstPass;
    isFullPlanDue = false;
    isFirstPass = false;
    marked.clear();
    const changes = plan({
      desired: wanted(),
      current,
      ...(keys === null ? {} : { keys }),
      mayRemove: rules.mayRemove,
      mode: policy.mode,
      removeFirst,
    }).filter(isOurs);
    const planned = new Set(changes.map(({ key }) => key));
    drift.planned(planned);
    // What failed once and is right by now, or no longer wanted, needs no retry.
    for (const key of retries.keys()) if (!planned.has(key) && (keys?.has(key) ?? true)) retries.succeeded(key);
    return withoutGuarded(changes, current.size, keys === null).filter((change) => !retries.mustWait(change, now));
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
    const refused = new Set(guard.refuse(candidates, registered, syncsOf, isAll).map(({ key }) => key));
    // A failed removal that is held back now is not retried: it would be due, and never tried, again and again.
    for (const key of refused) retries.succeeded(key);
    const told =
      refused.size === 0
        ? null
        : `${refused.size} of ${registered} entries are listed by no source any more; they stay until another full listing confirms it`;
    if (told !== guarded && (told !== null || guarded !== null)) reporter.guard(told);
    guarded = told;
    return changes.filter(({ key }) => !refused.has(key));
  }

  function syncsOf(source: string | null): readonly number[] {
    return source === null ? world.sources().map(({ syncs }) => syncs) : [world.source(source).syncs];
  }

  /** @returns whether the registry answered at least one of the changes properly */
  async function carryOut(
    changes: readonly Change[],
    current: Map<string, Registration>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const began = clock.now();
    const causes = changes.map((change) => reporter.cause(change));
    const attempts = changes.map(({ key }) => (retries.of(key)?.attempts ?? 0) + 1);
    const outcomes = await applied(changes, signal);
    const ms = clock.now() - began;
    const writes = changes.map((change, index) => ({
      change,
      outcome: outcomes[index] ?? unanswered(change),
      cause: causes[index] ?? [],
      attempt: attempts[index] ?? 1,
      ms,
      drift: drift.take(change.key),
    }));
    for (const { change, outcome } of writes) settle(change, outcome, current);
    reporter.done(writes);
    const failed = writes.flatMap(({ outcome }) =>
      !outcome.ok && outcome.retry && outcome.isolated !== true ? [outcome.error] : [],
    );
    if (failed.length < writes.length) return true;
    unreachable(failed[0] ?? "");
    return false;
  }

  async function applied(changes: readonly Change[], signal: AbortSignal): Promise<readonly Outcome[]> {
    try {
      return await registry.apply(changes, signal);
    } catch (error) {
      // Some of it may have been done: only a listing can tell.
      isListingDue = true;
      if (signal.aborted) throw signal.reason;
      return changes.map((change) => ({
        ...unanswered(change),
        error: error instanceof Error ? error.message : String(error),
      }));
    }
  }

  function settle(change: Change, outcome: Outcome, current: Map<string, Registration>): void {
    if (outcome.ok) {
      retries.succeeded(change.key);
      if (change.after === null) {
        current.delete(change.key);
        rules.removed(change.before);
      } else current.set(change.key, change.after);
      return;
    }
    retries.failed(change, outcome, clock.now());
    if ((outcome.retry || outcome.ambiguous) && outcome.isolated !== true) isListingDue = true;
  }

  function unanswered({ key }: Change): Extract<Outcome, { ok: false }> {
    return { ok: false, error: `${registry.name}: no outcome for ${key}`, retry: true, ambiguous: true };
  }

  function unreachable(error: string): void {
    down = { failures: down.failures + 1, until: 0, error };
    down.until = clock.now() + backoff(down.failures, { ...DOWN, random });
    isListingDue = true;
    reporter.unreachable(error, down.failures);
  }

  function recovered(): void {
    if (down.failures > 0) reporter.recovered(down.failures);
    down = { failures: 0, until: 0, error: null };
  }

  async function withdrawAll(signal: AbortSignal): Promise<void> {
    const current = mirror ?? (await listed(signal));
    const changes = plan({
      desired: new Map(),
      current,
      mayRemove: () => true,
      mode: "sync",
      removeFirst: true,
    }).filter(isOurs);
    if (changes.length > 0) await carryOut(changes, current, signal);
  }

  function view(): RegistryView {
    const wantedKeys = [...wanted().keys()];
    const registered = wantedKeys.filter((key) => reporter.since(key) !== null).length;
    return {
      name: registry.name,
      state: stateNow(),
      registered,
      pending: wantedKeys.length - registered,
      failed: retries.size + desired.rejected + refused.size,
      lastCleanPass: iso(lastCleanPass),
      lastListing: iso(lastListing),
      error: down.error,
      guard: guarded,
    };
  }

  function stateNow(): RegistryView["state"] {
    if (down.error !== null || retries.unanswered > 0) return "failing";
    return lastCleanPass === null ? "starting" : "synced";
  }

  function instanceView(id: string): RegistrationView {
    const view = registrationView(id);
    const detail = view.key === null ? null : (registry.detail?.(view.key) ?? null);
    const instance = world.instance(id);
    const left = instance === null ? [] : leaving.of(instance, mirror);
    return { ...view, ...(detail !== null && { detail }), ...(left.length > 0 && { leaving: left }) };
  }

  function registrationView(id: string): RegistrationView {
    const rejection = desired.rejection(id);
    if (rejection !== null) return { state: "failed", key: null, since: null, error: rejection };
    const keys = desired.keysOf(id);
    const key = keys.find((each) => desired.entries.get(each)?.instance === id) ?? keys[0] ?? null;
    const failure = failureOf(keys) ?? retries.ofInstance(id);
    if (failure) return { state: "failed", key, since: iso(failure.since), error: failure.error };
    if (key === null) return { state: isApplicable(id) ? "pending" : "not-applicable", key, since: null, error: null };
    const since = reporter.since(key);
    return { state: since === null ? "pending" : "registered", key, since: iso(since), error: null };
  }

  /** What keeps an instance from being registered as it should: the first of its objects that failed, in the order of creation. */
  function failureOf(keys: readonly string[]): { readonly error: string; readonly since: number | null } | null {
    for (const key of keys) {
      const failure = retries.of(key);
      if (failure !== null) return failure;
      const error = refused.get(key);
      if (error !== undefined) return { error, since: null };
    }
    return null;
  }

  function isApplicable(id: string): boolean {
    const instance = world.instance(id);
    return instance === null || instance.state !== "ready" || world.source(instance.source).syncs === 0;
  }
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
