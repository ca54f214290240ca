/** Upstreams, services and routes: the Admin API's general rules (facts/kong.md §2). */
import { defaultsOf } from "./defaults.ts";
import { pageByEncodedNumber, pageById } from "./pages.ts";
import {
  foreignKeyViolation,
  invalidName,
  methodNotAllowed,
  noSuchEntity,
  notFound,
  primaryKeyViolation,
  schemaViolation,
  uniqueViolation,
} from "./refusal.ts";
import type { Answer, Call, World } from "./requests.ts";
import { rowViolations, violations } from "./schema.ts";
import { find, foreignId, isUuid, type Kind, type Row, targetsOf } from "./store.ts";
import { isAtLeast } from "./version.ts";

type Fields = Readonly<Record<string, unknown>>;

/** `/{kind}`, `/{kind}/{ref}`, `/services/{ref}/routes[/{ref}]`. */
export function collectionRequest(world: World, call: Call, kind: Kind): Answer {
  const [, ref, nested, nestedRef] = call.segments;
  if (ref === undefined) return all(world, call, kind, {});
  if (nested === undefined) return one(world, call, kind, { ref, foreign: {} });
  if (kind === "upstreams" && nested === "health") return health(world, ref);
  const service = find(world.store.services, ref);
  if (kind !== "services" || nested !== "routes" || service === undefined) throw notFound();
  const foreign = { service: { id: service.id } };
  if (nestedRef === undefined) return all(world, call, "routes", foreign);
  return one(world, call, "routes", { ref: nestedRef, foreign });
}

/** Without what only a balancer knows. */
function health(world: World, ref: string): Answer {
  const upstream = find(world.store.upstreams, ref);
  if (upstream === undefined) throw notFound();
  return { status: 200, body: { data: targetsOf(world.store, upstream.id).toReversed(), next: null } };
}

function all(world: World, call: Call, kind: Kind, foreign: Fields): Answer {
  switch (call.method) {
    case "GET":
    case "HEAD":
      return { status: 200, body: page(world, call, kind, foreign) };
    case "POST":
      return { status: 201, body: insert(world, kind, { ...call.body, ...foreign }) };
    default:
      throw methodNotAllowed();
  }
}

function page(world: World, call: Call, kind: Kind, foreign: Fields): unknown {
  const service = foreignId({ id: "", ...foreign }, "service");
  const rows = [...world.store[kind].values()].filter(
    (row) => service === null || foreignId(row, "service") === service,
  );
  if (world.dbless) return pageByEncodedNumber(call.path, rows, call.query);
  return pageById(call.path, rows, call.query, world.version);
}

function one(world: World, call: Call, kind: Kind, { ref, foreign }: { ref: string; foreign: Fields }): Answer {
  const row = find(world.store[kind], ref);
  switch (call.method) {
    case "GET":
      if (row === undefined) throw notFound();
      return { status: 200, body: row };
    case "PUT":
      return { status: 200, body: upsert(world, kind, ref, { ...call.body, ...foreign }) };
    case "PATCH":
      if (row === undefined) throw noSuchEntity(isUuid(ref) ? "id" : "name", ref);
      return { status: 200, body: patch(world, kind, row, call.body) };
    case "DELETE":
      if (row !== undefined) remove(world, kind, row);
      return { status: 204 };
    default:
      throw methodNotAllowed();
  }
}

function insert(world: World, kind: Kind, body: Fields): Row {
  const given = checked(world, kind, body);
  const id = typeof given["id"] === "string" ? given["id"] : null;
  if (id !== null && world.store[kind].has(id)) throw primaryKeyViolation(id);
  return put(world, kind, { ...merged(defaultsOf(kind, world.version), given), id: id ?? world.nextId() });
}

