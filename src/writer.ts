/** Carries changes out in a registry, and keeps the mirror, the retries and the reports by what came of them. */
import type { Clock } from "./clock.ts";
import type { Drift } from "./drift.ts";
import type { Change, Outcome, Registration, Registry } from "./model.ts";
import { namesOf } from "./plan.ts";
import type { RemovalRules } from "./removal.ts";
import type { Reporter } from "./report.ts";
import type { Retries } from "./retries.ts";

export interface WriterOptions {
  readonly registry: Registry;
  readonly rules: RemovalRules;
  readonly retries: Retries;
  readonly drift: Drift;
  readonly reporter: Reporter;
  readonly clock: Pick<Clock, "now">;
  /** What the registry holds is not known any more: only a listing can tell. */
  onDoubt(): void;
}

export interface Writer {
  /**
   * @param mirror what the registry holds; changed by what is done
   * @returns null if the registry answered at least one of the changes properly, else why it did not
   * Rejects with `signal.reason` on abort.
   */
  write(changes: readonly Change[], mirror: Map<string, Registration>, signal: AbortSignal): Promise<string | null>;
  /** What is being written at present, see `Planner.next`. */
  readonly busy: ReadonlySet<string>;
}

export function createWriter(options: WriterOptions): Writer {
  const { registry, rules, retries, drift, reporter, clock, onDoubt } = options;
  const busy = new Set<string>();

  return { write, busy };

  async function write(
    changes: readonly Change[],
    mirror: Map<string, Registration>,
    signal: AbortSignal,
  ): Promise<string | null> {
    const began = clock.now();
    const details = changes.map((change) => ({
      cause: reporter.cause(change),
      attempt: (retries.of(change.key)?.attempts ?? 0) + 1,
      drift: drift.take(change.key),
    }));
    const outcomes = await reserved(changes, () => applied(changes, signal));
    const ms = clock.now() - began;
    const writes = changes.flatMap((change, index) => {
      const detail = details[index];
      const outcome = outcomes[index] ?? unanswered(change);
      return detail === undefined ? [] : [{ change, outcome, ms, ...detail }];
    });
    for (const { change, outcome } of writes) settle(change, outcome, mirror);
    reporter.done(writes);
    const failed = writes.flatMap(({ outcome }) =>
      !outcome.ok && outcome.retry && outcome.isolated !== true ? [outcome.error] : [],
    );
    return failed.length < writes.length ? null : (failed[0] ?? "");
  }

  async function reserved<T>(changes: readonly Change[], work: () => Promise<T>): Promise<T> {
    const names = changes.flatMap(namesOf);
    for (const name of names) busy.add(name);
    try {
      return await work();
    } finally {
      for (const name of names) busy.delete(name);
    }
  }

  async function applied(changes: readonly Change[], signal: AbortSignal): Promise<readonly Outcome[]> {
    try {
      return await registry.apply(changes, signal);
    } catch (error) {
      // Some of it may have been done.
      onDoubt();
      if (signal.aborted) throw signal.reason;
      const text = error instanceof Error ? error.message : String(error);
      return changes.map((change) => ({ ...unanswered(change), error: text }));
    }
  }

  function settle(change: Change, outcome: Outcome, mirror: Map<string, Registration>): void {
    if (outcome.ok) {
      retries.succeeded(change.key);
      if (change.after === null) {
        mirror.delete(change.key);
        rules.removed(change.before);
      } else mirror.set(change.key, change.after);
      return;
    }
    retries.failed(change, outcome, clock.now());
    if ((outcome.retry || outcome.ambiguous) && outcome.isolated !== true) onDoubt();
  }

  function unanswered({ key }: Change): Extract<Outcome, { ok: false }> {
    return { ok: false, error: `${registry.name}: no outcome for ${key}`, retry: true, ambiguous: true };
  }
}
