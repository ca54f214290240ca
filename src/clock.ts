/** Time as a parameter, so that tests and simulations need no sleeping. */
export interface Clock {
  /** ms since the epoch. */
  now(): number;
  /** Calls back once after `ms`. @returns a function that takes it back */
  after(ms: number, callback: () => void): () => void;
  /** Resolves after `ms`; rejects with `signal.reason` on abort. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: Date.now,
  after(ms, callback) {
    // A longer wait than a timer can hold is a very long one; whoever waits looks again.
    const timer = setTimeout(callback, Math.min(ms, 2 ** 31 - 1));
    return () => clearTimeout(timer);
  },
  wait: (ms, signal) => waitBy(systemClock, ms, signal),
};

/**
 * Wall time as it was when the process started, and steady from then on: waits and deadlines must not follow the wall
 * clock when that is set, or a registry would be left alone for as long as it was set back.
 */
export const steadyClock: Clock = {
  ...systemClock,
  now: () => Math.round(performance.timeOrigin + performance.now()),
};

/** `Clock.wait` by means of `Clock.after`. */
export function waitBy({ after }: Pick<Clock, "after">, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const cancel = after(ms, () => {
      signal.removeEventListener("abort", stop);
      resolve();
    });
    const stop = () => {
      cancel();
      reject(signal.reason);
    };
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** A flag that a loop waits for: any number of `ring`s before the next `wait` count as one. One waiter at a time. */
export interface Bell {
  ring(): void;
  /** Resolves when rung (at once if rung since the last wait), or after `ms`, or when `signal` aborts; never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function createBell(clock: Pick<Clock, "after">): Bell {
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

  // On the path of every change, so plain: no signals are made, and nothing rejects.
  function rungOrElapsed(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        signal.removeEventListener("abort", done);
        wake = null;
        resolve();
      };
      const cancel = ms === Number.POSITIVE_INFINITY ? () => {} : clock.after(ms, done);
      signal.addEventListener("abort", done, { once: true });
      wake = done;
    });
  }
}
