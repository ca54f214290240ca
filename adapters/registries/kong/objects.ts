/** Upstreams, Kong services and routes: made, changed and removed one by one, and never a stranger's. */
import { isDeepStrictEqual } from "node:util";
import * as v from "valibot";
import type { Registration } from "../../../src/model.ts";
import { RequestError } from "../../failure.ts";
import { parseAnswer } from "../../http.ts";
import type { TargetRow } from "./answers.ts";
import { objectBody } from "./bodies.ts";
import { look, missing, NotOursError, type Present, parentId, type Scene, stranger } from "./look.ts";
import { userTag } from "./marks.ts";
import { objectName } from "./names.ts";
import type { ObjectSpec, RouteSpec } from "./spec.ts";
import { readTargets } from "./state.ts";
import { stillUsed, usersOf } from "./users.ts";

const Made = v.object({ id: v.string() });

/** Makes it, or takes over what is left of ours. `POST`, which unlike `PUT` never replaces what somebody has made meanwhile. */
export async function createObject(
  scene: Scene,
  wanted: Registration,
  spec: ObjectSpec,
  signal: AbortSignal,
): Promise<void> {
  const { admin, dialect, settings, parents } = scene;
  const { service: _, ...body } = objectBody(spec, wanted.service, [], settings, dialect);
  const path = spec.kind === "route" ? await routesPath(scene, spec, signal) : `/${spec.kind}s`;
  const request = { method: "POST" as const, path, body: { name: spec.name, ...body } };
  const answer = await admin.send(request, spec.kind === "route" ? [404, 409] : [409], signal);
  if (answer.status === 404) throw lost(scene, `services/${spec.kind === "route" ? spec.service : spec.name}`);
  if (answer.status === 409) return await updateObject(scene, wanted, spec, signal);
  if (spec.kind !== "route") parents.set(wanted.key, parseAnswer(Made, answer).id);
}

async function routesPath(scene: Scene, route: RouteSpec, signal: AbortSignal): Promise<string> {
  try {
    return `/services/${await parentId(scene, "service", route.service, signal)}/routes`;
  } catch (error) {
    // Of two obstacles, the one that a person has to remove is told.
    const present = error instanceof NotOursError ? await look(scene, route, signal) : null;
    throw present !== null && present.registration === null ? stranger(`routes/${route.name}`) : error;
  }
}

/** What was ours is not there any more. */
function lost({ parents }: Scene, key: string): RequestError {
  parents.delete(key);
  return missing(key);
}

/** `PATCH`, so that what an operator has tuned stays. */
export async function updateObject(
  scene: Scene,
  wanted: Registration,
  spec: ObjectSpec,
  signal: AbortSignal,
): Promise<void> {
  const { admin, dialect, settings, parents } = scene;
  const present = await look(scene, spec, signal);
  if (present === null) throw lost(scene, wanted.key);
  if (present.registration === null) throw stranger(wanted.key);
  if (spec.kind !== "route") parents.set(wanted.key, present.id);
  if (isDeepStrictEqual(present.registration.spec, wanted.spec)) return;
  const fields = objectBody(spec, wanted.service, present.tags, settings, dialect);
  const parent =
    spec.kind === "route" ? { service: { id: await parentId(scene, "service", spec.service, signal) } } : {};
  const path = `/${spec.kind}s/${present.id}`;
  const answer = await admin.send({ method: "PATCH", path, body: { ...fields, ...parent } }, [404], signal);
  if (answer.status === 404) throw lost(scene, wanted.key);
}

/** Removes it by its id, so never what somebody has made since. What is gone, or a stranger's by now, needs nothing. */
export async function removeObject(
  scene: Scene,
  held: Registration,
  spec: ObjectSpec,
  signal: AbortSignal,
): Promise<void> {
  const present = await look(scene, spec, signal);
  if (present === null || present.registration === null) return;
  const upstream = objectName(scene.settings.cluster, held.service);
  const { kind, name } = spec;
  const object = { kind, name, service: held.service, tags: present.tags };
  const users = usersOf(object, await targetsIn(scene, upstream, signal), scene.settings);
  if (users.length > 0) {
    await withdrawUse(scene, spec, present, signal);
    throw stillUsed(users);
  }
  await scene.admin.send({ method: "DELETE", path: `/${spec.kind}s/${present.id}` }, [404], signal);
  scene.parents.delete(held.key);
}

async function targetsIn(
  { admin, dialect }: Scene,
  upstream: string,
  signal: AbortSignal,
): Promise<readonly TargetRow[]> {
  try {
    return await readTargets(admin, dialect, upstream, signal);
  } catch (error) {
    if (error instanceof RequestError && error.status === 404) return [];
    throw error;
  }
}

/** This node does not need it any more, others do. */
async function withdrawUse({ admin, settings }: Scene, spec: ObjectSpec, { id, tags }: Present, signal: AbortSignal) {
  const mine = userTag(settings.node);
  if (!tags.includes(mine)) return;
  const left = tags.filter((tag) => tag !== mine);
  await admin.send({ method: "PATCH", path: `/${spec.kind}s/${id}`, body: { tags: left } }, [404], signal);
}
