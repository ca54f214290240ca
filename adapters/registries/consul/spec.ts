/** What Consul holds of one service of ours (`Registration.spec`), and the body that makes it so. */
import { isDeepStrictEqual } from "node:util";
import * as v from "valibot";
import type { Json } from "../../../src/model.ts";
import { type CheckSpec, checkBody } from "./checks.ts";

const CheckShape = v.object({
  id: v.string(),
  name: v.string(),
  definition: v.record(v.string(), v.union([v.string(), v.boolean()])),
});

const NodeShape = v.object({ address: v.string(), meta: v.record(v.string(), v.string()) });

const SpecShape = v.object({
  service: v.string(),
  address: v.string(),
  port: v.number(),
  tags: v.array(v.string()),
  meta: v.record(v.string(), v.string()),
  weights: v.object({ passing: v.number(), warning: v.number() }),
  enableTagOverride: v.boolean(),
  checks: v.array(CheckShape),
  draining: v.exactOptional(v.literal(true)),
  node: v.exactOptional(NodeShape),
});

/** An external node of ours in the catalog, save for its name. */
export type NodeSpec = {
  readonly address: string;
  readonly meta: Readonly<Record<string, string>>;
};

export type ServiceSpec = {
  readonly service: string;
  readonly address: string;
  readonly port: number;
  /** Ours: where others may change them (`enableTagOverride`), not those that are shown. */
  readonly tags: readonly string[];
  /** With our marks. */
  readonly meta: Readonly<Record<string, string>>;
  readonly weights: { readonly passing: number; readonly warning: number };
  readonly enableTagOverride: boolean;
  readonly checks: readonly CheckSpec[];
  /** Kept without traffic: in maintenance (maintenance.ts), in the catalog by its check. */
  readonly draining?: true;
  /** In the catalog only: the node that the service is on. */
  readonly node?: NodeSpec;
};

/** Throws an Error if it is not a spec that `project` made. */
export function readSpec(spec: Json): ServiceSpec {
  return v.parse(SpecShape, spec);
}

/** Whether they differ in nothing but whether they drain. */
export function isSameService(a: ServiceSpec, b: ServiceSpec): boolean {
  const [{ draining: _, ...one }, { draining: __, ...other }] = [a, b];
  return isDeepStrictEqual(one, other);
}

/** The body for `PUT /v1/agent/service/register`. */
export function serviceBody(id: string, spec: ServiceSpec) {
  return {
    ID: id,
    Name: spec.service,
    Address: spec.address,
    Port: spec.port,
    Tags: spec.tags,
    Meta: spec.meta,
    Weights: { Passing: spec.weights.passing, Warning: spec.weights.warning },
    EnableTagOverride: spec.enableTagOverride,
    Checks: spec.checks.map(checkBody),
  };
}

/** The body for `PUT /v1/catalog/register`. */
export function catalogBody(id: string, name: string, spec: ServiceSpec): object {
  if (spec.node === undefined) throw new Error("it is no entry for the catalog");
  const { Name: Service, Checks: _, ...service } = serviceBody(id, spec);
  return {
    Node: name,
    Address: spec.node.address,
    NodeMeta: spec.node.meta,
    Service: { ...service, Service },
    Checks: spec.checks.map((check) => ({ ...checkBody(check), ServiceID: id })),
  };
}

/** Ids of the TTL checks, each with its TTL as Go writes it. */
export function ttlChecks(spec: ServiceSpec): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { id, definition } of spec.checks) {
    const ttl = definition["TTL"];
    if (typeof ttl === "string") found.set(id, ttl);
  }
  return found;
}

/** Ids of the checks that an update leaves out: Consul would keep them. */
export function droppedChecks(before: ServiceSpec | null, after: ServiceSpec): readonly string[] {
  const kept = new Set(after.checks.map(({ id }) => id));
  return (before?.checks ?? []).map(({ id }) => id).filter((id) => !kept.has(id));
}
