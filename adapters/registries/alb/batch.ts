/**
 * One group's registrations or deregistrations: few calls for many targets, and none of them fails for another's fault.
 * A call fails as a whole (facts/alb.md §1.1), so what is bad is looked for.
 */
import type { Elb, Target } from "./elb.ts";
import { hasCode } from "./errors.ts";

/** A target and what became of it: null if all is well. */
export interface Job<Of> {
  readonly target: Target;
  readonly of: Of;
}

export type Report<Of> = (job: Job<Of>, error: unknown) => void;

/** As the AWS Load Balancer Controller does: no limit is documented. */
const CHUNK = 200;
/** They are about a target's id, so that all targets of one id share the fate. */
const BY_ID = ["InvalidTarget", "ValidationError", "TooManyRegistrationsForTargetId"];

export interface RegisterOptions {
  /** Makes room once; @returns whether it may have helped */
  makeRoom(): Promise<boolean>;
  /** Zones to try for addresses outside the group's VPC. */
  readonly zones: readonly string[];
}

/** Rejects only with `signal.reason`. */
export async function registerAll<Of>(
  elb: Elb,
  arn: string,
  jobs: readonly Job<Of>[],
  options: RegisterOptions,
  report: Report<Of>,
  signal: AbortSignal,
): Promise<void> {
  let mayMakeRoom = true;

  async function attempt(part: readonly Job<Of>[], zone?: string): Promise<unknown> {
    try {
      const targets = part.map(({ target }) => (zone === undefined ? target : { ...target, zone }));
      await elb.register(arn, targets, signal);
      for (const job of part) report(job, null);
      return null;
    } catch (error) {
      signal.throwIfAborted();
      return error;
    }
  }

  async function run(part: readonly Job<Of>[]): Promise<unknown> {
    const error = await attempt(part);
    if (hasCode(error, ...BY_ID)) return await byId(part, error);
    if (hasCode(error, "TooManyTargets")) return await squeeze(part, error);
    if (error !== null) for (const job of part) report(job, error);
    return error;
  }

  /** In halves, until only the ids at fault are left. */
  async function byId(part: readonly Job<Of>[], error: unknown): Promise<null> {
    const ids = [...new Set(part.map(({ target }) => target.id))];
    if (ids.length > 1) {
      const first = new Set(ids.slice(0, ids.length / 2));
      await run(part.filter(({ target }) => first.has(target.id)));
      await run(part.filter(({ target }) => !first.has(target.id)));
      return null;
    }
    let last = error;
    if (isAboutZone(error)) {
      for (const zone of options.zones) {
        last = await attempt(part, zone);
        if (last === null) return null;
      }
    }
    for (const job of part) report(job, last);
    return null;
  }

  /** As many as there is room for. */
  async function squeeze(part: readonly Job<Of>[], error: unknown): Promise<unknown> {
    if (mayMakeRoom) {
      mayMakeRoom = false;
      if (await options.makeRoom()) return await run(part);
    }
    if (part.length === 1) {
      for (const job of part) report(job, error);
      return error;
    }
    const half = Math.ceil(part.length / 2);
    const failure = await run(part.slice(0, half));
    if (failure === null) return await run(part.slice(half));
    for (const job of part.slice(half)) report(job, failure);
    return failure;
  }

  await inChunks(jobs, run, report);
}

/** What is not there any more is deregistered: AWS says so with success, others with InvalidTarget. Rejects only with `signal.reason`. */
export async function deregisterAll<Of>(
  elb: Elb,
  arn: string,
  jobs: readonly Job<Of>[],
  report: Report<Of>,
  signal: AbortSignal,
): Promise<void> {
  async function attempt(part: readonly Job<Of>[]): Promise<unknown> {
    try {
      const targets = part.map(({ target }) => target);
      if (targets.length > 0) await elb.deregister(arn, targets, signal);
      return null;
    } catch (error) {
      signal.throwIfAborted();
      return hasCode(error, "TargetGroupNotFound") ? null : error;
    }
  }

  async function run(part: readonly Job<Of>[]): Promise<unknown> {
    const error = await attempt(part);
    const left = hasCode(error, "InvalidTarget") ? await stillThere(part) : part;
    const second = left.length < part.length ? await attempt(left) : error;
    for (const job of part) report(job, left.includes(job) ? second : null);
    return second;
  }

  async function stillThere(part: readonly Job<Of>[]): Promise<readonly Job<Of>[]> {
    try {
      const there = await elb.health(arn, null, signal);
      const held = new Set(there.filter(({ state }) => state !== "draining").map(({ id, port }) => `${id} ${port}`));
      return part.filter(({ target: { id, port } }) => held.has(`${id} ${port}`));
    } catch {
      signal.throwIfAborted();
      return part;
    }
  }

  await inChunks(jobs, run, report);
}

/** After a failure of the API itself the rest is not tried: it would only wait in vain, chunk by chunk. */
async function inChunks<Of>(
  jobs: readonly Job<Of>[],
  run: (part: readonly Job<Of>[]) => Promise<unknown>,
  report: Report<Of>,
): Promise<void> {
  for (let from = 0; from < jobs.length; from += CHUNK) {
    const failure = await run(jobs.slice(from, from + CHUNK));
    if (failure === null) continue;
    for (const job of jobs.slice(from + CHUNK)) report(job, failure);
    return;
  }
}

function isAboutZone(error: unknown): boolean {
  return hasCode(error, "ValidationError") && /availability zone/i.test(error.message);
}
