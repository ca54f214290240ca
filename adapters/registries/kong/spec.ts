/** What registrations hold of each kind of object: only what Muster decides, the rest is the operator's. */
import * as v from "valibot";
import type { Json } from "../../../src/model.ts";

const Health = v.object({
  type: v.picklist(["http", "https", "tcp"]),
  path: v.string(),
  interval: v.number(),
  timeout: v.number(),
  verify: v.boolean(),
});

const Upstream = v.object({
  kind: v.literal("upstream"),
  name: v.string(),
  /** null: none from labels; then they are not looked at. */
  checks: v.nullable(Health),
});

const Service = v.object({
  kind: v.literal("service"),
  name: v.string(),
  /** The upstream's name, or Vulcand's host. */
  host: v.string(),
  /** null: not looked at, since targets have ports of their own. */
  port: v.nullable(v.number()),
  protocol: v.nullable(v.string()),
  /** Whether this node has said that it needs it; null: not said, targets tell. */
  usedHere: v.nullable(v.boolean()),
});

const Route = v.object({
  kind: v.literal("route"),
  name: v.string(),
  /** The name of the Kong service. */
  service: v.string(),
  hosts: v.array(v.string()),
  paths: v.array(v.string()),
  stripPath: v.boolean(),
  preserveHost: v.boolean(),
  /** null: not looked at. */
  priority: v.nullable(v.number()),
  usedHere: v.nullable(v.boolean()),
});

const Target = v.object({
  kind: v.literal("target"),
  upstream: v.string(),
  /** Canonical. */
  target: v.string(),
  weight: v.number(),
  instance: v.string(),
  task: v.string(),
  source: v.string(),
  /** How many the instance asks for, so that other nodes know which it needs; null: not said, an older Muster wrote it. */
  routes: v.nullable(v.number()),
});

const Spec = v.variant("kind", [Upstream, Service, Route, Target]);

export type UpstreamSpec = v.InferOutput<typeof Upstream>;
export type ServiceSpec = v.InferOutput<typeof Service>;
export type RouteSpec = v.InferOutput<typeof Route>;
export type TargetSpec = v.InferOutput<typeof Target>;
export type Spec = v.InferOutput<typeof Spec>;
/** What every instance of a service shares. */
export type ObjectSpec = Exclude<Spec, TargetSpec>;

/** @param spec of a registration of ours */
export function readSpec(spec: Json): Spec {
  return v.parse(Spec, spec);
}
