/** Tasks as they are made, and what is remembered of one that failed. */
import type { ContainerDefinition } from "./definition.ts";
import { taskStatus } from "./events.ts";
import { taskId } from "./ids.ts";
import { addressesOf, type Placement } from "./placement.ts";
import type { Instance, Task } from "./state.ts";
import { stamp, type World } from "./world.ts";

/** The tasks of an instance that has found its place. */
export function tasksOf(world: World, instance: Instance, { agent, ports }: Placement): Task[] {
  const { definition } = instance;
  const addresses = addressesOf(world, agent, definition);
  const stagedAt = stamp(world);
  return definition.containers.map((container, index) => ({
    id: taskId(world.traits, instance, container.name),
    container,
    hostPorts: ports[index] ?? [],
    addresses,
    condition: "Created",
    shownAddresses: [],
    stagedAt,
    startedAt: null,
    alive: empty(container),
    results: empty(container),
    ready: null,
  }));
}

function empty({ checks }: ContainerDefinition): null[] {
  return checks.map(() => null);
}

/** For `lastTaskFailure`. */
export function noteFailure(world: World, { specId, agent, definition }: Instance, task: Task, message: string): void {
  const spec = world.state.specs.get(specId);
  if (spec === undefined || task.condition === "Finished") return;
  spec.lastFailure = {
    appId: specId,
    host: agent?.host ?? "unknown",
    message,
    state: taskStatus(world, task.condition),
    taskId: task.id,
    timestamp: stamp(world),
    version: definition.version,
    slaveId: agent?.id ?? "",
  };
}
