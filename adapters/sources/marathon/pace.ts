/** How fast Marathon may be asked. Pure. */
import type { MarathonLimits } from "./limits.ts";

export interface Pace {
  /** When a read may be made: of all together at most ten in a second, of one app (null: does not count) a few in a minute. */
  earliest(app: string | null): number;
  /** @param key what is read, if a listing could have answered it as well; else null */
  read(app: string | null, key: string | null): void;
  /** Whether these may be read one by one; else one listing is better. Reading the same again and again is no reason for one. */
  fits(keys: readonly string[]): boolean;
  nextListing(): number;
  listing(): void;
}

const PER_SECOND = 10;
const SECOND = 1_000;
const MINUTE = 60_000;
/** Less than a hundredth of a token is a matter of rounding. */
const ONE = 0.99;

/** Tokens that come back at a steady rate, up to a number. */
interface Bucket {
  tokens: number;
  at: number;
}

export function createPace(limits: MarathonLimits, now: () => number): Pace {
  const all: Bucket = { tokens: PER_SECOND, at: now() };
  /** In order of their last read. */
  const apps = new Map<string, Bucket>();
  /** When things were read last that a listing could have answered; in that order. */
  const listable = new Map<string, number>();
  let listedAt = Number.NEGATIVE_INFINITY;
  let gap = limits.listingGap;

  return { earliest, read, fits, nextListing: () => listedAt + gap, listing };

  function earliest(app: string | null): number {
    const own = app === null ? undefined : apps.get(app);
    const ownWait = own === undefined ? 0 : waitFor(own, limits.readsPerMinute, MINUTE);
    return now() + Math.max(ownWait, waitFor(all, PER_SECOND, SECOND));
  }

  /** ms until there is a token, at `count` in `period`. */
  function waitFor(bucket: Bucket, count: number, period: number): number {
    bucket.tokens = Math.min(count, bucket.tokens + ((now() - bucket.at) * count) / period);
    bucket.at = now();
    return bucket.tokens >= ONE ? 0 : Math.ceil(((1 - bucket.tokens) * period) / count);
  }

  function read(app: string | null, key: string | null): void {
    all.tokens -= 1;
    if (key !== null) {
      listable.delete(key);
      listable.set(key, now());
    }
    if (app === null) return;
    const own = apps.get(app) ?? { tokens: limits.readsPerMinute, at: now() };
    own.tokens -= 1;
    apps.delete(app);
    apps.set(app, own);
    forgetFull();
  }

  function forgetFull(): void {
    for (const [app, { at }] of apps) {
      if (now() - at <= MINUTE) return;
      apps.delete(app);
    }
  }

  function fits(keys: readonly string[]): boolean {
    for (const [key, at] of listable) {
      if (now() - at < limits.burstWindow) break;
      listable.delete(key);
    }
    return new Set([...keys, ...listable.keys()]).size <= limits.burst;
  }

  function listing(): void {
    const isRepeated = now() - listedAt < 3 * gap;
    gap = isRepeated ? Math.min(limits.maxListingGap, 2 * gap) : limits.listingGap;
    listedAt = now();
  }
}
