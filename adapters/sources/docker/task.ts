const SWARM_TASK = "com.docker.swarm.task.id";

/**
 * The orchestrator's own id: the Swarm task's, else the full container id. Swarm names its containers
 * `SERVICE.SLOT.TASK`; a plain container that merely carries another task's label must not speak for that task.
 */
export function taskOf(id: string, name: string, labels: Readonly<Record<string, string>>): string {
  const task = labels[SWARM_TASK];
  return task !== undefined && task !== "" && name.endsWith(`.${task}`) ? task : id;
}
