/** What a manager says of its swarm at one moment. */
import type { Engine } from "../docker/client.ts";
import { type Node, readNodes, readServices, readTasks, type Service, type Task } from "./shapes.ts";

export interface Reading {
  readonly services: readonly Service[];
  readonly tasks: readonly Task[];
  readonly nodes: readonly Node[];
}

/** Rejects with an `EngineError`, also on an engine that is no manager (status 503), or with `signal.reason`. */
export async function readAll(engine: Engine, signal: AbortSignal): Promise<Reading> {
  const [services, tasks, nodes] = await Promise.all([
    engine.services(signal),
    engine.tasks(signal),
    engine.nodes(signal),
  ]);
  return { services: readServices(services), tasks: readTasks(tasks), nodes: readNodes(nodes) };
}

/** There are no events of tasks, so that they are asked for more often than the rest. */
export async function readTasksOnly(engine: Engine, before: Reading, signal: AbortSignal): Promise<Reading> {
  return { ...before, tasks: readTasks(await engine.tasks(signal)) };
}

/** Equal texts: the swarm has changed nothing in between. A node's state is not part of its version. */
export function signatureOf({ services, tasks, nodes }: Reading): string {
  const versions = [...services, ...tasks].map(({ ID, Version }) => `${ID}@${Version.Index}`);
  const states = nodes.map(({ ID, Status, ManagerStatus }) => [
    ...[ID, Status.State, Status.Addr],
    ...[ManagerStatus?.Addr, ManagerStatus?.Leader],
  ]);
  return JSON.stringify([versions, states]);
}

/** Whether the swarm is replacing tasks, so that some are about to stop. */
export function isUpdating({ services }: Reading): boolean {
  return services.some(({ UpdateStatus }) => /^(?:updating|rollback_started)$/.test(UpdateStatus?.State ?? ""));
}
