/**
 * What people are shown of a scope. The leader's hears of every task of a swarm, for the sake of the service-level objects;
 * those tasks are shown by their own nodes, and shown twice they would only confuse.
 */
import type { Instance } from "./model.ts";
import type { Scope } from "./scope.ts";
import type { World } from "./world.ts";

type ShownScope = Pick<Scope, "world" | "reconcilers" | "hides">;

/** The same scope without what is not shown. */
export function shownScope<S extends ShownScope>(scope: S): S {
  return scope.hides === null ? scope : { ...scope, world: shownWorld(scope) };
}

export function isShown({ hides }: Pick<Scope, "hides">, instance: Instance | null): boolean {
  return hides === null || instance?.source !== hides;
}

function shownWorld(scope: ShownScope): World {
  const { world } = scope;
  const shown = (instances: Iterable<Instance>) => [...instances].filter((instance) => isShown(scope, instance));
  return {
    ...world,
    instances: () => shown(world.instances()),
    instancesOfTask: (task) => shown(world.instancesOfTask(task)),
    instance(id) {
      const instance = world.instance(id);
      return isShown(scope, instance) ? instance : null;
    },
    drain: (ids, on) =>
      world.drain(
        shown(ids.flatMap((id) => world.instance(id) ?? [])).map(({ id }) => id),
        on,
      ),
    timeline: {
      ...world.timeline,
      tasks: () => [...world.timeline.tasks()].filter((task) => world.timeline.of(task)[0]?.by !== scope.hides),
    },
  };
}
