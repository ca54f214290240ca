/**
 * Our share of the account's token bucket, which all callers in the account have in common (facts/alb.md §1.3). Nobody
 * can see the others: so everyone may use the whole rate, halves his own whenever the account is throttled, never below
 * the fair share, and is back at the whole rate after half a minute of quiet.
 */
import { setTimeout as delay } from "node:timers/promises";

/** Time, as a parameter. */
export interface Timing {
  /** ms, only differences matter. */
  now(): number;
  /** Rejects with `signal.reason` on abort. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export const realTiming: Timing = {
  now: () => performance.now(),
  async wait(ms, signal) {
    signal.throwIfAborted();
    await delay(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
  },
};

export interface Pace {
  /** Waits for a token; first come, first served. Rejects with `signal.reason` on abort. */
  turn(signal: AbortSignal): Promise<void>;
  throttled(): void;
  succeeded(): void;
}

export interface PaceOptions {
  /** Calls per second. */
  readonly rate: number;
  /** Calls at once after a pause. */
  readonly burst: number;
  /** How many callers there may be. */
  readonly callers: number;
}

/** After the first throttled call nobody calls for about this long, ms; doubled with each further one. */
const PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 16_000;
const RECOVERY_MS = 30_000;

export function createPace({ rate, burst, callers }: PaceOptions, timing: Timing, random: () => number): Pace {
  const fair = rate / callers;
  let current = rate;
  let tokens = burst;
  let at = timing.now();
  let pausedUntil = 0;
  let throttles = 0;
  let last: Promise<unknown> = Promise.resolve();

  function refill(): void {
    const now = timing.now();
    const seconds = Math.max(0, now - at) / 1000;
    at = now;
    tokens = Math.min(burst, tokens + seconds * current);
    current = Math.min(rate, current + (rate * seconds * 1000) / RECOVERY_MS);
  }

  async function take(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      refill();
      const ms = Math.max(pausedUntil - timing.now(), ((1 - tokens) / current) * 1000);
      if (ms <= 0) break;
      await timing.wait(Math.ceil(ms), signal);
    }
    tokens -= 1;
  }

  return {
    async turn(signal) {
      const before = last;
      const turn = before.then(() => take(signal));
      last = turn.catch(() => {});
      await turn;
    },
    throttled() {
      refill();
      current = Math.max(fair, current / 2);
      tokens = Math.min(tokens, 0);
      const pause = Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** throttles);
      throttles += 1;
      pausedUntil = timing.now() + pause * (0.5 + random());
    },
    succeeded() {
      throttles = 0;
    },
  };
}
