/**
 * One loop per registry: keeps what the registry holds equal to what should be there.
 *
 * Level-triggered: events only mark keys and ring the bell. A pass compares the marked keys with the mirror (what the
 * registry was last known to hold) and writes the difference: one change costs one write and no read. A full listing
 * renews the mirror at the start, on a period, and after any write that failed or whose outcome is not known.
 */
import { createAvailability } from "./availability.ts";
import { backoff, jittered } from "./backoff.ts";
import { type Clock, createBell } from "./clock.ts";
import { createDesired } from "./desired.ts";
import { createDrift } from "./drift.ts";
import type { GuardLimits } from "./guard.ts";
import { createLeaving } from "./leaving.ts";
import type { Change, Instance, Logger, Registration, Registry } from "./model.ts";
import { createPlanner } from "./planner.ts";
import { createViews, type RegistrationView, type RegistryView } from "./registry-view.ts";
import { createRemovalRules } from "./removal.ts";
import { createReporter, type ReportSink } from "./report.ts";
import { createRetries } from "./retries.ts";
import type { World } from "./world.ts";
import { createWriter } from "./writer.ts";

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
  /** The swarm's leader: name of the source that knows all tasks of all nodes, whose instances their own nodes write. @default null */
  readonly nodeSource?: string | null;
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

/** Between listings that look whether other nodes still need what is over; ms. */
const WAITING = { base: 250, max: 30_000 };

/** Passes whose writes are under way at the same time, where a registry allows that. */
const MAX_PASSES = 16;