/** A full replacement: what is left out goes back to its default. The name in the path wins. */
function upsert(world: World, kind: Kind, ref: string, body: Fields): Row {
  if (!isUuid(ref) && !/^[A-Za-z0-9._~-]+$/.test(ref)) throw invalidName(ref, !isAtLeast(world.version, "2.2.0"));
  const given = checked(world, kind, { ...body, ...(isUuid(ref) ? { id: ref } : { name: ref }) });
  const before = find(world.store[kind], ref);
  const id = before?.id ?? (isUuid(ref) ? ref : world.nextId());
  const created = before === undefined ? {} : { created_at: before["created_at"] };
  return put(world, kind, { ...merged(defaultsOf(kind, world.version), given), ...created, id });
}

function patch(world: World, kind: Kind, row: Row, body: Fields): Row {
  return put(world, kind, { ...merged(row, checked(world, kind, body)), id: row.id });
}

/** Records within records are merged, lists are replaced. */
export function merged(row: Fields, given: Fields): Fields {
  const result: Record<string, unknown> = { ...row };
  for (const [field, value] of Object.entries(given)) {
    const old = row[field];
    result[field] = isRecord(old) && isRecord(value) && !("id" in old) ? merged(old, value) : value;
  }
  return result;
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function remove(world: World, kind: Kind, row: Row): void {
  if (kind === "services" && [...world.store.routes.values()].some((route) => foreignId(route, "service") === row.id)) {
    throw foreignKeyViolation("an existing 'routes' entity references this 'services' entity", {
      "@referenced_by": "routes",
    });
  }
  world.store[kind].delete(row.id);
  if (kind !== "upstreams") return;
  for (const { id } of targetsOf(world.store, row.id)) world.store.targets.delete(id);
}

/** The fields as they are stored: foreign names resolved, `url` taken apart, tags without repetitions. */
function checked(world: World, kind: Kind, body: Fields): Fields {
  const { url, ...rest } = body;
  const given = kind === "services" && typeof url === "string" ? { ...rest, ...urlParts(url) } : body;
  const faults = violations(kind, given, defaultsOf(kind, world.version), world.version);
  if (Object.keys(faults).length > 0) throw schemaViolation(faults);
  const { tags, service } = given;
  return {
    ...given,
    ...(Array.isArray(tags) && { tags: [...new Set(tags)] }),
    ...(isRecord(service) && { service: { id: serviceId(world, service) } }),
    ...(given["hash_on"] !== undefined && given["hash_on"] !== "none" && { algorithm: "consistent-hashing" }),
  };
}

function urlParts(url: string): Fields {
  const { protocol, hostname, port, pathname } = new URL(url);
  const isTls = protocol === "https:";
  return {
    protocol: protocol.slice(0, -1),
    host: hostname,
    port: Number(port) || (isTls ? 443 : 80),
    path: pathname === "/" ? null : pathname,
  };
}

function serviceId(world: World, key: Fields): string {
  const ref = String(key["id"] ?? key["name"]);
  const row = find(world.store.services, ref);
  if (row !== undefined) return row.id;
  const field = "id" in key ? "id" : "name";
  throw foreignKeyViolation(`the foreign key '{${field}="${ref}"}' does not reference an existing 'services' entity.`, {
    service: { [field]: ref },
  });
}

function put(world: World, kind: Kind, row: Row): Row {
  const faults = { ...rowViolations(kind, row) };
  if (Object.keys(faults).length > 0) throw schemaViolation(faults);
  const name = row["name"];
  const twin = [...world.store[kind].values()].find((other) => other["name"] === name && other.id !== row.id);
  if (typeof name === "string" && twin !== undefined) throw uniqueViolation(`name="${name}"`, { name });
  const now = Math.floor(world.now() / 1000);
  const hasUpdate = kind !== "upstreams" || isAtLeast(world.version, "3.0.0");
  const stored = { created_at: now, ...row, ...(hasUpdate && { updated_at: now }) };
  world.store[kind].set(row.id, stored);
  return stored;
}
