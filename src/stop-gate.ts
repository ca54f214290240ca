/**
 * The stop-signal gate (docs/alb.md): a task with the label `muster.stop-gate` has a stop signal that its program ignores
 * and a long grace period. When its engine has sent that signal, Muster takes the task out of every registry, waits until
 * the drain is over, and sends the signal that really ends it: the order in which ECS stops its tasks.
 *
 * Nothing is left waiting for ever: the drain is bounded, and the engine kills the task when its grace period is over,
 * with or without a Muster. One that crashed in the middle takes up again, when it is back, what its engine remembers.
 */
import type { AuditInput } from "./audit/record.ts";
import { backoff } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import { taskMetadata } from "./instances.ts";
import type { LeavingEntry } from "./leaving.ts";
import type { Fact, Instance, Logger, Metadata, Source } from "./model.ts";
import type { Reconciler } from "./reconcile.ts";
import type { World } from "./world.ts";

export interface StopGate {
  /** Takes in what a source said, after the world has. */
  heard(source: Source, fact: Fact): void;
  /** Muster stops: whatever still waits is sent its signal now, since nobody would later. Never rejects. */
  close(signal: AbortSignal): Promise<void>;
}

export interface StopGateOptions {
  readonly world: World;
  readonly reconcilers: readonly Pick<Reconciler, "instanceView">[];
  readonly audit: (records: readonly AuditInput[]) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
}

/** How a stopping task stands with the registries. */
export interface DrainProgress {
  readonly instances: readonly Pick<Instance, "state">[];
  /** What the registries tell of those instances. */
  readonly left: readonly Pick<LeavingEntry, "serving" | "detail">[];
  /** ms since its engine sent the stop signal, as far as they count. */
  readonly elapsed: number;
  /** ms that the drain may take. */
  readonly drain: number;
}

/** Where no `muster.drain` says how long, ms: as long as ECS gives a task by default. */
const DRAIN_MS = 30_000;
const POLL_MS = 200;
/** How much of a drain is left at least when it is taken up again after a crash. */
const RESUMED_MS = 5_000;
const RETRY = { base: 250, max: 5_000 };

/**
 * Why the drain is over, in words; null while it is not. Only an ALB tells when a target's connections have ended; where
 * none does, the whole time is waited for.
 */
export function drainEnd({ instances, left, elapsed, drain }: DrainProgress): string | null {
  if (elapsed >= drain) return `${drain / 1000} s are over`;
  if (instances.length === 0) return "nobody is sent to it";
  if (instances.some(({ state }) => state !== "draining") || left.some(({ serving }) => serving)) return null;
  const targets = left.flatMap(({ detail }) => targetState(detail) ?? []);
  return targets.length > 0 && targets.every((state) => state === "unused") ? "its targets are unused" : null;
}

/** A registry's own word for a target's state, where it has targets (contract 5.4). */
function targetState(detail: LeavingEntry["detail"]): string | null {
  const { target } = (detail ?? {}) as { readonly target?: { readonly state?: unknown } };
  return typeof target?.state === "string" ? target.state : null;
}

/** A task with a gate whose engine has sent the stop signal. */
interface Held {
  readonly source: Source;
  /** When it did, ms since the epoch. */
  readonly began: number;
  /** When this Muster heard of it. */
  readonly heard: number;
  readonly over: AbortController;
  isSent: boolean;
}

