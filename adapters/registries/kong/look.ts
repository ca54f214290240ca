/** What is there, before it is written to: ours, or somebody else's. */
import type { Registration } from "../../../src/model.ts";
import { RequestError } from "../../failure.ts";
import { parseAnswer } from "../../http.ts";
import type { AdminClient } from "./admin.ts";
import { RouteRow, ServiceRow, UpstreamRow } from "./answers.ts";
import type { Dialect } from "./dialect.ts";
import { readRoute, readService, readUpstream } from "./readback.ts";
import type { Settings } from "./settings.ts";
import type { ObjectSpec } from "./spec.ts";

export interface Scene {
  readonly admin: AdminClient;
  readonly dialect: Dialect;
  readonly settings: Settings;
  /** The ids of our own upstreams and Kong services, by key: what hangs on them is written by id, and so never to a stranger's. */
  readonly parents: Map<string, string>;
}

/** An object as it is now. */
export interface Present {
  readonly id: string;
  readonly tags: readonly string[];
  /** null: not ours. */
  readonly registration: Registration | null;
}

/** @returns null if there is none of that name */
export async function look(
  { admin, settings }: Scene,
  spec: Pick<ObjectSpec, "kind" | "name">,
  signal: AbortSignal,
): Promise<Present | null> {
  const { kind, name } = spec;
  const answer = await admin.send({ method: "GET", path: `/${kind}s/${encodeURIComponent(name)}` }, [404], signal);
  if (answer.status === 404) return null;
  switch (kind) {
    case "upstream": {
      const row = parseAnswer(UpstreamRow, answer);
      return { id: row.id, tags: row.tags, registration: readUpstream(row, settings) };
    }
    case "service": {
      const row = parseAnswer(ServiceRow, answer);
      return { id: row.id, tags: row.tags, registration: readService(row, settings) };
    }
    case "route": {
      const row = parseAnswer(RouteRow, answer);
      return { id: row.id, tags: row.tags, registration: readRoute(row, new Map(), settings) };
    }
    default:
      return kind satisfies never;
  }
}

/**
 * The id of the upstream or Kong service that something hangs on.
 * Rejects if it is missing, or a stranger's.
 */
export async function parentId(
  scene: Scene,
  kind: "upstream" | "service",
  name: string,
  signal: AbortSignal,
): Promise<string> {
  const key = `${kind}s/${name}`;
  const known = scene.parents.get(key);
  if (known !== undefined) return known;
  const present = await look(scene, { kind, name }, signal);
  if (present === null) throw missing(key);
  if (present.registration === null) throw stranger(key);
  scene.parents.set(key, present.id);
  return present.id;
}

/** There is nothing of ours by that name. */
export class NotOursError extends RequestError {}

/** So that the core lists again and makes it. */
export function missing(what: string): NotOursError {
  return new NotOursError(`${what} is missing, somebody has removed it`, { retry: true, ambiguous: true });
}

export function stranger(key: string): NotOursError {
  return new NotOursError(
    `${key} exists and was not made by this Muster: rename the service with muster.name, or remove it`,
    { retry: false, ambiguous: false },
  );
}
