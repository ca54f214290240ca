/** For tests; the defaults are right (facts/marathon.md §6). All times in ms. */
export interface MarathonLimits {
  /** Facts held for a slow consumer, before they are dropped for a new listing. */
  readonly queue: number;
  /** Events longer than this many characters are skipped. */
  readonly maxEvent: number;
  /** From the first wish for a read to the read, so that wishes gather. */
  readonly debounce: number;
  /** From a mere hint (a deployment ends) to the read that makes sure. */
  readonly hintDelay: number;
  /** Reads at a time. */
  readonly concurrency: number;
  /** Different things read one by one within `burstWindow`, beyond which one listing answers for all. */
  readonly burst: number;
  readonly burstWindow: number;
  /** Between listings that answer for many; doubled each time up to `maxListingGap` while they come one after the other. */
  readonly listingGap: number;
  readonly maxListingGap: number;
  /** Reads of one app within a minute; as many may come at once after a quiet minute. */
  readonly readsPerMinute: number;
  /** A task that answers lack is gone when they still do after this. */
  readonly secondLook: number;
  /** The same where an answer lacks half of all tasks, or all. */
  readonly guardedLook: number;
  /** An answer that shows a task running is believed again so long after its kill was announced. */
  readonly killGrace: number;
  /** Between listings of a Marathon without an event stream (before 0.9). */
  readonly poll: number;
  /** Between reads of an app whose tasks are not ready yet, since no event tells. */
  readonly readinessPoll: number;
  readonly tombstoneTtl: number;
  readonly maxTombstones: number;
  readonly maxDefinitions: number;
  /** Tasks held at most; more are not taken up. */
  readonly maxTasks: number;
  readonly parkedTtl: number;
  readonly maxParked: number;
  /** First and longest wait between attempts to connect. */
  readonly minBackoff: number;
  readonly maxBackoff: number;
  /** A connection that lasted so long was a good one: the back-off starts anew. */
  readonly goodConnection: number;
}

export const LIMITS: MarathonLimits = {
  queue: 10_000,
  maxEvent: 16 * 1024 * 1024,
  debounce: 75,
  hintDelay: 3_000,
  concurrency: 4,
  burst: 4,
  burstWindow: 30_000,
  listingGap: 1_000,
  maxListingGap: 10_000,
  readsPerMinute: 6,
  secondLook: 2_000,
  guardedLook: 10_000,
  killGrace: 30_000,
  poll: 5_000,
  readinessPoll: 10_000,
  tombstoneTtl: 15 * 60_000,
  maxTombstones: 100_000,
  maxDefinitions: 5_000,
  maxTasks: 200_000,
  parkedTtl: 60_000,
  maxParked: 10_000,
  minBackoff: 500,
  maxBackoff: 30_000,
  goodConnection: 60_000,
};
