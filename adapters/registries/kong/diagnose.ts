/**
 * What can be wrong with a Kong and with our way to it. Nothing is written: what may be written is asked with requests
 * that Kong refuses, or that are about objects that do not exist.
 */
import * as v from "valibot";
import type { AdapterContext, Finding } from "../../../src/model.ts";
import { look, ok, problem, reach } from "../../diagnosis.ts";
import { parseAnswer } from "../../http.ts";
import { type AdminClient, type AdminRequest, createAdminClient } from "./admin.ts";
import { Status } from "./answers.ts";
import { readNode } from "./dialect.ts";
import type { KongOptions } from "./options.ts";

export async function* diagnose(
  options: KongOptions,
  context: AdapterContext,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const { dbless, url, urls } = options;
  const all = dbless === undefined ? [url] : (urls ?? [url]);
  for (const each of all) {
    await using admin = createAdminClient(each, options);
    for await (const finding of diagnoseNode(admin, dbless !== undefined, context, signal)) {
      // Of several nodes each finding names its own.
      yield all.length === 1 ? finding : { ...finding, text: `${admin.where}: ${finding.text}` };
    }
  }
}

async function* diagnoseNode(
  admin: AdminClient,
  isDbless: boolean,
  { now }: AdapterContext,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  const fix = "is Kong's Admin API listening there, is registries.kong.url right, and does tokenFile hold its token?";
  const root = () => admin.send({ method: "GET", path: "/", global: true }, [], signal);
  const { answer, findings } = await reach({ where: admin.where, fix, now }, root, signal);
  yield* findings;
  if (answer === null) return;
  const version = await look(
    "version",
    "name the Admin API of a Kong that Muster can work with",
    () => {
      return readNode(admin, isDbless, signal).then(({ dialect, isDbless: is }) =>
        ok("version", `${dialect.version}, ${is ? "without" : "with"} a database`),
      );
    },
    signal,
  );
  yield version;
  if (version.level === "problem") return;
  if (!isDbless) yield await look("database", "look at Kong's own log", () => database(admin, signal), signal);
  for (const permission of isDbless ? DBLESS : LIVE) yield await ask(admin, permission, signal);
}

async function database(admin: AdminClient, signal: AbortSignal): Promise<Finding> {
  const answer = await admin.send({ method: "GET", path: "/status", global: true }, [], signal);
  const isReachable = parseAnswer(v.object(Status.entries), answer).database?.reachable !== false;
  if (isReachable) return ok("database", "Kong reaches it");
  return problem(
    "database",
    "Kong can't reach it",
    "start it, or look at Kong's pg_host; nothing can be written before",
  );
}

interface Permission {
  /** As an administrator sees it. */
  readonly what: string;
  readonly request: AdminRequest;
  /** Statuses that say: allowed, and nothing was done. */
  readonly welcome: readonly number[];
}

/** No upstream is called so: ours begin otherwise, and strangers have no reason to. */
const NOBODY = "/upstreams/muster-doctor-asks-whether-it-may";

const LIVE: readonly Permission[] = [
  ...["/upstreams", "/services", "/routes"].map((path) => ({
    what: `GET ${path}`,
    request: { method: "GET" as const, path, query: { size: "1" } },
    welcome: [],
  })),
  // Without a name it is refused.
  { what: "POST /upstreams", request: { method: "POST", path: "/upstreams", body: {} }, welcome: [400] },
  { what: "PATCH /upstreams", request: { method: "PATCH", path: NOBODY, body: {} }, welcome: [400, 404] },
  // Kong answers 204 also where there is nothing to delete (facts/kong.md).
  { what: "DELETE /upstreams", request: { method: "DELETE", path: NOBODY }, welcome: [404] },
];

const DBLESS: readonly Permission[] = [
  { what: "GET /config", request: { method: "GET", path: "/config", global: true }, welcome: [] },
  {
    what: "POST /config",
    // It names no format, so that Kong refuses it and goes on with what it has.
    request: { method: "POST", path: "/config", global: true, body: { config: "muster_doctor: asks" } },
    welcome: [400],
  },
];

async function ask(admin: AdminClient, { what, request, welcome }: Permission, signal: AbortSignal): Promise<Finding> {
  const fix = `allow ${what} to Muster, in Kong's RBAC or in the proxy before the Admin API`;
  return await look(
    what,
    fix,
    async () => {
      await admin.send(request, welcome, signal);
      return ok(what, "allowed");
    },
    signal,
  );
}
