/** Where tasks go: agents, host ports, addresses; and the service ports that Marathon assigns. */
import type { AppDefinition, DeclaredPort, Definition } from "./definition.ts";
import type { Agent, Instance } from "./state.ts";
import type { World } from "./world.ts";

export interface Placement {
  readonly agent: Agent;
  /** Per container, in order: host ports of those declarations that have one. */
  readonly ports: readonly (readonly number[])[];
}

/** Finds an agent with the ports that are asked for and takes them; undefined: no agent has them. */
export function place(world: World, instance: Instance): Placement | undefined {
  const { definition, agent } = instance;
  const { agents, random } = world;
  // A resident task goes back to its volume.
  if (definition.isResident && agent !== null) return takePorts(world, agent, definition);
  const start = random.below(agents.length);
  for (let step = 0; step < agents.length; step++) {
    const candidate = agents[(start + step) % agents.length];
    const placement = candidate && takePorts(world, candidate, definition);
    if (placement) return placement;
  }
  return undefined;
}

function takePorts(world: World, agent: Agent, { containers }: Definition): Placement | undefined {
  const mine: number[] = [];
  const ports = containers.map((container) =>
    container.ports.flatMap(({ hostPort }) => {
      if (hostPort === null) return [];
      const port = hostPort === 0 ? freePort(world, agent) : hostPort;
      if (port === undefined || agent.taken.has(port)) return [];
      agent.taken.add(port);
      mine.push(port);
      return [port];
    }),
  );
  const wanted = containers.flatMap((container) => container.ports.filter(({ hostPort }) => hostPort !== null)).length;
  if (mine.length === wanted) return { agent, ports };
  for (const port of mine) agent.taken.delete(port);
  return undefined;
}

/** Any port that is free at this moment: one that another task has just left, too. */
function freePort(world: World, agent: Agent): number | undefined {
  const [first, last] = world.settings.hostPorts;
  const count = last - first + 1;
  const start = world.random.below(count);
  for (let step = 0; step < count; step++) {
    const port = first + ((start + step) % count);
    if (!agent.taken.has(port)) return port;
  }
  return undefined;
}

export function releasePorts(instance: Instance): void {
  for (const task of instance.tasks) for (const port of task.hostPorts) instance.agent?.taken.delete(port);
}

/** Addresses of one task's network: the agent's, Docker's bridge (not routable) or the container network's. */
export function addressesOf(world: World, agent: Agent, definition: Definition): readonly string[] {
  const { random } = world;
  switch (definition.mode) {
    case "host":
      return /^[\d.]+$/.test(agent.host) ? [agent.host] : [];
    case "bridge":
      return [`172.17.0.${2 + random.below(250)}`];
    case "container":
      return [`9.${agent.index % 256}.${random.below(256)}.${2 + random.below(250)}`];
    default:
      return definition.mode satisfies never;
  }
}

/**
 * Gives service ports where 0 was asked for: those of the older definition first, else the lowest free, so that another
 * app gets what one has left (facts/marathon.md §3).
 */
export function assignServicePorts(world: World, definition: AppDefinition, older: Definition | null): AppDefinition {
  const taken = servicePortsInUse(world, definition.id);
  const own = (older?.containers[0]?.ports ?? []).flatMap(({ servicePort }) => servicePort || []);
  const asked = definition.containers.flatMap(({ ports }) => ports.flatMap(({ servicePort }) => servicePort || []));
  const reusable = own.filter((port) => !asked.includes(port) && !taken.has(port));
  for (const port of [...asked, ...reusable]) taken.add(port);
  const assign = (port: DeclaredPort): DeclaredPort =>
    port.servicePort === 0 ? { ...port, servicePort: reusable.shift() ?? lowestFree(world, taken) } : port;
  return {
    ...definition,
    containers: definition.containers.map((container) => ({ ...container, ports: container.ports.map(assign) })),
  };
}

function servicePortsInUse(world: World, exceptId: string): Set<number> {
  const used = new Set<number>();
  for (const { id, target } of world.state.specs.values()) {
    if (id === exceptId) continue;
    for (const port of target?.containers[0]?.ports ?? []) if (port.servicePort) used.add(port.servicePort);
  }
  return used;
}

function lowestFree(world: World, taken: Set<number>): number {
  const [first, last] = world.settings.servicePorts;
  for (let port = first; port <= last; port++) {
    if (taken.has(port)) continue;
    taken.add(port);
    return port;
  }
  throw new Error(`marathon simulator: no service port is free; widen servicePorts (${first} to ${last})`);
}
