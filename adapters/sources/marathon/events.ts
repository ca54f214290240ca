/**
 * Marathon's events → what they say (facts/marathon.md §2). Pure. By hand, since they come in floods, and permissive: a
 * field of a strange type is one that is not said. Only what an event is about must be there.
 */
import type { EventBase, MarathonEvent } from "./event.ts";
import {
  addresses,
  common,
  type Fields,
  fieldsOf,
  flag,
  host,
  list,
  objects,
  ports,
  text,
  time,
  version,
} from "./fields.ts";
import { appId } from "./ids.ts";
import type { Placement } from "./shapes.ts";

/** The types that are asked for (1.3.7+; older ones send all). */
export const WANTED: readonly string[] = [
  "status_update_event",
  "health_status_changed_event",
  "instance_changed_event",
  "instance_health_changed_event",
  "unknown_task_terminated_event",
  "unknown_instance_terminated_event",
  "unhealthy_task_kill_event",
  "unhealthy_instance_kill_event",
  "api_post_event",
  "app_terminated_event",
  "deployment_info",
  "deployment_success",
  "deployment_failed",
  "pod_created_event",
  "pod_updated_event",
  "pod_deleted_event",
  "event_stream_attached",
  "scheduler_registered_event",
  "scheduler_reregistered_event",
];

type Read = (base: EventBase) => MarathonEvent | string;

const READERS: ReadonlyMap<string, Read> = new Map([
  ["status_update_event", readStatus],
  ["unhealthy_task_kill_event", readKill],
  ["unhealthy_instance_kill_event", readKill],
  ["instance_health_changed_event", readInstanceHealth],
  ["health_status_changed_event", readCheckHealth],
  ["instance_changed_event", readInstance],
  ["unknown_task_terminated_event", readStranger],
  ["unknown_instance_terminated_event", readStranger],
  ["api_post_event", readDefinitionEvent],
  ["app_terminated_event", readTerminated],
  ["scheduler_registered_event", readRegistered],
  ["scheduler_reregistered_event", readRegistered],
  ...["deployment_info", "deployment_success", "deployment_failed"].map((type): [string, Read] => [
    type,
    readDeployment,
  ]),
  ...["deployment_step_success", "deployment_step_failure"].map((type): [string, Read] => [type, readDeployment]),
  ...["pod_created_event", "pod_updated_event", "pod_deleted_event"].map((type): [string, Read] => [type, readPod]),
]);

/**
 * @param type the stream's name of it, for an event that does not say itself
 * @returns a string that says why it is not an event
 */
export function readEvent(type: string, data: string): MarathonEvent | string {
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    return "an event that is not JSON";
  }
  return eventOf(json, type);
}

export function eventOf(json: unknown, type = ""): MarathonEvent | string {
  const body = fieldsOf(json);
  if (body === null) return "an event that is not a JSON object";
  const base = { type: text(body, "eventType") ?? type, ts: time(body, "timestamp"), body };
  return READERS.get(base.type)?.(base) ?? { kind: "other", ...base };
}

function lacking({ type }: EventBase, what: string): string {
  return `an event of type ${type} without ${what}`;
}

function placementOf(body: Fields): Placement {
  return {
    version: version(body, "version"),
    host: host(body, "host"),
    agent: common(body, "slaveId"),
    ports: ports(list(body, "ports")).map((port) => ({ name: null, port })),
    addresses: addresses(body, "ipAddresses"),
  };
}

function readStatus(base: EventBase): MarathonEvent | string {
  const { body } = base;
  const [task, app, state] = [text(body, "taskId"), common(body, "appId"), common(body, "taskStatus")];
  if (task === null || app === null || state === null) return lacking(base, "taskId, appId or taskStatus");
  return {
    kind: "status",
    ...base,
    ...placementOf(body),
    task,
    app: appId(app),
    state,
    message: text(body, "message"),
  };
}

function readKill(base: EventBase): MarathonEvent | string {
  const { body } = base;
  const [task, app] = [text(body, "taskId"), text(body, "appId")];
  if (task === null || app === null) return lacking(base, "taskId or appId");
  const [instance, reason] = [text(body, "instanceId"), text(body, "reason")];
  return { kind: "kill", ...base, ...placementOf(body), task, instance, app: appId(app), reason };
}

