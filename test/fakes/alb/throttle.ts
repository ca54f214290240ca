/** The account's token buckets (facts/alb.md §1.3): all callers share them. */
import { AwsError } from "./errors.ts";

export interface Bucket {
  /** Tokens per second. */
  readonly rate: number;
  readonly burst: number;
}

export interface Throttle {
  /** Throws ThrottlingException where no token is left. */
  take(): void;
  readonly refused: number;
}

export function createThrottle({ rate, burst }: Bucket, now: () => number): Throttle {
  let tokens = burst;
  let at = now();
  let refused = 0;
  return {
    take() {
      tokens = Math.min(burst, tokens + ((now() - at) / 1000) * rate);
      at = now();
      if (tokens < 1) {
        refused += 1;
        throw new AwsError("Throttling", "Rate exceeded");
      }
      tokens -= 1;
    },
    get refused() {
      return refused;
    },
  };
}
