/**
 * What is to be read, and when: wishes gather for a moment, each is read once however often it is wished for, and when
 * many are due one listing answers them all. Pure scheduling; reads.ts does the reading.
 */
import type { Subject, Wish } from "./asks.ts";
import type { MarathonLimits } from "./limits.ts";
import { createPace, type Pace } from "./pace.ts";

/** Something to read: a definition at a version, or (null) the tasks of an app or pod. */
export interface Item {
  readonly subject: Subject;
  readonly version: string | null;
}

export type Job =
  | { readonly kind: "read"; readonly item: Item }
  /** One listing in place of many reads. */
  | ({ readonly kind: "list" } & Extent);

/** What a listing tells of. */
export interface Extent {
  readonly withTasks: boolean;
  readonly withPods: boolean;
}

export interface Agenda {
  wish(item: Item, wish?: Wish): void;
  /** What is to be read now; each job must be `done` or `failed`. */
  take(): readonly Job[];
  /** ms since the epoch of the next `take` that may give something; Infinity: not before another wish. */
  nextTake(): number;
  done(job: Job): void;
  /** It is tried again later, and less and less often. @returns how often it has failed so far */
  failed(job: Job): number;
  /** A listing that was asked for at `at` has been learned. */
  listed(at: number, extent: Extent): void;
  /** The session is over: nothing is being read any more. */
  reset(): void;
  size(): number;
}

export interface AgendaOptions {
  readonly limits: MarathonLimits;
  /** Whether a definition is still missing. */
  isMissing(item: Item): boolean;
  now(): number;
  random(): number;
}

interface Entry extends Item {
  notBefore: number;
  /** When it was last wished for. */
  wished: number;
  failures: number;
  isReading: boolean;
  /** Wished for while it was being read: the answer may be older than the wish. */
  isStale: boolean;
  /** A listing has not answered it, so that another one won't. */
  isListed: boolean;
  /** null: needed whatever happens. */
  conditions: readonly (() => boolean)[] | null;
}

export function createAgenda(options: AgendaOptions): Agenda {
  const { limits, isMissing, now, random } = options;
  const entries = new Map<string, Entry>();
  const pace: Pace = createPace(limits, now);
  let reading = 0;
  let isListing = false;

  return { wish, take, nextTake, done, failed, listed, reset, size: () => entries.size };

  /** Spread by 20 %, so that several Musters that heard the same event don't ask at one moment. */
  function soon(delay: number): number {
    return now() + delay * (0.8 + 0.4 * random());
  }

  function wish(item: Item, { delay, isStillNeeded }: Wish = {}): void {
    const notBefore = delay === undefined ? soon(limits.debounce) : now() + delay;
    const held = entries.get(keyOf(item));
    if (held === undefined) {
      const conditions = isStillNeeded === undefined ? null : [isStillNeeded];
      const fresh = { failures: 0, isReading: false, isStale: false, isListed: false };
      entries.set(keyOf(item), { ...item, ...fresh, notBefore, wished: now(), conditions });
      return;
    }
    held.wished = now();
    held.conditions = moreConditions(held.conditions, isStillNeeded);
    if (held.isReading) held.isStale = item.version === null;
    else if (held.failures === 0) held.notBefore = Math.min(held.notBefore, notBefore);
  }

  function take(): readonly Job[] {
    dropMoot();
    const due = [...entries.values()].filter(({ isReading, notBefore }) => !isReading && notBefore <= now());
    const listable = due.filter(({ isListed }) => !isListed);
    if (pace.fits(listable.map(keyOf))) return due.flatMap(takeSingle);
    return [...takeListing(listable), ...due.filter(({ isListed }) => isListed).flatMap(takeSingle)];
  }

  function dropMoot(): void {
    for (const [key, entry] of entries) {
      if (entry.isReading || entry.notBefore > now()) continue;
      const isMoot =
        entry.version === null ? entry.conditions?.every((isNeeded) => !isNeeded()) === true : !isMissing(entry);
      if (isMoot) entries.delete(key);
    }
  }

  function takeListing(listable: readonly Entry[]): readonly Job[] {
    if (isListing || pace.nextListing() > now()) return [];
    isListing = true;
    pace.listing();
    const withTasks = listable.some(({ version, subject }) => version === null || subject.isPod);
    return [{ kind: "list", withTasks, withPods: listable.some(({ subject }) => subject.isPod) }];
  }

  function takeSingle(entry: Entry): readonly Job[] {
    const app = entry.version === null ? entry.subject.app : null;
    const earliest = pace.earliest(app);
    if (earliest > now()) entry.notBefore = earliest;
    if (earliest > now() || reading >= limits.concurrency) return [];
    entry.isReading = true;
    reading += 1;
    pace.read(app, entry.isListed ? null : keyOf(entry));
    return [{ kind: "read", item: entry }];
  }

  function nextTake(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { isReading, notBefore } of entries.values()) if (!isReading) next = Math.min(next, notBefore);
    // Due, but held back: by a listing's distance to the last one, or by reads under way (whose end rings the bell).
    if (next > now()) return next;
    return isListing || reading >= limits.concurrency
      ? now() + limits.listingGap
      : Math.max(now() + 5, pace.nextListing());
  }

  function done(job: Job): void {
    const entry = land(job);
    if (entry === null) return;
    if (!entry.isStale) return void entries.delete(keyOf(entry));
    Object.assign(entry, { isStale: false, failures: 0, notBefore: soon(limits.debounce) });
  }

  function failed(job: Job): number {
    const entry = land(job);
    if (entry === null) return 0;
    entry.failures += 1;
    entry.notBefore = soon(retryAfter(entry));
    return entry.failures;
  }

  function land(job: Job): Entry | null {
    if (job.kind === "list") {
      isListing = false;
      return null;
    }
    const entry = entries.get(keyOf(job.item));
    if (entry === undefined || !entry.isReading) return null;
    reading -= 1;
    entry.isReading = false;
    return entry;
  }

  function listed(at: number, { withTasks, withPods }: Extent): void {
    for (const [key, entry] of entries) {
      if (entry.wished >= at || entry.isReading || (entry.subject.isPod && !withPods)) continue;
      if (entry.version !== null) entry.isListed = true;
      else if (withTasks) entries.delete(key);
    }
  }

  function reset(): void {
    reading = 0;
    isListing = false;
    for (const entry of entries.values()) entry.isReading = false;
  }
}

/** A wish without a condition, or too many with one, make it needed whatever happens. */
function moreConditions(held: Entry["conditions"], condition: Wish["isStillNeeded"]): Entry["conditions"] {
  if (held === null || condition === undefined || held.length >= MAX_CONDITIONS) return null;
  return [...held, condition];
}

/** From 100 ms to 5 s; one that is still not there after eight tries once a minute. */
function retryAfter({ failures }: Entry): number {
  return failures >= MAX_TRIES ? 60_000 : Math.min(5_000, 100 * 2 ** (failures - 1));
}

const MAX_CONDITIONS = 20;

/** After so many failures a read is given up for the time being. */
export const MAX_TRIES = 8;

function keyOf({ subject, version }: Item): string {
  return `${subject.isPod ? "pod" : "app"} ${subject.app}@${version ?? ""}`;
}