export function createStopGate({ world, reconcilers, audit, clock, random, log }: StopGateOptions): StopGate {
  const held = new Map<string, Held>();

  return {
    heard(source, fact) {
      if (source.endTask === undefined || (fact.kind !== "status" && fact.kind !== "gone")) return;
      const { task } = fact;
      if (fact.kind === "gone" || fact.status !== "stopping") release(task);
      else if (!held.has(task)) hold(task, source, fact.at);
    },
    async close(signal) {
      const waiting = [...held].filter(([, { isSent }]) => !isSent);
      for (const [task] of waiting) release(task);
      await Promise.allSettled(
        waiting.map(async ([task, one]) => {
          const metadata = gateOf(task);
          if (metadata !== null) await send(task, metadata, one, "Muster stops", signal);
        }),
      );
    },
  };

  function release(task: string): void {
    held.get(task)?.over.abort(new Error("the task does not wait any more"));
    held.delete(task);
  }

  /** @param told when its engine sent the stop signal: before this Muster began, if an earlier one crashed meanwhile */
  function hold(task: string, source: Source, told: number): void {
    const heard = clock.now();
    const one: Held = { source, began: Math.min(heard, told), heard, over: new AbortController(), isSent: false };
    held.set(task, one);
    const { signal } = one.over;
    watch(task, one, signal).catch((error: unknown) => {
      if (!signal.aborted) log.error({ task, err: error }, "stop gate failed");
    });
  }

  /** Waits first: what led to this call is not in the instances yet. */
  async function watch(task: string, one: Held, signal: AbortSignal): Promise<void> {
    for (;;) {
      await clock.wait(POLL_MS, signal);
      if (isWithoutGate(task)) return;
      const metadata = gateOf(task);
      const because = metadata === null ? null : drainEnd(progressOf(task, metadata, one));
      if (metadata !== null && because !== null) return await send(task, metadata, one, because, signal);
    }
  }

  /** Labels of a service may come later than those of its container. */
  function isWithoutGate(task: string): boolean {
    const record = world.task(task);
    if (record === null) return true;
    const isWhole = record.definition !== null && (record.assigned.inherits === null || record.inherited !== null);
    return isWhole && gateOf(task) === null;
  }

  function gateOf(task: string): Gated | null {
    const record = world.task(task);
    const metadata = record === null ? null : taskMetadata(record);
    return metadata !== null && isGated(metadata) ? metadata : null;
  }

  function progressOf(task: string, metadata: Gated, { began, heard }: Held): DrainProgress {
    const instances = world.instancesOfTask(task);
    const views = instances.flatMap(({ id }) => reconcilers.map((reconciler) => reconciler.instanceView(id)));
    const drains = [metadata.drain, ...instances.map(({ drain }) => drain)].filter((drain) => drain !== null);
    const drain = drains.length === 0 ? DRAIN_MS : Math.max(...drains);
    // Nobody may have been told of it while there was no Muster.
    const longest = Math.max(0, drain - RESUMED_MS) + (clock.now() - heard);
    return {
      ...{ instances, drain, elapsed: Math.min(clock.now() - began, longest) },
      left: views.flatMap(({ leaving = [] }) => leaving),
    };
  }

  async function send(
    task: string,
    { stopGate }: Gated,
    one: Held,
    because: string,
    signal: AbortSignal,
  ): Promise<void> {
    one.isSent = true;
    for (let attempt = 1; ; attempt++) {
      try {
        const refusal = (await one.source.endTask?.(task, stopGate, signal)) ?? null;
        return await report({ task, signal: stopGate, because, ms: clock.now() - one.began, attempt, refusal, one });
      } catch (error) {
        signal.throwIfAborted();
        const fields = { task, signal: stopGate, error: error instanceof Error ? error.message : String(error) };
        if (attempt === 1) log.warn(fields, "stop gate: signal not sent, trying on");
        else log.debug({ ...fields, attempt }, "stop gate: signal not sent again");
        await clock.wait(backoff(attempt, { ...RETRY, random }), signal);
      }
    }
  }

  async function report({ task, signal, because, ms, attempt, refusal, one }: Sent): Promise<void> {
    const [service = null] = world.instancesOfTask(task).map((instance) => instance.service);
    const fields = { task, service, signal, because, ms };
    if (refusal === null) log.info(fields, "stop gate: signal sent");
    else log.warn({ ...fields, error: refusal }, "stop gate: signal not sent");
    const text = refusal === null ? `sent ${signal}, as ${because}` : `did not send ${signal}: ${refusal}`;
    world.timeline.write(task, { at: clock.now(), by: one.source.name, text });
    const after = { signal, because };
    const record = { action: "end" as const, service, task, ok: refusal === null, error: refusal, ms, attempt, after };
    await audit([record]).catch((error: unknown) => log.error({ err: error }, "audit log not written"));
  }
}

type Gated = Metadata & { readonly stopGate: NonNullable<Metadata["stopGate"]> };

function isGated(metadata: Metadata): metadata is Gated {
  return metadata.stopGate !== null;
}

interface Sent {
  readonly task: string;
  readonly signal: string;
  /** Why the drain is over. */
  readonly because: string;
  /** Since the stop signal. */
  readonly ms: number;
  readonly attempt: number;
  readonly refusal: string | null;
  readonly one: Held;
}
