/** Whether a registry answers; while it does not, it is left alone for longer and longer. */
import { backoff } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import type { Reporter } from "./report.ts";

export interface Availability {
  failed(error: string): void;
  answered(): void;
  /** Failures in a row; 0: it answers. */
  readonly failures: number;
  /** Why it does not answer; null: it does. */
  readonly error: string | null;
  /** ms until it may be tried again; 0: now. */
  waits(): number;
}

/** Between attempts to reach a registry that is down: short, since it should be right again within seconds of its return; ms. */
const DOWN = { base: 100, max: 3_000 };

export function createAvailability(
  clock: Pick<Clock, "now">,
  random: () => number,
  reporter: Pick<Reporter, "unreachable" | "recovered">,
): Availability {
  let failures = 0;
  let until = 0;
  let error: string | null = null;

  const waits = (): number => Math.max(0, until - clock.now());

  return {
    failed(reason) {
      error = reason;
      // Calls that were under way at once fail at once: that is one failure.
      if (waits() > 0) return;
      failures++;
      until = clock.now() + backoff(failures, { ...DOWN, random });
      reporter.unreachable(reason, failures);
    },
    answered() {
      if (failures > 0) reporter.recovered(failures);
      [failures, until, error] = [0, 0, null];
    },
    get failures() {
      return failures;
    },
    get error() {
      return error;
    },
    waits,
  };
}
