/**
 * What one registry's loop tells the rest: audit records, time line, log, and since when each entry is registered. A
 * write is on the audit log's disk before it is reported as done.
 */
import type { AuditAction, AuditInput } from "./audit/record.ts";
import type { Clock } from "./clock.ts";
import type { Change, Logger, Outcome, Registration } from "./model.ts";
import type { TimelineEntry } from "./timeline.ts";
import type { World } from "./world.ts";

export interface ReportSink {
  /** Resolves when the records are on disk. */
  audit(records: readonly AuditInput[]): Promise<unknown>;
  /** Hears of changes of single entries, after the audit. */
  reported?(registry: string, writes: readonly Write[]): void;
  /** Hears of changes of the registry's own state. */
  stateChanged?(registry: string): void;
}

export interface Write {
  readonly change: Change;
  readonly outcome: Outcome;
  readonly cause: readonly TimelineEntry[];
  /** 1 for the first. */
  readonly attempt: number;
  /** ms from the beginning of the batch to its end. */
  readonly ms: number;
  /** Whether it repairs what somebody else has changed. */
  readonly drift: boolean;
}

export interface Reporter {
  /** A full listing: entries found are registered, whoever wrote them. */
  listed(entries: readonly Registration[]): void;
  cause(change: Change): readonly TimelineEntry[];
  done(writes: readonly Write[]): void;
  /** A service-level object that is not written, since another service has what it claims. */
  refused(entry: Registration, error: string): void;
  guard(text: string | null): void;
  unreachable(error: string, failures: number): void;
  recovered(failures: number): void;
  /** ms since the epoch; null if the entry is not (yet) known to be registered. */
  since(key: string): number | null;
  /** Resolves when all that was done is on disk. */
  settled(): Promise<void>;
}

export interface ReporterOptions {
  readonly registry: string;
  readonly world: World;
  readonly clock: Clock;
  readonly sink: ReportSink;
  readonly log: Logger;
}

export function createReporter({ registry, world, clock, sink, log }: ReporterOptions): Reporter {
  const since = new Map<string, number>();
  let last: Promise<void> = Promise.resolve();

  return {
    listed(entries) {
      const found = new Set(entries.map(({ key }) => key));
      for (const key of since.keys()) if (!found.has(key)) since.delete(key);
      for (const key of found) if (!since.has(key)) since.set(key, clock.now());
    },
    cause({ before, after }) {
      const task = (after ?? before)?.task ?? null;
      return task === null ? [] : world.timeline.cause(task, registry);
    },
    done(writes) {
      for (const write of writes) note(write);
      enqueue(writes.map(toRecord), () => {
        for (const { change, outcome } of writes) if (outcome.ok) setSince(change);
        sink.reported?.(registry, writes);
      });
    },
    refused({ key, service, spec }, error) {
      log.warn({ registry, key, service, error }, "refused");
      enqueue([{ registry, action: "refuse", id: key, service, ok: false, error, after: spec }], () => {
        sink.stateChanged?.(registry);
      });
    },
    guard(text) {
      if (text !== null) log.warn({ registry, guard: text }, "mass removal refused");
      enqueue([{ registry, action: "guard", ok: text === null, error: text }], () => sink.stateChanged?.(registry));
    },
    unreachable(error, failures) {
      // The first failure is news; of the repeats, every tenth.
      if (failures === 1) log.warn({ registry, error }, "registry failing");
      else if (failures % 10 === 0) log.error({ registry, error, failures }, "registry still failing");
      sink.stateChanged?.(registry);
    },
    recovered(failures) {
      log.info({ registry, failures }, "registry back");
      sink.stateChanged?.(registry);
    },
    since: (key) => since.get(key) ?? null,
    settled: () => last,
  };

  function setSince({ op, key }: Change): void {
    if (op === "deregister") since.delete(key);
    else if (op === "register" || !since.has(key)) since.set(key, clock.now());
  }

  function note({ change, outcome, attempt, ms }: Write): void {
    const { task, service, notes, instance } = entryOf(change);
    const text = `${change.op} ${change.key}: ${outcome.ok ? `done in ${ms} ms` : outcome.error}${attempt > 1 ? ` (attempt ${attempt})` : ""}`;
    const error = outcome.ok ? null : outcome.error;
    const write = { instance, key: change.key, op: change.op, ok: outcome.ok, ms, attempt, error };
    if (task !== null) world.timeline.write(task, { at: clock.now(), by: registry, text, write });
    const fields = { registry, key: change.key, service, ms, ...(notes === undefined ? {} : { notes }) };
    if (outcome.ok) log.info(fields, DONE[change.op]);
    else if (attempt === 1) log.warn({ ...fields, error: outcome.error }, `${change.op} failed`);
    else log.debug({ ...fields, error: outcome.error, attempt }, `${change.op} failed again`);
  }

  function toRecord({ change, outcome, cause, attempt, ms }: Write): AuditInput {
    const entry = entryOf(change);
    return {
      registry,
      action: !outcome.ok && !outcome.retry ? "refuse" : actionOf(change),
      id: entry.instance ?? entry.key,
      service: entry.service,
      task: entry.task,
      ok: outcome.ok,
      error: outcome.ok ? null : outcome.error,
      ms,
      attempt,
      cause: cause.map(({ at, kind, by, text }) => ({ time: new Date(at).toISOString(), kind, by, text })),
      before: change.before?.spec ?? null,
      after: change.after?.spec ?? null,
    };
  }

  function enqueue(records: readonly AuditInput[], then: () => void): void {
    const written = sink.audit(records).catch((error: unknown) => {
      // Without an audit log the registries must still be kept right.
      log.error({ registry, err: error }, "audit log not written");
    });
    last = Promise.all([last, written]).then(then);
  }
}

function actionOf({ op, after }: Change): AuditAction {
  return op === "update" && after.draining === true ? "drain" : op;
}

const DONE = { register: "registered", update: "updated", deregister: "deregistered" } as const;

function entryOf(change: Change): Registration {
  return change.op === "deregister" ? change.before : change.after;
}
