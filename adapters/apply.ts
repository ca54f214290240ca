/** How a batch of changes is carried out: in parallel, save where one must wait for another. */
import { setMaxListeners } from "node:events";
import PQueue from "p-queue";
import type { Change, Outcome } from "../src/model.ts";
import { namesOf, rankOf } from "../src/plan.ts";

/**
 * Runs `apply` for every change, at most `concurrency` at a time. A change never overtakes an earlier one of the same
 * key or endpoint (a dead task's entry goes before the one that took its port over comes), nor any of another rank.
 * Rejects with `signal.reason` on abort; `apply` itself must not reject otherwise.
 * @returns one outcome per change, in the order of `changes`
 */
export async function applyInOrder(
  changes: readonly Change[],
  apply: (change: Change, signal: AbortSignal) => Promise<Outcome>,
  { concurrency }: { readonly concurrency: number },
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  signal.throwIfAborted();
  // Each request under way listens to it: many listeners are no leak here.
  setMaxListeners(0, signal);
  const [only, ...others] = changes;
  // Mostly there is one, which somebody waits for.
  if (only !== undefined && others.length === 0) return [await apply(only, signal)];
  const queue = new PQueue({ concurrency });
  const last = new Map<string, Promise<unknown>>();
  let rank: number | null = null;
  let ofRank: Promise<unknown>[] = [];
  let before: Promise<unknown> = Promise.resolve();
  const all = changes.map((change) => {
    if (rank !== rankOf(change)) {
      rank = rankOf(change);
      before = Promise.allSettled(ofRank);
      ofRank = [];
    }
    const names = namesOf(change);
    const earlier = names.flatMap((name) => last.get(name) ?? []);
    const done = Promise.allSettled([before, ...earlier]).then(() =>
      queue.add(() => {
        signal.throwIfAborted();
        return apply(change, signal);
      }),
    );
    for (const name of names) last.set(name, done);
    ofRank.push(done);
    return done;
  });
  return await Promise.all(all);
}
