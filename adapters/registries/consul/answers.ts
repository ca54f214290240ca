/** The shapes of Consul's answers: permissive on what is not used, strict on identity. */
import * as v from "valibot";

/** Valibot's record takes an array for an empty one, and an empty listing is the one thing that must not be guessed. */
const isObject = v.check((input: unknown) => !Array.isArray(input), "expected an object, got an array");

export const Service = v.object({
  ID: v.pipe(v.string(), v.nonEmpty()),
  Service: v.string(),
  Address: v.optional(v.string(), ""),
  Port: v.optional(v.number(), 0),
  Tags: v.nullish(v.array(v.string()), []),
  Meta: v.nullish(v.record(v.string(), v.string()), {}),
  Weights: v.optional(v.object({ Passing: v.number(), Warning: v.number() }), { Passing: 1, Warning: 1 }),
  EnableTagOverride: v.optional(v.boolean(), false),
});
export type Service = v.InferOutput<typeof Service>;

/** `GET /v1/agent/services` */
export const Services = v.pipe(v.unknown(), isObject, v.record(v.string(), Service));

export const HealthCheck = v.object({
  CheckID: v.pipe(v.string(), v.nonEmpty()),
  Name: v.optional(v.string(), ""),
  ServiceID: v.optional(v.string(), ""),
  Status: v.optional(v.string(), ""),
  Notes: v.optional(v.string(), ""),
});
export type HealthCheck = v.InferOutput<typeof HealthCheck>;

/** `GET /v1/agent/checks` */
export const HealthChecks = v.pipe(v.unknown(), isObject, v.record(v.string(), HealthCheck));

/** `GET /v1/catalog/nodes` */
export const CatalogNode = v.object({
  Node: v.pipe(v.string(), v.nonEmpty()),
  Address: v.optional(v.string(), ""),
  Meta: v.nullish(v.record(v.string(), v.string()), {}),
});
export type CatalogNode = v.InferOutput<typeof CatalogNode>;
export const CatalogNodes = v.array(CatalogNode);

/** `GET /v1/catalog/node/NAME`: null where there is no such node. */
export const NodeServices = v.nullable(v.object({ Node: CatalogNode, Services: v.nullish(Services, {}) }));
export type NodeServices = v.InferOutput<typeof NodeServices>;

/** `GET /v1/health/state/any` */
export const NodeCheck = v.object({ ...HealthCheck.entries, Node: v.pipe(v.string(), v.nonEmpty()) });
export type NodeCheck = v.InferOutput<typeof NodeCheck>;
export const NodeChecks = v.array(NodeCheck);

/** `GET /v1/catalog/services`: names, each with the tags in use. */
export const ServiceNames = v.pipe(v.unknown(), isObject, v.record(v.string(), v.unknown()));

/** `GET /v1/catalog/service/NAME` */
export const ServiceOnNode = v.object({
  Node: v.pipe(v.string(), v.nonEmpty()),
  Address: v.optional(v.string(), ""),
  ServiceID: v.pipe(v.string(), v.nonEmpty()),
  ServiceName: v.optional(v.string(), ""),
  ServiceAddress: v.optional(v.string(), ""),
  ServicePort: v.optional(v.number(), 0),
  ServiceMeta: v.nullish(v.record(v.string(), v.string()), {}),
});
export type ServiceOnNode = v.InferOutput<typeof ServiceOnNode>;
export const ServicesOnNodes = v.array(ServiceOnNode);
