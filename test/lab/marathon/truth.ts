/** What really runs in the virtual cluster, endpoint by endpoint: what a registry ought to hold. Pure. */
import type { DeclaredPort } from "./definition.ts";
import { isHealthy } from "./health.ts";
import type { Condition, Instance, Task } from "./state.ts";

export interface TrueEndpoint {
  /** Where it is reached: the agent's host, or the task's own address for a port without a host port. */
  readonly address: string;
  readonly port: number;
  /** null in host mode, and where it was declared as 0: the same as the host port. */
  readonly containerPort: number | null;
  /** null where there is none (pods, discovery ports). */
  readonly servicePort: number | null;
  /** One of `udp,tcp`: these are two endpoints. */
  readonly protocol: string;
  readonly portName: string | null;
}

export interface TrueTask {
  readonly task: string;
  readonly instance: string;
  readonly app: string;
  readonly kind: "app" | "pod";
  /** Name of the container in a pod; null for apps. */
  readonly container: string | null;
  readonly host: string;
  /** Id of the agent. */
  readonly agent: string;
  /** Of its own definition. */
  readonly version: string;
  readonly condition: Condition;
  /** Neither on its way to run, nor to end, nor out of sight. */
  readonly running: boolean;
  /** All its checks pass, whether or not the leader knows it; true where nothing is checked. */
  readonly healthy: boolean;
  /** Empty while it does not run yet. */
  readonly endpoints: readonly TrueEndpoint[];
}

export function truthOf(instances: Iterable<Instance>): readonly TrueTask[] {
  const tasks: TrueTask[] = [];
  for (const instance of instances) for (const task of instance.tasks) tasks.push(trueTask(instance, task));
  return tasks;
}

function trueTask(instance: Instance, task: Task): TrueTask {
  const { definition, agent } = instance;
  const host = agent?.host ?? "";
  return {
    task: task.id,
    instance: instance.id,
    app: instance.specId,
    kind: definition.kind,
    container: task.container.name,
    host,
    agent: agent?.id ?? "",
    version: definition.version,
    condition: task.condition,
    running: task.condition === "Running",
    healthy: isHealthy(task),
    endpoints: task.startedAt === null ? [] : endpointsOf(task, host),
  };
}

function endpointsOf({ container, hostPorts, addresses }: Task, host: string): readonly TrueEndpoint[] {
  let given = 0;
  return container.ports.flatMap((declared) => {
    const hostPort = declared.hostPort === null ? null : (hostPorts[given++] ?? null);
    const address = hostPort === null ? addresses[0] : host;
    const port = hostPort ?? declared.containerPort;
    return address === undefined || port === null ? [] : endpoints(declared, address, port);
  });
}

function endpoints(declared: DeclaredPort, address: string, port: number): readonly TrueEndpoint[] {
  return declared.protocol.split(",").map((protocol) => ({
    address,
    port,
    containerPort: declared.containerPort || null,
    servicePort: declared.servicePort,
    protocol,
    portName: declared.name,
  }));
}
