/** DB-less: `POST /config` replaces everything (facts/kong.md §6). */
import { createHash } from "node:crypto";
import { parse, stringify } from "yaml";
import { merged } from "./collections.ts";
import { defaultsOf } from "./defaults.ts";
import { methodNotAllowed, Refusal, type Violations } from "./refusal.ts";
import type { Answer, Call, World } from "./requests.ts";
import { rowViolations, tagsFault, violations } from "./schema.ts";
import { KINDS, type Kind, type Row } from "./store.ts";
import { canonicalTarget } from "./target-name.ts";
import { isAtLeast } from "./version.ts";

type Fields = Readonly<Record<string, unknown>>;

export function configRequest(world: World, call: Call): Answer {
  if (!world.dbless) {
    throw new Refusal(400, {
      message: "this endpoint is only available when Kong is configured to not use a database",
    });
  }
  if (call.method === "GET") return { status: 200, body: { config: shown(world) } };
  if (call.method !== "POST") throw methodNotAllowed();
  const { config } = call.body;
  const text = typeof config === "string" ? config : null;
  const hash = text === null ? null : createHash("md5").update(text).digest("hex");
  // Recorded: only a configuration that is sent as a string has a hash.
  if (hash !== null && hash === world.config.hash && call.query.has("check_hash")) return { status: 304 };
  const declared = text === null ? call.body : (parse(text) as Fields);
  const loaded = load(world, declared, call.query.has("flatten_errors"));
  world.config = { text: text ?? "", hash: hash ?? createHash("md5").update(JSON.stringify(declared)).digest("hex") };
  return { status: 201, body: loaded };
}

function shown({ store }: World): string {
  const rows = Object.entries(store).map(([kind, all]: [string, ReadonlyMap<string, Row>]) => [
    kind,
    [...all.values()],
  ]);
  const filled = rows.filter(([, all]) => all?.length !== 0);
  return stringify({ _format_version: "3.0", _transform: false, ...Object.fromEntries(filled) });
}

interface Declared {
  readonly kind: Kind | "targets";
  readonly fields: Fields;
  readonly parent: Fields | null;
}

interface Fault {
  readonly entity: Declared;
  readonly fields: Violations;
}

function load(world: World, declared: Fields, flatten: boolean): unknown {
  checkTop(world, declared);
  const all = entities(declared);
  const faults = all.flatMap((entity) => faultOf(entity, world.version));
  faults.push(...duplicates(all));
  if (faults.length > 0) throw invalid(faults, flatten);
  for (const rows of Object.values(world.store)) rows.clear();
  for (const entity of all) put(world, entity);
  const kinds = Object.entries(world.store).filter(([, rows]) => rows.size > 0);
  return Object.fromEntries(kinds.map(([kind, rows]) => [kind, Object.fromEntries([...rows].map(withoutNulls))]));
}

function withoutNulls([id, row]: [string, Row]): [string, unknown] {
  return [id, JSON.parse(JSON.stringify(row, (_, value) => value ?? undefined))];
}

const KNOWN: ReadonlySet<string> = new Set([
  "_format_version",
  "_transform",
  "_comment",
  "plugins",
  "targets",
  ...KINDS,
]);

function checkTop(world: World, declared: Fields): void {
  const unknown = Object.keys(declared).find((key) => !KNOWN.has(key));
  if (unknown !== undefined) throw refused({ [unknown]: "unknown field" });
  const format = declared["_format_version"];
  if (format === undefined) throw refused({ _format_version: "required field missing" });
  const versions = isAtLeast(world.version, "3.0.0") ? ["1.1", "2.1", "3.0"] : ["1.1", "2.1"];
  if (!versions.includes(String(format))) throw refused({ _format_version: `expected one of: ${versions.join(", ")}` });
}

function entities(declared: Fields): readonly Declared[] {
  return [
    ...nested(declared, "upstreams", "targets"),
    ...nested(declared, "services", "routes"),
    ...rowsIn(declared, "routes").map((fields): Declared => ({ kind: "routes", fields, parent: null })),
    ...rowsIn(declared, "targets").map((fields): Declared => ({ kind: "targets", fields, parent: null })),
  ];
}

function nested(declared: Fields, kind: "upstreams" | "services", children: "targets" | "routes"): readonly Declared[] {
  return rowsIn(declared, kind).flatMap((whole) => {
    const { [children]: below, ...fields } = whole;
    const inner = rowsIn({ below }, "below").map(
      (child): Declared => ({ kind: children, fields: child, parent: fields }),
    );
    return [{ kind, fields, parent: null }, ...inner];
  });
}

