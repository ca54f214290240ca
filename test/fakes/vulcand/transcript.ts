/** The recorded calls to real Vulcands (test/fixtures/vulcand), and what those to etcd itself mean for its keys. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import * as v from "valibot";
import type { Dialect } from "./dialect.ts";
import type { Store } from "./store.ts";

const Step = v.object({
  step: v.string(),
  target: v.picklist(["api", "proxy", "listener", "etcd"]),
  method: v.string(),
  path: v.string(),
  /** The request's content type. */
  type: v.optional(v.string()),
  /** The request's Host. */
  host: v.optional(v.string()),
  body: v.optional(v.string()),
  /** null: the connection ended without an answer. */
  status: v.nullable(v.number()),
  answer: v.optional(v.string()),
  /** ms that passed before, at least. */
  wait: v.optional(v.number(), 0),
});
export type RecordedStep = v.InferOutput<typeof Step>;

const Run = v.object({ run: v.string(), etcdKey: v.string(), upstreams: v.array(v.number()) });
type Run = v.InferOutput<typeof Run>;

export interface RecordedRun extends Run {
  readonly steps: readonly RecordedStep[];
}

/** The runs against one version, each in the order in which it was recorded. */
export function recordedRuns(dialect: Dialect): readonly RecordedRun[] {
  const file = new URL(`../../fixtures/vulcand/${dialect}.ndjson.gz`, import.meta.url);
  const lines = gunzipSync(readFileSync(file)).toString("utf8").trimEnd().split("\n");
  const runs: (Run & { readonly steps: RecordedStep[] })[] = [];
  for (const line of lines) {
    const entry: unknown = JSON.parse(line);
    if (v.is(Run, entry)) runs.push({ ...entry, steps: [] });
    else runs.at(-1)?.steps.push(v.parse(Step, entry));
  }
  return runs;
}

/** Does to the keys what a recorded call to etcd did. */
export function playOnEtcd(
  store: Store,
  { etcdKey }: RecordedRun,
  step: RecordedStep,
  leases: Map<string, string[]>,
): void {
  if (step.path.startsWith("/v3/")) playV3(store, etcdKey, step, leases);
  else playV2(store, etcdKey, step);
}

/** Compare-and-swap and the like are what they come to. */
function playV2(store: Store, etcdKey: string, { method, path, body }: RecordedStep): void {
  const [plain = ""] = path.split("?");
  const key = plain.replace(`/v2/keys/${etcdKey.replace(/^\//, "")}/`, "");
  const form = new URLSearchParams(body ?? "");
  const ttl = form.has("ttl") ? Number(form.get("ttl")) * 1000 : null;
  const value = form.get("value");
  if (method === "DELETE") store.remove(key);
  else if (method === "POST" && value !== null) store.set(`${key}/00000000000000000091`, value, ttl);
  else if (value !== null) store.set(key, value, ttl);
  else if (path.includes("dir=true") && ttl !== null) store.expire(key, ttl);
}

const Message = v.object({
  key: v.optional(v.string(), ""),
  value: v.optional(v.string(), ""),
  lease: v.optional(v.string()),
  ID: v.optional(v.string(), ""),
});

function playV3(store: Store, etcdKey: string, { path, body }: RecordedStep, leases: Map<string, string[]>): void {
  const { key, value, lease, ID } = v.parse(Message, JSON.parse(body ?? "{}"));
  const name = decoded(key);
  if (path === "/v3/lease/revoke") for (const held of leases.get(ID) ?? []) store.remove(held);
  // A key outside the prefix is in another universe.
  if (path !== "/v3/kv/put" || !name.startsWith(`${etcdKey}/`)) return;
  const own = name.slice(etcdKey.length + 1);
  store.set(own, decoded(value), null);
  if (lease !== undefined) leases.set(lease, [...(leases.get(lease) ?? []), own]);
}

function decoded(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