function readInstanceHealth(base: EventBase): MarathonEvent | string {
  const { body } = base;
  const [instance, app] = [text(body, "instanceId"), text(body, "runSpecId")];
  if (instance === null || app === null) return lacking(base, "instanceId or runSpecId");
  const said = { version: version(body, "runSpecVersion"), healthy: flag(body, "healthy") };
  return { kind: "instanceHealth", ...base, ...said, instance, app: appId(app) };
}

function readCheckHealth(base: EventBase): MarathonEvent | string {
  const { body } = base;
  const [app, alive] = [text(body, "appId"), flag(body, "alive")];
  const [task, instance] = [text(body, "taskId"), text(body, "instanceId")];
  if (app === null || alive === null || (task ?? instance) === null) return lacking(base, "appId, alive or taskId");
  return { kind: "checkHealth", ...base, task, instance, app: appId(app), version: version(body, "version"), alive };
}

function readInstance(base: EventBase): MarathonEvent | string {
  const { body } = base;
  const [instance, app, condition] = [text(body, "instanceId"), text(body, "runSpecId"), text(body, "condition")];
  if (instance === null || app === null || condition === null)
    return lacking(base, "instanceId, runSpecId or condition");
  const place = { version: version(body, "runSpecVersion"), host: host(body, "host"), agent: common(body, "agentId") };
  return { kind: "instance", ...base, ...place, instance, app: appId(app), condition };
}

function readStranger(base: EventBase): MarathonEvent | string {
  const { body } = base;
  const [app, condition] = [text(body, "runSpecId"), text(body, "condition") ?? text(body, "status")];
  const [task, instance] = [text(body, "taskId"), text(body, "instanceId")];
  if (app === null || condition === null || (task ?? instance) === null)
    return lacking(base, "runSpecId, condition or instanceId");
  return { kind: "stranger", ...base, task, instance, app: appId(app), condition };
}

function readDefinitionEvent(base: EventBase): MarathonEvent | string {
  const definition = fieldsOf(base.body["appDefinition"]);
  return definition === null ? lacking(base, "appDefinition") : { kind: "definition", ...base, definition };
}

function readTerminated(base: EventBase): MarathonEvent | string {
  const app = text(base.body, "appId");
  return app === null ? lacking(base, "appId") : { kind: "terminated", ...base, app: appId(app) };
}

function readRegistered(base: EventBase): MarathonEvent {
  return { kind: "registered", ...base, frameworkId: text(base.body, "frameworkId") };
}

/** The apps in the plan's steps and the current one, whether flat (0.8) or as actions; the heavy plan is not looked at. */
function readDeployment(base: EventBase): MarathonEvent {
  const plan = fieldsOf(base.body["plan"]) ?? {};
  const current = fieldsOf(base.body["currentStep"]);
  const steps = [...objects(plan, "steps"), ...(current === null ? [] : [current])];
  const actions = steps.flatMap((step) => [step, ...objects(step, "actions")]);
  // That a step of it stops an app is only a plan until all of it is done.
  const stops = base.type === "deployment_success" ? actions.filter(isStop) : [];
  const deleted = [...named(stops, "app"), ...named(stops, "pod")];
  return { kind: "hint", ...base, apps: named(actions, "app"), pods: named(actions, "pod"), deleted };
}

/** `StopApplication`, `StopPod`; the key was `type` up to 1.1.1. */
function isStop(action: Fields): boolean {
  return /^Stop(Application|Pod)$/.test(text(action, "action") ?? text(action, "type") ?? "");
}

function named(actions: readonly Fields[], key: string): readonly string[] {
  return [...new Set(actions.flatMap((action) => text(action, key) ?? []).map(appId))];
}

/** On creation the path names no pod. */
function readPod(base: EventBase): MarathonEvent {
  const pod = /^\/v2\/pods(\/[^:]+)/.exec(text(base.body, "uri") ?? "")?.[1];
  const pods = pod === undefined ? [] : [pod];
  return { kind: "hint", ...base, apps: [], pods, deleted: base.type === "pod_deleted_event" ? pods : [] };
}
