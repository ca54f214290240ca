import { type Clock, waitBy } from "../../src/clock.ts";

export interface ManualClock extends Clock {
  /** Moves time on and runs what falls due, in order. */
  advance(ms: number): Promise<void>;
}

/** Time that stands still until a test moves it. */
export function createManualClock(start = 1_000_000): ManualClock {
  let now = start;
  const waiting = new Set<{ readonly at: number; readonly resolve: () => void }>();
  function after(ms: number, callback: () => void): () => void {
    const timer = {
      // Less than the last digit of a number with fractions would let nobody ever see his time come.
      at: now + (ms > 0 ? Math.max(ms, 1e-6) : ms),
      resolve() {
        waiting.delete(timer);
        callback();
      },
    };
    waiting.add(timer);
    return () => void waiting.delete(timer);
  }
  return {
    now: () => now,
    after,
    wait: (ms, signal) => waitBy({ after }, ms, signal),
    async advance(ms) {
      const until = now + ms;
      for (;;) {
        await settled();
        const next = [...waiting].sort((a, b) => a.at - b.at)[0];
        if (next === undefined || next.at > until) break;
        now = Math.max(now, next.at);
        next.resolve();
      }
      now = until;
      await settled();
    },
  };
}

/** Lets everything that is ready run. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}