export function createReconciler(options: ReconcilerOptions): Reconciler {
  const { registry, world, policy, clock, random, log } = options;
  const desired = createDesired(registry);
  const leaving = createLeaving(registry, desired);
  const drift = createDrift();
  const { isServiceOver = () => true, serviceLevel = "keep", nodeSource = null } = options;
  const rules = createRemovalRules({ world, desired, probation: policy.probation, isServiceOver, nodeSource });
  const retries = createRetries(random);
  const bell = createBell(clock);
  const reporter = createReporter({ registry: registry.name, world, clock, sink: options.sink, log });
  const availability = createAvailability(clock, random, reporter);
  const parts = { registry, world, desired, rules, retries, drift, reporter, clock, leaving };
  const planner = createPlanner({ ...parts, mode: policy.mode, massDelete: policy.massDelete, serviceLevel });
  const writer = createWriter({ ...parts, onDoubt: () => (isListingDue = true) });
  let mirror: Map<string, Registration> | null = null;
  let isListingDue = true;
  /** How many sources have listed for the first time, and how many had when the last fully reported clean pass began. */
  let firstListings = 0;
  let reportedUpTo: number | null = null;
  let nextListingAt = Number.POSITIVE_INFINITY;
  let lastListing: number | null = null;
  let lastCleanPass: number | null = null;
  /** Listings in a row that found what is over still needed by other nodes' instances. */
  let waits = 0;
  const views = createViews({
    ...{ ...parts, planner },
    progress: () => ({ mirror, lastCleanPass, lastListing, error: availability.error }),
  });

  for (const instance of world.instances()) take(instance.id, instance);
  world.subscribe({
    changed(changes) {
      for (const { id, after } of changes) take(id, after);
      bell.ring();
    },
    ended() {
      for (const key of rules.kept()) planner.mark(key);
      if (planner.due !== "nothing") bell.ring();
    },
    synced(source, hasLost) {
      // What waited for this source's first listing may now be registered, or removed.
      if (world.source(source).syncs === 1) {
        planner.removeFirst();
        firstListings++;
        for (const instance of world.instances()) take(instance.id, instance);
      }
      // Of a service that was gone before this leader saw it run, the nodes may have made what the mirror lacks.
      if (hasLost && source === nodeSource) isListingDue = true;
      planner.sourceListed();
      bell.ring();
    },
  });

  return {
    name: registry.name,
    run,
    pass,
    withdrawAll,
    reported: reporter.settled,
    resync,
    get isReady() {
      return reportedUpTo === firstListings;
    },
    ...views,
    backoff: () => ({ failures: availability.failures, ms: availability.waits() }),
    tellsDetail: registry.detail !== undefined,
  };

  /** Nothing is registered before its source's first listing is complete: stale entries go first (rule 8). */
  function take(id: string, instance: Instance | null): void {
    const isReleased = instance !== null && world.source(instance.source).syncs > 0;
    leaving.took(id, instance);
    for (const key of desired.set(id, isReleased ? instance : null)) {
      planner.mark(key);
      const entry = desired.entries.get(key);
      if (entry !== undefined) rules.wanted(entry);
    }
  }

  function resync(): void {
    isListingDue = true;
    bell.ring();
  }

  async function run(signal: AbortSignal): Promise<void> {
    await Promise.all([loop(signal), watchReturns(signal)]);
  }

  async function watchReturns(signal: AbortSignal): Promise<void> {
    try {
      for await (const _ of registry.returns?.(signal) ?? []) {
        log.info({ registry: registry.name }, "registry was away, listing it again");
        resync();
      }
    } catch (error) {
      // The periodic listing notices as well, only later.
      log.warn({ registry: registry.name, err: error }, "returns of the registry can't be watched");
    }
  }

  async function loop(signal: AbortSignal): Promise<void> {
    const passes = new Set<Promise<void>>();
    while (!signal.aborted) {
      await bell.wait(dueIn(), signal);
      if (signal.aborted || dueIn() > 0) continue;
      const isAlone = mustBeAlone();
      const first = before(passes, isAlone);
      if (first !== null) {
        // It may leave nothing to do, or a registry that is to be left alone.
        await first;
        continue;
      }
      const pass = onePass(signal).then(() => {
        passes.delete(pass);
        bell.ring();
      });
      passes.add(pass);
      if (isAlone) await pass;
    }
    await Promise.all(passes);
  }

  /** What the next pass has to wait for; it then takes in all that has come meanwhile. */
  function before(passes: ReadonlySet<Promise<void>>, isAlone: boolean): Promise<unknown> | null {
    if (isAlone && passes.size > 0) return Promise.all(passes);
    return passes.size >= MAX_PASSES ? Promise.race(passes) : null;
  }

  /** Whether a pass may not overlap with others: what is looked at, or how, depends on what has become of their writes. */
  function mustBeAlone(): boolean {
    const looksAtAll = mirror === null || isListingDue || planner.due === "all" || clock.now() >= nextListingAt;
    return registry.concurrent !== true || looksAtAll || retries.size > 0;
  }

  async function onePass(signal: AbortSignal): Promise<void> {
    try {
      await pass(signal);
    } catch (error) {
      if (!signal.aborted) log.debug({ registry: registry.name, err: error }, "pass ended early");
    }
  }

  /** ms until there is something to do. A registry that is down is left alone until its time has come. */
  function dueIn(): number {
    const down = availability.waits();
    if (down > 0) return down;
    if (isListingDue || mirror === null || planner.due !== "nothing") return 0;
    return Math.max(0, Math.min(nextListingAt, retries.nextAt()) - clock.now());
  }

  async function pass(signal: AbortSignal): Promise<void> {
    if (mirror === null || isListingDue || clock.now() >= nextListingAt) mirror = await listed(signal);
    const upTo = firstListings;
    const changes = rehearsed(planner.next(mirror, writer.busy));
    const error = changes.length === 0 ? null : await written(changes, mirror, signal);
    if (error === null) availability.answered();
    else unanswered(error);
    waitForOthers();
    if (retries.unanswered > 0 || isListingDue) return;
    lastCleanPass = clock.now();
    if (reportedUpTo !== upTo) void reporter.settled().then(() => (reportedUpTo = upTo));
  }

  /** @returns see `Writer.write` */
  async function written(
    changes: readonly Change[],
    current: Map<string, Registration>,
    signal: AbortSignal,
  ): Promise<string | null> {
    try {
      return await writer.write(changes, current, signal);
    } finally {
      planner.release();
    }
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
      if (availability.failures > 0) retries.release();
      lastListing = clock.now();
      if (rules.waitsForOthers) waits++;
      rules.listed();
      isListingDue = false;
      planner.markAll();
      nextListingAt = policy.resync > 0 ? lastListing + jittered(policy.resync, random) : Number.POSITIVE_INFINITY;
      reporter.listed(entries);
      const found = new Map(entries.map((entry) => [entry.key, entry]));
      drift.listed(mirror, found);
      return found;
    } catch (error) {
      if (!signal.aborted) unanswered(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  function unanswered(error: string): void {
    isListingDue = true;
    availability.failed(error);
  }

  async function withdrawAll(signal: AbortSignal): Promise<void> {
    // A write that the stop has cut off may have been done.
    const current = mirror === null || isListingDue ? await listed(signal) : mirror;
    const changes = planner.withdrawal(current);
    if (changes.length > 0) await written(changes, current, signal);
  }
}
