/** Pods as REST shows them (facts/marathon.md §3). Pure. */
import type { Json } from "../../../src/model.ts";
import type { View } from "./app-answers.ts";
import type { DeclaredPort, PodDefinition } from "./definition.ts";
import { type JsonObject, podJson } from "./definition-json.ts";
import { taskStatus } from "./events.ts";
import type { Instance, RunSpec, Task } from "./state.ts";

export function podsAnswer(view: View): readonly JsonObject[] {
  return visiblePods(view).map(([, pod]) => podJson(pod));
}

export function podAnswer(view: View, id: string): JsonObject | undefined {
  const pod = view.state.specs.get(id)?.visible;
  return pod?.kind === "pod" ? podJson(pod) : undefined;
}

export function podStatusesAnswer(view: View): readonly JsonObject[] {
  return visiblePods(view).map(([spec, pod]) => podStatus(view, spec, pod));
}

export function podStatusAnswer(view: View, id: string): JsonObject | undefined {
  const spec = view.state.specs.get(id);
  return spec?.visible?.kind === "pod" ? podStatus(view, spec, spec.visible) : undefined;
}

/** Versions of an app or a pod, newest first; undefined: there is none of this kind. */
export function versionsAnswer(view: View, id: string, kind: "app" | "pod"): readonly string[] | undefined {
  const spec = view.state.specs.get(id);
  const versions = [...(spec?.versions.values() ?? [])].filter((definition) => definition.kind === kind);
  return versions.length === 0 || isDeleted(spec) ? undefined : versions.map(({ version }) => version).reverse();
}

/** A spec whose tasks are still being stopped, and which REST no longer knows. */
export function isDeleted(spec: RunSpec | undefined): boolean {
  return spec === undefined || (spec.target === null && spec.visible === null);
}

function visiblePods({ state }: View): readonly (readonly [RunSpec, PodDefinition])[] {
  return [...state.specs.values()].flatMap((spec) =>
    spec.visible?.kind === "pod" ? [[spec, spec.visible] as const] : [],
  );
}

function podStatus(view: View, spec: RunSpec, pod: PodDefinition): JsonObject {
  // Those that wait for an agent are hidden.
  const instances = [...spec.instances.values()].filter(({ tasks }) => tasks.length > 0);
  const stable = instances.filter((instance) => instanceStatus(instance) === "STABLE").length;
  const since = instances.at(-1)?.since ?? pod.version;
  return {
    id: pod.id,
    spec: podJson(pod),
    status: spec.target === null ? "TERMINAL" : stable === pod.instances ? "STABLE" : "DEGRADED",
    statusSince: since,
    instances: instances.map((instance) => instanceJson(view, instance)),
    terminationHistory: [],
    lastUpdated: since,
    lastChanged: since,
  };
}

function instanceStatus({ condition, tasks }: Instance): string {
  switch (condition) {
    case "Running":
      return tasks.every(({ results }) => results.every((result) => result?.alive)) ? "STABLE" : "DEGRADED";
    case "Scheduled":
    case "Provisioned":
    case "Created":
      return "PENDING";
    case "Staging":
    case "Starting":
      return "STAGING";
    case "Unreachable":
    case "UnreachableInactive":
      return "DEGRADED";
    default:
      return "TERMINAL";
  }
}

const RESOURCES = { cpus: 0.1, mem: 64, disk: 0, gpus: 0 } as const;

function instanceJson(view: View, instance: Instance): JsonObject {
  const { definition, since } = instance;
  const addresses = instance.tasks[0]?.shownAddresses ?? [];
  const network = definition.networkName === null ? {} : { name: definition.networkName };
  return {
    id: instance.id,
    status: instanceStatus(instance),
    statusSince: since,
    conditions: [],
    agentHostname: instance.agent?.host ?? null,
    ...(view.traits.writesEmptyLists && instance.agent !== null ? { agentId: instance.agent.id } : {}),
    resources: RESOURCES,
    networks: definition.mode === "host" ? [] : [{ ...network, addresses }],
    containers: instance.tasks.map((task) => containerJson(view, task, since)),
    specReference: `/v2/pods${definition.id}::versions/${definition.version}`,
    lastUpdated: since,
    lastChanged: since,
  };
}

function containerJson(view: View, task: Task, since: string): JsonObject {
  const [result] = task.results;
  const healthy = result === undefined || result === null ? {} : { healthy: result.alive };
  return {
    name: task.container.name,
    status: taskStatus(view, task.condition),
    statusSince: since,
    conditions: "healthy" in healthy ? [healthCondition(healthy.healthy, since)] : [],
    containerId: task.id,
    endpoints: endpointsJson(task, healthy),
    resources: RESOURCES,
    lastUpdated: since,
    lastChanged: since,
  };
}

function healthCondition(healthy: boolean, since: string): JsonObject {
  return {
    name: "healthy",
    value: String(healthy),
    reason: "health-reported-by-mesos",
    lastUpdated: since,
    lastChanged: since,
  };
}

/** Those with a host port first, whatever the order of their declaration. */
function endpointsJson({ container, hostPorts }: Task, healthy: { readonly healthy?: boolean }): readonly Json[] {
  const [onHost, onTask]: [DeclaredPort[], DeclaredPort[]] = [[], []];
  for (const port of container.ports) (port.hostPort === null ? onTask : onHost).push(port);
  return [
    ...onHost.map(({ name }, index) => ({ name, allocatedHostPort: hostPorts[index] ?? null, ...healthy })),
    ...onTask.map(({ name }) => ({ name, ...healthy })),
  ];
}
