/**
 * Work that only one Muster of a cluster may do: who may is found out by an election, and whoever wins works for a
 * term. The term's signal aborts before anybody else can lead, so that two never work at once.
 */
import { backoff } from "./backoff.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { Logger } from "./model.ts";

export interface Election {
  /**
   * Waits, as long as it takes, until leadership is held. One campaign or term at a time, and the work of the last term
   * must have ended.
   * Rejects with `signal.reason` on abort, else with a one-line Error if it can't go on for now: try again later.
   */
  campaign(signal: AbortSignal): Promise<Term>;
}

/** Leadership held. Disposing of it, when all its work has ended, resigns: another takes over at once. Never rejects. */
export interface Term extends AsyncDisposable {
  /** Aborts when leadership is lost or can no longer be proven: in good time *before* anybody else can lead. */
  readonly signal: AbortSignal;
}

export interface LeaderOptions {
  /** Told at each change, e.g. for the log and the audit; `reason` is one line for people. */
  onChange(isLeader: boolean, reason: string): void;
  readonly log: Logger;
  readonly clock: Clock;
  /** In [0, 1). */
  random(): number;
  /** For how long the work may go on after its signal aborts, ms. @default 5000 */
  readonly stopWithin?: number;
}

/** Time that never jumps, as leadership needs it: `now` is ms since the start of the process. */
export const monotonicClock: Clock = { ...systemClock, now: () => performance.now() };

/** For a Muster without others: it always leads. */
export const aloneElection: Election = {
  async campaign(signal) {
    signal.throwIfAborted();
    const over = new AbortController();
    return { signal: over.signal, [Symbol.asyncDispose]: async () => over.abort(new Error("resigned")) };
  },
};

const STOP_WITHIN_MS = 5_000;
const RETRY = { base: 100, max: 3_000 };
/** A campaign that waited quietly for so long before it failed is no repeated failure, ms. */
const CALM_MS = 30_000;
/** Of repeated failures every so manieth is a warning. */
const EVERY = 10;

/**
 * Works whenever this Muster leads, one term after the other: when a term ends, its work is stopped, and only when that
 * has really ended comes the next campaign. Failures to campaign are logged and tried again, with back-off.
 *
 * Ends when `signal` aborts, or when the work ends of itself while it leads. Rejects with the error of a work that fails
 * of itself, and if a work does not end in time: then leadership is not handed on, and the process should exit, since
 * nothing else can keep two from working at once.
 * @param work its signal aborts when the term ends or `signal` aborts
 */
export async function whileLeader(
  election: Election,
  work: (signal: AbortSignal) => Promise<void>,
  options: LeaderOptions,
  signal: AbortSignal,
): Promise<void> {
  let isDone = false;
  while (!isDone && !signal.aborted) {
    const term = await elected(election, options, signal);
    if (term === null) return;
    isDone = (await serve(term, work, options, signal)) === "done";
  }
}

/** @returns null if `signal` aborts */
async function elected(
  election: Election,
  { log, clock, random }: LeaderOptions,
  signal: AbortSignal,
): Promise<Term | null> {
  let failures = 0;
  while (!signal.aborted) {
    const began = clock.now();
    try {
      return await election.campaign(signal);
    } catch (error) {
      if (signal.aborted) return null;
      failures = clock.now() - began >= CALM_MS ? 1 : failures + 1;
      const fields = { failures, error: messageOf(error) };
      if (failures === 1 || failures % EVERY === 0) log.warn(fields, "campaign for leadership failed");
      else log.debug(fields, "campaign for leadership failed");
    }
    // An abort is seen by the loop.
    await clock.wait(backoff(failures, { ...RETRY, random }), signal).catch(() => {});
  }
  return null;
}

/** One term. It is resigned from only when its work has ended. */
async function serve(
  term: Term,
  work: (signal: AbortSignal) => Promise<void>,
  options: LeaderOptions,
  signal: AbortSignal,
): Promise<"done" | "over"> {
  const stop = linked(signal, term.signal);
  try {
    if (stop.signal.aborted) return await resigned(term, "over");
    options.onChange(true, "elected");
    const ending = ended(work, stop.signal);
    await Promise.race([ending, aborted(stop.signal)]);
    const isStopped = stop.signal.aborted;
    const reason = signal.aborted ? "stopping" : messageOf(term.signal.reason ?? "its work ended");
    options.onChange(false, reason);
    const end = await inTime(ending, options);
    await resigned(term, "over");
    if (isStopped) return told(end, options.log);
    if (end.error !== null) throw end.error;
    return "done";
  } finally {
    stop.unlink();
  }
}

async function resigned<T>(term: Term, result: T): Promise<T> {
  await term[Symbol.asyncDispose]();
  return result;
}

interface End {
  /** null: it ended well. */
  readonly error: unknown;
}

async function ended(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<End> {
  try {
    await work(signal);
    return { error: null };
  } catch (error) {
    return { error: error === signal.reason ? null : (error ?? new Error("the leader's work failed")) };
  }
}

/** What goes wrong in stopping is worth a line, but the term is over anyway. */
function told({ error }: End, log: Logger): "over" {
  if (error !== null) log.warn({ err: error }, "the leader's work failed while it was stopped");
  return "over";
}

async function inTime(ending: Promise<End>, { clock, stopWithin = STOP_WITHIN_MS }: LeaderOptions): Promise<End> {
  const done = new AbortController();
  const late = clock.wait(stopWithin, done.signal).then(
    () => "late" as const,
    () => "late" as const,
  );
  const end = await Promise.race([ending, late]);
  done.abort(new Error("ended"));
  if (end !== "late") return end;
  throw new Error(
    `the leader's work did not stop within ${stopWithin} ms after its term; leadership is not handed on, restart this Muster`,
  );
}

/** Not `AbortSignal.any`, whose signal may be collected while it is still waited for (Node 20). */
function linked(...signals: readonly AbortSignal[]): { readonly signal: AbortSignal; unlink(): void } {
  const controller = new AbortController();
  const listeners = signals.map((signal) => {
    const abort = () => controller.abort(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    return () => signal.removeEventListener("abort", abort);
  });
  return {
    signal: controller.signal,
    unlink() {
      for (const remove of listeners) remove();
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
