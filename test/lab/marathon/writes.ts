/** POST, PUT, PATCH, DELETE: what a person with curl, or the demo, orders. */
import * as v from "valibot";
import type { Cluster } from "./cluster.ts";
import type { Change } from "./root.ts";
import type { Answer } from "./routes.ts";
import { AppPatch, AppSpec, GroupSpec, PodPatch, PodSpec } from "./spec.ts";

interface Order {
  readonly cluster: Cluster;
  /** Path of the app, pod or group; `/` for the root group. */
  readonly id: string;
  readonly body: unknown;
  readonly query: URLSearchParams;
  /** Id of a task, where the path names one. */
  readonly task: string | undefined;
}

type Handler = (order: Order) => Answer;

const ROUTES: readonly (readonly [method: string, pattern: RegExp, handler: Handler])[] = [
  ["POST", /^\/v2\/apps$/, createApp],
  ["POST", /^\/v2\/apps(\/.+)\/restart$/, ({ cluster, id }) => accepted(cluster.restart(id))],
  ["PUT", /^\/v2\/apps(\/.+)$/, putApp],
  ["PATCH", /^\/v2\/apps(\/.+)$/, putApp],
  ["DELETE", /^\/v2\/apps(\/.+)\/tasks\/([^/]+)$/, killTask],
  ["DELETE", /^\/v2\/apps(\/.+)\/tasks$/, killTasks],
  ["DELETE", /^\/v2\/apps(\/.+)$/, ({ cluster, id }) => accepted(cluster.destroy(id))],
  ["POST", /^\/v2\/groups$/, putGroup],
  ["PUT", /^\/v2\/groups(\/.+)?$/, putGroup],
  ["DELETE", /^\/v2\/groups(\/.+)$/, ({ cluster, id }) => accepted(cluster.destroyGroup(id))],
  ["POST", /^\/v2\/pods$/, createPod],
  ["PUT", /^\/v2\/pods(\/.+)$/, putPod],
  ["DELETE", /^\/v2\/pods(\/.+)$/, ({ cluster, id }) => accepted(cluster.destroy(id), 202)],
];

/** @param body parsed JSON; undefined: none */
export function write(cluster: Cluster, method: string, path: string, query: URLSearchParams, body: unknown): Answer {
  for (const [wanted, pattern, handler] of ROUTES) {
    const match = wanted === method ? pattern.exec(path) : null;
    if (match === null) continue;
    try {
      return handler({ cluster, id: match[1] ?? "/", task: match[2], body, query });
    } catch (error) {
      return refused(error);
    }
  }
  return { status: 405, body: { message: "HTTP 405 Method Not Allowed" } };
}

function refused(error: unknown): Answer {
  if (error instanceof v.ValiError) {
    const details = error.issues.map((issue) => ({ path: v.getDotPath(issue) ?? "/", errors: [issue.message] }));
    return { status: 422, body: { message: "Object is not valid", details } };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { status: message.includes("exists; update") ? 409 : 404, body: { message } };
}

function accepted({ version, deploymentId }: Change, status = 200): Answer {
  return { status, body: { version, deploymentId } };
}

function createApp({ cluster, body }: Order): Answer {
  const app = v.parse(AppSpec, body);
  const { version, deploymentId } = cluster.deploy(app);
  return { status: 201, body: { ...plain(app), version, deployments: [{ id: deploymentId }] } };
}

function putApp({ cluster, id, body }: Order): Answer {
  const isKnown = (cluster.state.specs.get(id)?.target ?? null) !== null;
  if (isKnown) return accepted(cluster.update(id, v.parse(AppPatch, body)));
  return accepted(cluster.deploy(v.parse(AppSpec, { ...plain(body), id })), 201);
}

function killTask({ cluster, task = "", query }: Order): Answer {
  cluster.killTask(task, { scale: query.get("scale") === "true" });
  return { status: 200, body: { task: { id: task } } };
}

function killTasks({ cluster, id, query }: Order): Answer {
  const tasks = cluster.tasks(id);
  for (const task of tasks) cluster.killTask(task, { scale: query.get("scale") === "true" });
  return { status: 200, body: { tasks: tasks.map((task) => ({ id: task })) } };
}

function putGroup({ cluster, id, body }: Order): Answer {
  return accepted(cluster.group(v.parse(GroupSpec, { id, ...plain(body) })));
}

function createPod({ cluster, body }: Order): Answer {
  const pod = v.parse(PodSpec, body);
  const { version } = cluster.createPod(pod);
  return { status: 201, body: { ...plain(pod), version } };
}

function putPod({ cluster, id, body }: Order): Answer {
  const pod = v.parse(PodPatch, body);
  const { version } = cluster.updatePod(id, pod);
  return { status: 200, body: { ...plain(pod), id, version } };
}

/** An object as JSON has it; anything else as an empty one, which the schema then refuses. */
function plain(value: unknown): Record<string, never> {
  return typeof value === "object" && value !== null ? JSON.parse(JSON.stringify(value)) : {};
}
