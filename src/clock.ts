import { setTimeout as delay } from "node:timers/promises";

/** Time as a parameter, so that tests and simulations need no sleeping. */
export interface Clock {
  /** ms since the epoch. */
  now(): number;
  /** Resolves after `ms`; rejects with `signal.reason` on abort. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: Date.now,
  async wait(ms, signal) {
    signal.throwIfAborted();
    try {
      await delay(ms, undefined, { signal });
    } catch (error) {
      // node:timers/promises rejects with its own AbortError; the reason is what callers compare.
      throw signal.aborted ? signal.reason : error;
    }
  },
};

/** A flag that a loop waits for: any number of `ring`s before the next `wait` count as one. */
export interface Bell {
  ring(): void;
  /** Resolves when rung (at once if rung since the last wait), or after `ms`, or when `signal` aborts; never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function createBell(clock: Clock): Bell {
  let rung = false;
  let wake: (() => void) | null = null;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    async wait(ms, signal) {
      if (!rung && ms > 0 && !signal.aborted) await rungOrElapsed(ms, signal);
      rung = false;
    },
  };

  async function rungOrElapsed(ms: number, signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    wake = () => done.abort(new Error("rung"));
    try {
      // A loop may wait for ever (Infinity); a timer can't.
      await clock.wait(Math.min(ms, 2 ** 31 - 1), AbortSignal.any([signal, done.signal]));
    } catch (error) {
      if (!signal.aborted && !done.signal.aborted) throw error;
    } finally {
      wake = null;
    }
  }
}