function rowsIn(fields: Fields, key: string): readonly Fields[] {
  const rows = fields[key];
  return Array.isArray(rows) ? rows : [];
}

function faultOf(entity: Declared, version: string): readonly Fault[] {
  const { kind, fields } = entity;
  const found = kind === "targets" ? targetFaults(fields, version) : entityFaults(kind, fields, version);
  return Object.keys(found).length === 0 ? [] : [{ entity, fields: found }];
}

function entityFaults(kind: Kind, fields: Fields, version: string): Violations {
  const known = defaultsOf(kind, version);
  return { ...violations(kind, fields, known, version), ...rowViolations(kind, { ...known, ...fields }) };
}

function targetFaults({ target, tags }: Fields, version: string): Violations {
  const said = Array.isArray(tags) ? tagsFault(tags, version) : undefined;
  return {
    ...(canonicalTarget(String(target)) === null && {
      target: `Invalid target ('${String(target)}'); not a valid hostname or ip address`,
    }),
    ...(said !== undefined && { tags: said }),
  };
}

function duplicates(all: readonly Declared[]): readonly Fault[] {
  const seen = new Set<string>();
  return all.flatMap((entity) => {
    const key = keyOf(entity);
    if (key === null || !seen.has(key)) {
      if (key !== null) seen.add(key);
      return [];
    }
    const said =
      entity.kind === "targets"
        ? `uniqueness violation: 'targets' entity with primary key set to '${idOf(entity)}' already declared`
        : `uniqueness violation: '${entity.kind}' entity with name set to '${String(entity.fields["name"])}' already declared`;
    return [{ entity, fields: { "@entity": [said] } }];
  });
}

function keyOf(entity: Declared): string | null {
  const { kind, fields, parent } = entity;
  if (kind === "targets") return `targets ${String(parent?.["name"])} ${String(fields["target"])}`;
  return fields["name"] === undefined ? null : `${kind} ${String(fields["name"])}`;
}

function put(world: World, entity: Declared): void {
  const { kind, fields, parent } = entity;
  const now = world.now() / 1000;
  const id = idOf(entity);
  if (kind === "targets") {
    const target = canonicalTarget(String(fields["target"]));
    const upstream = { id: idOf({ kind: "upstreams", fields: parent ?? {}, parent: null }) };
    const row = { weight: 100, tags: null, ...fields, target, id, upstream, created_at: now, updated_at: now };
    world.store.targets.set(id, row);
    return;
  }
  const seconds = Math.floor(now);
  const service = parent === null ? {} : { service: { id: idOf({ kind: "services", fields: parent, parent: null }) } };
  const times = { created_at: seconds, updated_at: seconds };
  world.store[kind].set(id, { ...merged(defaultsOf(kind, world.version), fields), ...service, ...times, id });
}

/** Derived from the name, and so the same after every load (Kong's `db/schema/others/declarative_config.lua`). */
function idOf({ kind, fields, parent }: Declared): string {
  if (typeof fields["id"] === "string") return fields["id"];
  const namespace = uuid5("fd02801f-0957-4a15-a55a-c8d9606f30b5", kind);
  const upstream = parent === null ? "" : idOf({ kind: "upstreams", fields: parent, parent: null });
  const key = kind === "targets" ? `${upstream}:${String(fields["target"])}` : String(fields["name"]);
  return uuid5(namespace, key);
}

function uuid5(namespace: string, name: string): string {
  const hash = createHash("sha1")
    .update(Buffer.from(namespace.replaceAll("-", ""), "hex"))
    .update(name)
    .digest();
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  const text = hash.toString("hex");
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20, 32)].join("-");
}

function refused(fields: object, message = lua(fields)): Refusal {
  return new Refusal(400, {
    message: `declarative config is invalid: ${message}`,
    fields,
    code: 14,
    name: "invalid declarative configuration",
  });
}

/** As Kong prints a table, without its nesting. */
function lua(fields: object): string {
  return `{${Object.entries(fields)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(",")}}`;
}

function invalid(faults: readonly Fault[], flatten: boolean): Refusal {
  if (!flatten) return refused(Object.fromEntries(faults.map(({ entity, fields }) => [entity.kind, fields])));
  const flattened = faults.map(({ entity: { kind, fields: entity }, fields }) => ({
    entity_type: kind.slice(0, -1),
    entity_name: entity["name"],
    entity_tags: entity["tags"],
    entity,
    errors: Object.entries(fields).map(([field, message]) => ({ field, message, type: "field" })),
  }));
  return new Refusal(400, { ...refused({}).body, flattened_errors: flattened });
}
