/** The events themselves, field by field and version by version (event-fields.json). */
import type { Json } from "../../../src/model.ts";
import type { AppDefinition } from "./definition.ts";
import { actionJson, appJson, checkJson } from "./definition-json.ts";
import { groupJson, groupTree } from "./groups.ts";
import type { HealthCheckSpec } from "./spec.ts";
import type { Action, Condition, Deployment, Instance, RootGroup, Task } from "./state.ts";
import { emit, type World } from "./world.ts";

const CLIENT = "127.0.0.1";

/** `Running` → `TASK_RUNNING`. Before 1.4 a task that can't be reached is lost. */
export function taskStatus(world: Pick<World, "traits">, condition: Condition): string {
  switch (condition) {
    case "Scheduled":
    case "Created":
    case "Provisioned":
      return "TASK_STAGING";
    case "Unreachable":
    case "UnreachableInactive":
      return world.traits.hasInstances ? "TASK_UNREACHABLE" : "TASK_LOST";
    default:
      return `TASK_${condition.toUpperCase()}`;
  }
}

export function addressesJson(addresses: readonly string[]): Json {
  return addresses.map((ipAddress) => ({ ipAddress, protocol: ipAddress.includes(":") ? "IPv6" : "IPv4" }));
}

export function statusUpdate(world: World, instance: Instance, task: Task, message = ""): void {
  const { ipAddresses } = world.traits;
  const isTold = ipAddresses === "always" || (ipAddresses === "when known" && task.shownAddresses.length > 0);
  emit(world, "status_update_event", {
    slaveId: instance.agent?.id ?? "",
    taskId: task.id,
    taskStatus: taskStatus(world, task.condition),
    message,
    appId: instance.specId,
    host: instance.agent?.host ?? "unknown",
    ...(isTold ? { ipAddresses: addressesJson(task.shownAddresses) } : {}),
    ports: task.hostPorts,
    version: instance.definition.version,
  });
}

export function instanceChanged(world: World, instance: Instance): void {
  if (!world.traits.hasInstances) return;
  emit(world, "instance_changed_event", {
    instanceId: instance.id,
    condition: instance.condition,
    runSpecId: instance.specId,
    agentId: instance.agent?.id ?? null,
    host: instance.agent?.host ?? null,
    runSpecVersion: instance.definition.version,
  });
}

export function instanceHealthChanged(world: World, instance: Instance, healthy: boolean | null): void {
  if (!world.traits.hasInstances) return;
  emit(world, "instance_health_changed_event", {
    instanceId: instance.id,
    runSpecId: instance.specId,
    healthy,
    runSpecVersion: instance.definition.version,
  });
}

export function healthStatusChanged(world: World, instance: Instance, task: Task, alive: boolean): void {
  emit(world, "health_status_changed_event", {
    appId: instance.specId,
    ...(world.traits.hasInstances ? { instanceId: instance.id } : { taskId: task.id }),
    version: instance.definition.version,
    alive,
  });
}

export function failedHealthCheck(world: World, instance: Instance, task: Task, check: HealthCheckSpec): void {
  const names = {
    task: { taskId: task.id },
    instance: { instanceId: instance.id },
    "instance as taskId": { taskId: instance.id },
  } as const;
  emit(world, "failed_health_check_event", {
    appId: instance.specId,
    ...names[world.traits.failedCheckNames],
    healthCheck: checkJson(world.traits, check),
  });
}

export function healthCheckAdded(world: World, appId: string, version: string, check: HealthCheckSpec): void {
  emit(world, "add_health_check_event", { appId, version, healthCheck: checkJson(world.traits, check) });
}

export function healthCheckRemoved(world: World, appId: string): void {
  emit(world, "remove_health_check_event", { appId });
}

export function unhealthyKill(world: World, instance: Instance, task: Task): void {
  const { unhealthyKill: eventType, hasInstances } = world.traits;
  if (eventType === null) return;
  emit(world, eventType, {
    appId: instance.specId,
    taskId: task.id,
    ...(hasInstances ? { instanceId: instance.id } : {}),
    version: instance.definition.version,
    reason: "500 Internal Server Error",
    host: instance.agent?.host ?? "unknown",
    slaveId: instance.agent?.id ?? "",
  });
}

/** A task that Marathon had given up has ended. */
export function unknownTerminated(world: World, instance: Instance, task: Task): void {
  const { unknownTerminated: eventType } = world.traits;
  if (eventType === null) return;
  emit(
    world,
    eventType,
    eventType === "unknown_task_terminated_event"
      ? { taskId: task.id, runSpecId: instance.specId, status: task.condition }
      : { instanceId: instance.id, runSpecId: instance.specId, condition: task.condition },
  );
}

export function apiPost(world: World, uri: string, definition: AppDefinition): void {
  emit(world, "api_post_event", { clientIp: CLIENT, uri, appDefinition: appJson(world.traits, definition) });
}

export function podChanged(world: World, change: "created" | "updated" | "deleted", uri: string): void {
  emit(world, `pod_${change}_event`, { clientIp: CLIENT, uri });
}

export function groupChanged(world: World, groupId: string, version: string): void {
  emit(world, "group_change_success", { groupId, version });
}

export function appTerminated(world: World, appId: string): void {
  emit(world, "app_terminated_event", { appId });
}

export function schedulerRegistered(world: World): void {
  emit(world, "scheduler_registered_event", {
    frameworkId: world.state.frameworkId,
    master: "mesos-master-1.example.com",
  });
}

function rootJson(world: World, { version, definitions }: RootGroup): Json {
  const apps = (definition: AppDefinition) => appJson(world.traits, definition);
  return groupJson(world.traits, groupTree(definitions, version), apps);
}

function planJson(
  world: World,
  { id, original, target, steps, version }: Deployment,
): { readonly [key: string]: Json } {
  const heavy =
    world.traits.lightPlans === "always"
      ? {}
      : { original: rootJson(world, original), target: rootJson(world, target) };
  return { id, ...heavy, steps: steps.map((actions) => stepJson(world, actions)), version };
}

function stepJson(world: World, actions: readonly Action[]): { readonly [key: string]: Json } {
  return { actions: actions.map((action) => actionJson(world.traits.actionKey, action)) };
}

export function deploymentStep(
  world: World,
  eventType: "deployment_info" | "deployment_step_success" | "deployment_step_failure",
  deployment: Deployment,
): void {
  emit(world, eventType, {
    plan: planJson(world, deployment),
    currentStep: stepJson(world, deployment.steps[deployment.step] ?? []),
  });
}

export function deploymentEnded(world: World, deployment: Deployment, failure: string | null): void {
  emit(world, failure === null ? "deployment_success" : "deployment_failed", {
    id: deployment.id,
    ...(world.traits.plansInResults ? { plan: planJson(world, deployment) } : {}),
    ...(failure !== null && world.traits.failureReasons ? { reason: failure } : {}),
  });
}
