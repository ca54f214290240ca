/** `GET /v1/instances/{id}/ready?registry=`: what a container's own health check asks (docs/alb.md, readiness gate). */
import type { Context } from "hono";
import type { Instance } from "../model.ts";
import { readinessOf } from "../readiness.ts";
import type { Agent, ApiScope } from "./api.ts";
import { problem } from "./problem.ts";

/** Whoever asks is a container, which has no token: the answer says no more than yes, or why not yet. */
export const READY_PATH = /^\/v1\/instances\/[^/]+\/ready$/;

/** What a container's host name is, at least: the beginning of its id. */
const MIN_PREFIX = 12;

export function ready(context: Context, agent: Agent): Response {
  const id = context.req.param("id") ?? "";
  const wanted = context.req.query("registry");
  const scopes = agent.scopes();
  const names = new Set(scopes.flatMap(({ reconcilers }) => reconcilers.map(({ name }) => name)));
  if (wanted !== undefined && scopes.length > 0 && !names.has(wanted)) {
    return problem(context, 400, `registry: expected one that is on: ${[...names].join(", ")}`);
  }
  const found = scopes.flatMap((scope) => instancesOf(scope, id).map((instance) => ({ scope, instance })));
  // Muster hears of a task only after its health check may have begun.
  if (found.length === 0) return problem(context, 503, "no such instance or task is known, or not yet");
  const all = found.map(({ scope, instance }) => readinessOf(instance, standings(scope, instance.id, wanted)));
  const not = all.find((one) => !one.ready);
  return not === undefined ? context.json({ status: "ready" }) : problem(context, 503, not.reason);
}

function standings({ reconcilers }: ApiScope, id: string, wanted: string | undefined) {
  const chosen = reconcilers.filter(({ name }) => wanted === undefined || name === wanted);
  return chosen.map((reconciler) => ({ registry: reconciler.name, view: reconciler.instanceView(id) }));
}

/** One instance, or all of a task: by its id, or the container's, or the beginning of that. */
function instancesOf({ world }: ApiScope, id: string): readonly Instance[] {
  const one = world.instance(id);
  if (one !== null) return [one];
  return [...world.instances()].filter(({ task }) => task === id || isContainer(world.task(task), id));
}

/** Sources name a container's definition after it: `container:ID`. */
function isContainer(record: ReturnType<ApiScope["world"]["task"]>, id: string): boolean {
  return id.length >= MIN_PREFIX && record?.assigned.definition.startsWith(`container:${id}`) === true;
}
