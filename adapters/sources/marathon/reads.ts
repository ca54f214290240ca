/** Reads what the table asks for, as the agenda allows. */
import type { Logger } from "../../../src/model.ts";
import type { Bell } from "../waiting.ts";
import { type Agenda, type Item, type Job, MAX_TRIES } from "./agenda.ts";
import type { Client } from "./client.ts";
import { MarathonError } from "./errors.ts";
import type { Held } from "./held.ts";
import type { Learning } from "./learning.ts";
import type { Look } from "./moment.ts";

export interface ReadsOptions {
  readonly agenda: Agenda;
  readonly bell: Bell;
  readonly client: Client;
  readonly held: Held;
  readonly learning: Learning;
  readonly log: Logger;
  look(): Look;
  /** Whether this Marathon has pods at all. */
  readonly hasPods: boolean;
  /** Reads everything and learns it. */
  list(withPods: boolean, signal: AbortSignal): Promise<void>;
  now(): number;
}

/** Reads until `signal` aborts, and rejects with its reason; rejects with anything else that is not Marathon's fault. */
export async function keepReading(options: ReadsOptions, signal: AbortSignal): Promise<never> {
  const { agenda, bell, now } = options;
  let fault: unknown = null;
  agenda.reset();
  for (;;) {
    for (const job of agenda.take()) void perform(job);
    await bell.wait(agenda.nextTake() - now(), signal);
    signal.throwIfAborted();
    if (fault !== null) throw fault;
  }

  async function perform(job: Job): Promise<void> {
    try {
      await run(options, job, signal);
      agenda.done(job);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof MarathonError) postpone(options, job, error);
      else fault = error;
    } finally {
      bell.ring();
    }
  }
}

async function run(options: ReadsOptions, job: Job, signal: AbortSignal): Promise<void> {
  const { client, learning, agenda, list } = options;
  if (job.kind === "read") return read(options, job.item, signal);
  const look = options.look();
  if (job.withTasks) await list(job.withPods, signal);
  else learning.described(await client.apps(false, signal));
  agenda.listed(look.at, job);
}

async function read(options: ReadsOptions, { subject, version }: Item, signal: AbortSignal): Promise<void> {
  const { client, learning, agenda } = options;
  if (version === null) {
    const look = options.look();
    const report = await client.app(subject, signal);
    learning.answered(subject, report, look);
    // What was only heard of as an instance may be a pod's.
    if (report === null && !subject.isPod && options.hasPods)
      agenda.wish({ subject: { ...subject, isPod: true }, version });
    return;
  }
  const definitions = await client.definition(subject, version, signal);
  if (definitions === null) throw new MarathonError(`${subject.app} has no version ${version}`, { status: 404 });
  learning.defined(definitions);
}

function postpone({ agenda, held, log }: ReadsOptions, job: Job, error: MarathonError): void {
  const failures = agenda.failed(job);
  log.debug({ error: error.message, failures }, "marathon read failed, trying on");
  if (job.kind === "list" || job.item.version === null || failures !== MAX_TRIES) return;
  const { subject, version } = job.item;
  // The app as a whole may have it under this very version, and tells whether its tasks are still there.
  agenda.wish({ subject, version: null });
  held.notice(
    `the definition of ${subject.app} at version ${version} can't be read: ${error.message}; its tasks wait for it`,
  );
}
