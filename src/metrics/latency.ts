/**
 * How long things take: from the first fact of an instance until it is complete, and from ready until it is registered.
 * Pure but for the clock; holds nothing of instances that are over.
 */
import { isComplete } from "../explain/states.ts";
import type { Instance } from "../model.ts";
import type { InstanceChange } from "../world.ts";

export interface Latencies {
  /** @param began when the task's first fact came, ms since the epoch; null: not known */
  changed(changes: readonly InstanceChange[], began: (task: string) => number | null): void;
  /** An instance was registered; a repair of what had been there is none. */
  registered(registry: string, instance: string): void;
  /** Since when each incomplete instance is so, ms since the epoch. */
  incomplete(): Iterable<number>;
}

export interface LatencyObserver {
  /** s from the first fact (or since it became incomplete again) until complete. */
  completed(source: string, seconds: number): void;
  /** s from complete and ready until registered. */
  registered(registry: string, seconds: number): void;
}

interface Ready {
  /** ms since the epoch. */
  readonly at: number;
  readonly registered: readonly string[];
}

/** @param now ms since the epoch */
export function createLatencies(now: () => number, observer: LatencyObserver): Latencies {
  const incompleteSince = new Map<string, number>();
  const ready = new Map<string, Ready>();

  function noteComplete(id: string, before: Instance | null, after: Instance | null, firstFact: () => number): void {
    if (after === null) {
      incompleteSince.delete(id);
      return;
    }
    const since = incompleteSince.get(id) ?? (before === null ? firstFact() : now());
    if (!isComplete(after)) {
      incompleteSince.set(id, since);
      return;
    }
    if (incompleteSince.delete(id) || before === null) {
      observer.completed(after.source, Math.max(0, now() - since) / 1000);
    }
  }

  function noteReady(id: string, before: Instance | null, after: Instance | null): void {
    if (after?.state !== "ready") ready.delete(id);
    else if (before?.state !== "ready") ready.set(id, { at: now(), registered: [] });
  }

  return {
    changed(changes, began) {
      for (const { id, before, after } of changes) {
        noteComplete(id, before, after, () => began(after?.task ?? "") ?? now());
        noteReady(id, before, after);
      }
    },
    registered(registry, instance) {
      const held = ready.get(instance);
      if (held === undefined || held.registered.includes(registry)) return;
      ready.set(instance, { at: held.at, registered: [...held.registered, registry] });
      observer.registered(registry, Math.max(0, now() - held.at) / 1000);
    },
    incomplete: () => incompleteSince.values(),
  };
}
