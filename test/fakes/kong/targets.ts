/** Targets, in which the versions differ most (facts/kong.md §3, the table). */
import { pageByEncodedNumber, pageById, pageByNumber } from "./pages.ts";
import {
  methodNotAllowed,
  notFound,
  primaryKeyViolation,
  schemaViolation,
  unexpected,
  uniqueViolation,
  type Violations,
} from "./refusal.ts";
import type { Answer, Call, World } from "./requests.ts";
import { tagsFault } from "./schema.ts";
import { find, isUuid, type Row, targetsOf } from "./store.ts";
import { canonicalTarget } from "./target-name.ts";
import { isAtLeast } from "./version.ts";

/** `/upstreams/{ref}/targets`, and below. */
export function targetRequest(world: World, call: Call): Answer {
  const [, ref = "", , name] = call.segments;
  const upstream = find(world.store.upstreams, ref);
  if (upstream === undefined) {
    // Recorded: 2.8.5 fails at a POST of a target to an unknown upstream.
    if (call.method === "POST" && isUpdating(world)) throw unexpected();
    throw notFound();
  }
  if (name === undefined) return collection(world, call, upstream);
  if (name === "all" && call.method === "GET") {
    return {
      status: 200,
      body: pageById(call.path, targetsOf(world.store, upstream.id), withoutTags(call), world.version),
    };
  }
  return one(world, call, upstream, name);
}

function isHistory({ version }: World): boolean {
  return !isAtLeast(version, "2.2.0");
}

function isUpdating({ version }: World): boolean {
  return isAtLeast(version, "2.2.0") && !isAtLeast(version, "3.0.0");
}

/** Recorded: `?tags=` is ignored on targets, by all versions. */
function withoutTags({ query }: Call): URLSearchParams {
  const copy = new URLSearchParams(query);
  copy.delete("tags");
  return copy;
}

function collection(world: World, call: Call, upstream: Row): Answer {
  if (call.method === "POST") return post(world, call.body, upstream);
  if (call.method !== "GET") throw methodNotAllowed();
  if (!world.dbless) return { status: 200, body: pageByNumber(call.path, listed(world, upstream), withoutTags(call)) };
  return { status: 200, body: pageByEncodedNumber(call.path, targetsOf(world.store, upstream.id), withoutTags(call)) };
}

/** Newest first; of a history the newest row of each target. */
function listed(world: World, upstream: Row): readonly Row[] {
  const newestFirst = targetsOf(world.store, upstream.id).toReversed();
  const shown = isHistory(world) ? newest(newestFirst) : newestFirst;
  return isAtLeast(world.version, "2.4.1") ? shown : shown.filter((row) => row["weight"] !== 0);
}

function newest(newestFirst: readonly Row[]): readonly Row[] {
  const seen = new Set<unknown>();
  return newestFirst.filter((row) => !seen.has(row["target"]) && seen.add(row["target"]));
}

function post(world: World, body: Readonly<Record<string, unknown>>, upstream: Row): Answer {
  const given = checked(world, body);
  if (given["target"] === undefined) throw schemaViolation({ target: "required field missing" });
  const same = targetsOf(world.store, upstream.id).find((row) => row["target"] === given["target"]);
  if (same !== undefined && isUpdating(world)) {
    const row = put(world, { ...same, ...given, id: same.id });
    return { status: 200, body: row, headers: { deprecation: "true" } };
  }
  const id = typeof given["id"] === "string" ? given["id"] : world.nextId();
  if (world.store.targets.has(id)) throw primaryKeyViolation(id);
  if (same !== undefined && !isHistory(world)) throw duplicate(same, upstream);
  return { status: 201, body: put(world, { weight: 100, tags: null, ...given, id, upstream: { id: upstream.id } }) };
}

function one(world: World, call: Call, upstream: Row, name: string): Answer {
  const all = targetsOf(world.store, upstream.id).toReversed();
  const row = named(all, name);
  if (isHistory(world)) return ofHistory(world, call, upstream, { name, all, row });
  if (row === undefined) throw notFound();
  switch (call.method) {
    case "GET":
      return { status: 200, body: row };
    case "PUT":
    case "PATCH":
      return { status: 200, body: patch(world, call.body, upstream, row) };
    case "DELETE":
      world.store.targets.delete(row.id);
      return { status: 204 };
    default:
      throw methodNotAllowed();
  }
}

function named(newestFirst: readonly Row[], name: string): Row | undefined {
  return newestFirst.find((row) => (isUuid(name) ? row.id === name : row["target"] === name));
}

function patch(world: World, body: Readonly<Record<string, unknown>>, upstream: Row, row: Row): Row {
  const given = checked(world, body);
  const twin = targetsOf(world.store, upstream.id).find(
    (other) => other.id !== row.id && other["target"] === given["target"],
  );
  // Recorded: 2.8.5 lets one target's address be changed into another's, and then has it twice.
  if (twin !== undefined && !isUpdating(world)) throw duplicate(twin, upstream);
  return put(world, { ...row, ...given, id: row.id });
}

interface Found {
  readonly name: string;
  readonly all: readonly Row[];
  readonly row: Row | undefined;
}

/** Up to 2.1 nothing is ever changed: each write is a further row, and weight 0 means deleted. */
function ofHistory(world: World, call: Call, upstream: Row, { name, all, row }: Found): Answer {
  const current = all.find((other) => other["target"] === row?.["target"]);
  const add = (fields: object): Row =>
    put(world, { weight: 100, tags: null, id: world.nextId(), upstream: { id: upstream.id }, ...fields });
  if (call.method === "PUT") {
    const target = isUuid(name) ? { id: name } : { target: name };
    return { status: 200, body: add({ ...checked(world, call.body), ...target }) };
  }
  if (current === undefined) throw notFound();
  switch (call.method) {
    case "GET":
      if (current["weight"] === 0) throw notFound();
      return { status: 200, body: current };
    case "DELETE":
      add({ target: current["target"], weight: 0 });
      return { status: 204 };
    default:
      throw methodNotAllowed();
  }
}

function checked(world: World, body: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const faults: Violations = {};
  const { target, weight, tags } = body;
  const canonical = typeof target === "string" ? canonicalTarget(target) : null;
  if (target !== undefined && canonical === null) faults["target"] = TARGET_FAULT;
  if (weight !== undefined && !Number.isInteger(weight)) faults["weight"] = "expected an integer";
  else if (Number(weight) < 0 || Number(weight) > 65_535) faults["weight"] = "value should be between 0 and 65535";
  const tagFault = tags === undefined || tags === null ? undefined : tagsFault(tags, world.version);
  if (tagFault !== undefined) faults["tags"] = tagFault;
  if (Object.keys(faults).length > 0) throw schemaViolation(faults);
  return canonical === null ? body : { ...body, target: canonical };
}

const TARGET_FAULT = "Invalid target; not a valid hostname or ip address";

function duplicate(row: Row, upstream: Row): Error {
  const target = String(row["target"]);
  const key = `target="${target}",upstream={id="${upstream.id}"}`;
  return uniqueViolation(key, { upstream: { id: upstream.id }, target });
}

function put(world: World, row: Row): Row {
  const now = world.now() / 1000;
  const isNew = !world.store.targets.has(row.id);
  const times = {
    ...(isNew && { created_at: now }),
    ...(isAtLeast(world.version, "3.0.0") && { updated_at: now }),
  };
  const stored = { ...row, ...times };
  world.store.targets.set(row.id, stored);
  return stored;
}
