/** DB-less: what Musters have in a configuration, in pieces that can be changed and put together again. */
import type { Change, Registration } from "../../../src/model.ts";
import type { Base, Entity } from "./base.ts";
import { objectBody, targetBody } from "./bodies.ts";
import { missing, stranger } from "./look.ts";
import { BASE, isMusters, marksIn, othersTags } from "./marks.ts";
import { objectName } from "./names.ts";
import { registrationsIn } from "./owned.ts";
import type { Settings } from "./settings.ts";
import { readSpec, type Spec } from "./spec.ts";
import type { KongState } from "./state.ts";
import { stillUsed, usersOf } from "./users.ts";

/** One entity, by the key that its registration has or would have. */
interface Part {
  readonly kind: Spec["kind"];
  /** Of a route its service, of a target its upstream, as a key; null for others. */
  readonly parent: string | null;
  readonly entity: Entity;
  readonly tags: readonly string[];
  /** null: another Muster's. */
  readonly registration: Registration | null;
}
export type Parts = Map<string, Part>;

/** Takes apart what one node holds; entities of the base file, and strangers', are left out. */
export function partsOf(state: KongState, settings: Settings): Parts {
  const own = new Map(registrationsIn(state, settings).registrations.map((each) => [each.key, each]));
  const services = new Map(state.services.map(({ id, name }) => [id, `services/${name}`]));
  const parts: Parts = new Map();
  const add = (key: string, kind: Part["kind"], parent: string | null, row: Entity & Pick<Part, "tags">) =>
    parts.set(key, { kind, parent, entity: plain(row), tags: row.tags, registration: own.get(key) ?? null });
  for (const row of state.upstreams.filter(isMade)) {
    const key = `upstreams/${row.name}`;
    add(key, "upstream", null, row);
    for (const target of state.targets.get(row.id) ?? []) add(`${key}/targets/${target.target}`, "target", key, target);
  }
  for (const row of state.services.filter(isMade)) add(`services/${row.name}`, "service", null, row);
  for (const row of state.routes.filter(isMade)) {
    add(`routes/${row.name}`, "route", services.get(row.service?.id ?? "") ?? null, row);
  }
  return parts;
}

function isMade({ tags }: { readonly tags: readonly string[] }): boolean {
  return isMusters(tags) && !tags.includes(BASE);
}

/** What neither Muster made nor the base file has: posting would remove it. */
export function strangersIn({ upstreams, services, routes }: KongState, { names }: Base): readonly string[] {
  const kinds = { upstreams, services, routes };
  return Object.entries(kinds).flatMap(([kind, rows]) =>
    rows
      .filter(({ tags }) => !isMusters(tags))
      .map(({ name }) => `${kind}/${name ?? ""}`)
      .filter((key) => !names.has(key)),
  );
}

/** Carries one change out; throws a RequestError if it must not be. */
export function alter(parts: Parts, change: Change, base: Base, settings: Settings): void {
  if (change.op === "deregister") remove(parts, change.before, settings);
  else put(parts, change.after, base, settings);
}

function put(parts: Parts, wanted: Registration, base: Base, settings: Settings): void {
  const { key } = wanted;
  const spec = readSpec(wanted.spec);
  const present = parts.get(key);
  if (present !== undefined && present.registration === null) throw stranger(key);
  if (base.names.has(key)) throw stranger(key);
  const parent = parentOf(spec);
  if (parent !== null && !parts.has(parent)) throw missing(parent);
  parts.set(key, partFor(wanted, spec, present?.tags ?? [], base, settings));
}

function parentOf(spec: Spec): string | null {
  if (spec.kind === "target") return `upstreams/${spec.upstream}`;
  return spec.kind === "route" ? `services/${spec.service}` : null;
}

function partFor(
  registration: Registration,
  spec: Spec,
  present: readonly string[],
  { guessesRegex }: Base,
  settings: Settings,
): Part {
  const { service } = registration;
  const common = { kind: spec.kind, parent: parentOf(spec), registration };
  if (spec.kind === "target") {
    const body = targetBody(spec, service, othersTags(present), settings);
    return { ...common, entity: body, tags: body.tags };
  }
  const body = objectBody(spec, service, present, settings, { guessesRegex });
  return { ...common, entity: plain({ name: spec.name, ...body }), tags: body.tags };
}

function remove(parts: Parts, held: Registration, settings: Settings): void {
  const part = parts.get(held.key);
  if (part === undefined) return;
  if (part.registration === null && !isOf(part, held.node, settings)) return;
  const spec = readSpec(held.spec);
  if (spec.kind !== "target") {
    const { service } = held;
    const object = { kind: spec.kind, name: spec.name, service, tags: part.tags };
    const users = usersOf(object, targetsIn(parts, service, settings), settings);
    if (users.length > 0) throw stillUsed(users);
  }
  parts.delete(held.key);
}

/** What a dead node of the cluster has left is removed in its name. */
function isOf({ kind, tags }: Part, node: string | undefined, { cluster }: Settings): boolean {
  const marks = marksIn(tags);
  return kind === "target" && node !== undefined && marks?.cluster === cluster && marks.node === node;
}

/** The targets in the service's upstream. */
function targetsIn(parts: Parts, service: string, { cluster }: Settings) {
  const upstream = `upstreams/${objectName(cluster, service)}`;
  return [...parts.values()]
    .filter(({ parent }) => parent === upstream)
    .map(({ entity: { target }, tags }) => ({ target: typeof target === "string" ? target : "", tags: [...tags] }));
}

/** The whole configuration as JSON, which YAML is a superset of: the same text for the same content. */
export function compose(base: Base, parts: Parts): string {
  const { services, upstreams } = base.document;
  const own = (kind: Part["kind"]) => [...parts].filter(([, part]) => part.kind === kind).sort(byKey);
  const below = (parent: string) =>
    [...parts]
      .filter(([, part]) => part.parent === parent)
      .sort(byKey)
      .map(([, { entity }]) => entity);
  return JSON.stringify({
    ...base.document,
    services: [...services, ...own("service").map(([key, { entity }]) => ({ ...entity, routes: below(key) }))],
    upstreams: [...upstreams, ...own("upstream").map(([key, { entity }]) => ({ ...entity, targets: below(key) }))],
  });
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}

const DERIVED: ReadonlySet<string> = new Set(["id", "created_at", "updated_at", "service", "upstream"]);

/** As one would write it: without what Kong adds, and without nothing. */
function plain(row: Entity): Entity {
  const said = Object.entries(row).filter(([field, value]) => value !== null && !DERIVED.has(field));
  return Object.fromEntries(said.map(([field, value]) => [field, isEntity(value) ? withoutNulls(value) : value]));
}

function withoutNulls(value: Entity): Entity {
  const said = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(said.map(([field, inner]) => [field, isEntity(inner) ? withoutNulls(inner) : inner]));
}

function isEntity(value: unknown): value is Entity {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
