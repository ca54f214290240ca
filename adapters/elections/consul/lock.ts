/** The lock as it stands in Consul, and for how long a candidate must leave it alone. Pure. */
import * as v from "valibot";

/** What stands in the lock: the holder's sign of life, another one at each beat. */
export const Mark = v.object({
  /**
   * `resigned`: it has stopped acting and gave the lock back. `vacant`: put by a candidate that found the lock forgotten
   * (wiped, deleted), so that from now on everybody sees that somebody may still act.
   */
  state: v.picklist(["leading", "resigned", "vacant"]),
  /** Id of the node, for people. */
  node: v.string(),
  /** ISO 8601; since when it is so, for people. */
  since: v.string(),
  /** Makes the mark unique. `vacant`: not a session, but of the same shape. */
  session: v.pipe(v.string(), v.nonEmpty()),
  /** For how long it is believed after this sign, ms: its own setting, which need not be ours. */
  ttl: v.pipe(v.number(), v.minValue(1)),
  /** Counts the signs of one session, since Consul takes a write of the same value for no change (measured on 1.8.7). */
  beat: v.number(),
});
export type Mark = v.InferOutput<typeof Mark>;

export interface Lock {
  /** For the next blocking query. */
  readonly index: number;
  /** When the key was last changed, its session's end included: Consul's `ModifyIndex`; 0: there is none. */
  readonly modified: number;
  /** Session that holds it; null: nobody does. */
  readonly session: string | null;
  /** How often it was taken. */
  readonly lockIndex: number;
  /** As it stands there; null: there is no such key. */
  readonly value: string | null;
  /** What `value` says; null: there is none, or it isn't one of ours. */
  readonly mark: Mark | null;
}

/** The session by which this candidate took the lock, or tried to. */
export interface Own {
  readonly session: string;
  /** When the last sign of life that Consul took was sent; -Infinity before the first. By the monotonic clock, ms. */
  provenAt: number;
}

/**
 * Shares of the TTL. A holder acts only up to ACTS after it sent its last sign that Consul took; a candidate takes the
 * lock over only SILENT after it first saw the last sign, which was later. What lies between is for work to stop in.
 * Consul itself ends a session no sooner than a whole TTL after its last renewal, in fact after two (facts/consul.md).
 */
export const ACTS = 0.75;
export const SILENT = 0.95;

export interface Patience {
  /**
   * Whether there is no lock, though somebody may have held it a moment ago: it is to be marked as vacant then. At the
   * very first look there is no reason to think so.
   */
  isForgotten(lock: Lock, own: Own | null, now: number): boolean;
  /**
   * To be told of every fresh, consistent read of the lock.
   * @param now when the answer was there, by the monotonic clock, ms
   * @returns for how long the lock must be left alone, ms, since whoever had it may still act; 0: it may be taken, and a
   *   session that still holds it may be ended
   */
  left(lock: Lock, own: Own | null, now: number): number;
}

/**
 * This takes the place of Consul's own lock delay, which holds for sessions only that Consul itself has ended, and only
 * while its leader's memory lasts: here it does not matter how a lock came to be free. Destroyed by hand, expired,
 * wiped: unless the holder said that it has stopped, nobody follows it before its last sign is old enough.
 * @param ttl of our own, ms; used where the lock doesn't say its holder's
 */
export function createPatience(ttl: number): Patience {
  let seen: string | null = null;
  let until = 0;
  return {
    isForgotten: ({ value }, own, now) => value === null && seen !== null && !ledOfLate(own, now),
    left(lock, own, now) {
      const sign = lock.value === null ? "" : `${lock.lockIndex} ${lock.value}`;
      if (sign !== seen) until = isHarmless(lock, own, now) ? now : now + SILENT * (lock.mark?.ttl ?? ttl);
      seen = sign;
      return Math.max(0, until - now);
    },
  };

  /** Our own work has always ended, or there would be no campaign. */
  function isHarmless({ mark, value }: Lock, own: Own | null, now: number): boolean {
    switch (mark?.state) {
      case "resigned":
        return true;
      case "leading":
        return mark.session === own?.session;
      case "vacant":
        return ledOfLate(own, now);
      case undefined:
        return value === null;
    }
  }

  /** Then nobody else can have led since: not even who took the lock from us would have begun yet. */
  function ledOfLate(own: Own | null, now: number): boolean {
    return own !== null && now - own.provenAt < SILENT * ttl;
  }
}
