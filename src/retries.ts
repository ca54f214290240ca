/** Which keys failed, why, and when to try them again. One failing entry never holds up the others. */
import { backoff } from "./backoff.ts";
import { sameJson } from "./json.ts";
import type { Change, Outcome } from "./model.ts";

export interface Failure {
  readonly error: string;
  /** Whether the registry refused it, as opposed to not having answered properly. */
  readonly refused: boolean;
  /** See `Outcome`. */
  readonly isolated: boolean;
  readonly attempts: number;
  /** ms since the epoch of the first failure. */
  readonly since: number;
  /** ms since the epoch; not before. */
  readonly retryAt: number;
}

export interface Retries {
  failed(change: Change, outcome: Extract<Outcome, { ok: false }>, now: number): Failure;
  succeeded(key: string): void;
  of(key: string): Failure | null;
  ofInstance(id: string): Failure | null;
  /** The registry is back: whatever it did not answer is tried again at once. */
  release(): void;
  /** Whether this very change failed and its time to retry has not come; another change of the key is tried at once. */
  mustWait(change: Change, now: number): boolean;
  /** Keys whose time has come. */
  due(now: number): readonly string[];
  /** ms since the epoch of the earliest retry; Infinity if there is none. */
  nextAt(): number;
  keys(): Iterable<string>;
  readonly size: number;
  /** Failures of the registry itself to answer properly: no refusals, nothing isolated. */
  readonly unanswered: number;
}

const RETRY = { base: 200, max: 5_000 };
/** A refusal is final until something changes, perhaps in the registry (a permission, a stranger's entry): ask again, rarely. */
const REFUSED = { base: 15_000, max: 300_000 };

export function createRetries(random: () => number): Retries {
  const failures = new Map<string, { failure: Failure; change: Change }>();
  return {
    failed(change, { error, retry, isolated = false }, now) {
      const before = failures.get(change.key);
      const attempts = before !== undefined && sameIntent(before.change, change) ? before.failure.attempts + 1 : 1;
      const delay = backoff(attempts, { ...(retry ? RETRY : REFUSED), random });
      const failure = {
        error,
        refused: !retry,
        isolated,
        attempts,
        since: before?.failure.since ?? now,
        retryAt: now + delay,
      };
      failures.set(change.key, { failure, change });
      return failure;
    },
    succeeded: (key) => void failures.delete(key),
    of: (key) => failures.get(key)?.failure ?? null,
    ofInstance(id) {
      for (const { failure, change } of failures.values())
        if ((change.after ?? change.before)?.instance === id) return failure;
      return null;
    },
    release() {
      for (const [key, { failure, change }] of failures) {
        if (!failure.refused) failures.set(key, { failure: { ...failure, retryAt: 0 }, change });
      }
    },
    mustWait(change, now) {
      const held = failures.get(change.key);
      return held !== undefined && held.failure.retryAt > now && sameIntent(held.change, change);
    },
    due: (now) => [...failures].filter(([, { failure }]) => failure.retryAt <= now).map(([key]) => key),
    nextAt: () => Math.min(...[...failures.values()].map(({ failure }) => failure.retryAt)),
    keys: () => [...failures.keys()],
    get size() {
      return failures.size;
    },
    get unanswered() {
      return [...failures.values()].filter(({ failure }) => !failure.refused && !failure.isolated).length;
    },
  };
}

function sameIntent(a: Change, b: Change): boolean {
  // That others need what is to go is judged anew when they are others.
  const sameUsers = sameJson(a.before?.users, b.before?.users);
  return (a.after === null) === (b.after === null) && sameUsers && sameJson(a.after?.spec, b.after?.spec);
}
