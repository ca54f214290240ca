/** The three ways in which sources wait. None of them rejects: an abort only ends the wait. */

/** Resolves after `ms` (Infinity: never), or when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    // A timer can't wait longer than 2^31 ms; whoever waits that long, but not for ever, looks again.
    const timer =
      ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(done, Math.min(Math.max(ms, 0), 2 ** 31 - 1));
    signal.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}

/** A door bell: any number of rings before a wait count as one. One waiter at a time. */
export interface Bell {
  ring(): void;
  /** Resolves when rung (at once if rung since the last wait), after `ms`, or when `signal` aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export function createBell(): Bell {
  let rung = false;
  let wake: (() => void) | null = null;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    async wait(ms, signal) {
      if (!rung && !signal.aborted) await rungOrElapsed(ms, signal);
      rung = false;
    },
  };

  // On the path of every event, so plain: no signals are made for it.
  function rungOrElapsed(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const timer =
        ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(done, Math.min(Math.max(ms, 0), 2 ** 31 - 1));
      signal.addEventListener("abort", done, { once: true });
      wake = done;
      function done(): void {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        wake = null;
        resolve();
      }
    });
  }
}

/**
 * How long to wait after the n-th failure in a row (1 for the first): 100 ms, doubled each time up to 5 s, of which the
 * upper half is random so that many Musters don't come back at one moment.
 */
export function retryDelay(failures: number, random: () => number): number {
  const step = Math.min(5_000, 100 * 2 ** Math.min(failures - 1, 10));
  return Math.round(step * (0.5 + 0.5 * random()));
}
