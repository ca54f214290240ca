/**
 * Instances that several tasks have in common: a port of Swarm's routing mesh is one endpoint per node, whichever of the
 * node's tasks answers. It is as fit as the fittest of its tasks, and stands for that one.
 */
import type { Instance } from "./model.ts";

export interface Shared {
  /**
   * Takes in what a task now makes of an instance; null: nothing any more.
   * @returns the instance for all its tasks; null if there is none left
   */
  take(id: string, task: string, instance: Instance | null): Instance | null;
}

const FITNESS = { ready: 0, draining: 1, pending: 2 } as const;

export function createShared(): Shared {
  const byId = new Map<string, Map<string, Instance>>();
  return {
    take(id, task, instance) {
      const held = byId.get(id);
      // A task's own instances are called after it: only they are many, and they are not kept here.
      if (held === undefined && (instance === null || id.startsWith(task))) return instance;
      const tasks = held ?? new Map<string, Instance>();
      if (instance === null) tasks.delete(task);
      else tasks.set(task, instance);
      if (tasks.size === 0) byId.delete(id);
      else byId.set(id, tasks);
      return fittest(tasks.values());
    },
  };
}

/** Ties are settled by the task's id, so that the choice does not depend on the order of events. */
function fittest(instances: Iterable<Instance>): Instance | null {
  let best: Instance | null = null;
  for (const each of instances) if (best === null || isFitter(each, best)) best = each;
  return best;
}

function isFitter(a: Instance, b: Instance): boolean {
  const difference = FITNESS[a.state] - FITNESS[b.state];
  return difference < 0 || (difference === 0 && a.task < b.task);
}
