/** One container as known so far, and what can be said of it. */
import type { Content } from "../stamps.ts";
import type { Snapshot } from "./facts.ts";
import { type Kill, stopOf } from "./kills.ts";

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
  /** Signals that it was sent, oldest first, as far as they may mean its end (kills.ts). */
  kills: Kill[];
  snapshot: Snapshot | null;
  /** The last notice given of it, so that it is not repeated. */
  complaint: string | null;
}

const SIGKILL = 9;

/** All that is held true of a container that runs, but its status. */
export function contentsOf({ defined, assigned, addressed, health }: Snapshot): readonly Content[] {
  return [defined, assigned, addressed, health];
}

export function statusOf(container: Container): Content {
  const task = taskIdOf(container);
  const { snapshot } = container;
  const stop = stopOf(container);
  if (stop !== null) {
    // Nothing withstands SIGKILL: there is nobody left to drain.
    const status = stop.signal === SIGKILL ? "stopped" : "stopping";
    return { kind: "status", task, status, reason: `signal ${stop.signal}` };
  }
  return { kind: "status", task, status: snapshot?.status ?? "staging", reason: snapshot?.reason ?? null };
}

/** null: the default, or not known yet. */
export function stopSignalOf({ snapshot }: Container): number | null {
  return snapshot?.stopSignal ?? null;
}

/** The id under which facts speak of it. */
export function taskIdOf({ id, task }: Container): string {
  return task ?? id;
}
