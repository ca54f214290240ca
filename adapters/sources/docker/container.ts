/** One container as known so far, and what can be said of it. */
import type { Content } from "../stamps.ts";
import type { Snapshot } from "./facts.ts";
import { isStop } from "./signals.ts";

/** A container as known so far. Changed by containers.ts only. */
export interface Container {
  readonly id: string;
  task: string | null;
  /** Clock of its newest event. */
  heard: number;
  /** Clock at which it was known not to run (any more); null: it runs, or nothing is known. */
  ended: number | null;
  /** `startedAt` of the present run; null until inspected. */
  run: string | null;
  kill: Kill | null;
  snapshot: Snapshot | null;
  /** The last notice given of it, so that it is not repeated. */
  complaint: string | null;
}

/** A signal that may mean its end. */
export interface Kill {
  readonly signal: number;
  run: string | null;
  /** ms since the epoch: alive after that, it has survived. */
  readonly deadline: number;
}

/** All that is held true of a container that runs. */
export function contentsOf(
  container: Container,
  { defined, assigned, addressed, health }: Snapshot,
): readonly Content[] {
  // Status last: whoever acts on "running" must have the rest already.
  return [defined, assigned, addressed, health, statusOf(container)];
}

export function statusOf(container: Container): Content {
  const task = taskIdOf(container);
  const { kill, snapshot } = container;
  if (kill !== null && isStopping(container))
    return { kind: "status", task, status: "stopping", reason: `signal ${kill.signal}` };
  return { kind: "status", task, status: snapshot?.status ?? "staging", reason: snapshot?.reason ?? null };
}

/** Whether it was told to stop and has not ended yet. */
export function isStopping({ kill, snapshot }: Container): boolean {
  return kill !== null && isStop(kill.signal, snapshot?.stopSignal ?? null);
}

/** null: the default, or not known yet. */
export function stopSignalOf({ snapshot }: Container): number | null {
  return snapshot?.stopSignal ?? null;
}

/**
 * ms since the epoch after which it counts as a survivor; Infinity: never. Swarm ends what it began, so its tasks are none.
 */
export function deadlineOf(container: Container): number {
  const isSwarm = taskIdOf(container) !== container.id;
  return container.kill === null || isSwarm || !isStopping(container)
    ? Number.POSITIVE_INFINITY
    : container.kill.deadline;
}

/** The id under which facts speak of it. */
export function taskIdOf({ id, task }: Container): string {
  return task ?? id;
}
