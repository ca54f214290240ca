/** The Admin API's answers, as far as they are looked at: strict on identity, permissive on the rest. */
import * as v from "valibot";

const Id = v.pipe(v.string(), v.nonEmpty());
/** null, a list, or `{}` where an empty Lua table was encoded. */
const Strings = v.pipe(
  v.nullish(v.union([v.array(v.string()), v.strictObject({})]), null),
  v.transform((value): readonly string[] => (Array.isArray(value) ? value : [])),
);
const Count = v.nullish(v.number());

export const Node = v.object({
  version: v.pipe(v.string(), v.nonEmpty()),
  configuration: v.object({ database: v.string(), role: v.nullish(v.string()) }),
});

export const Status = v.object({ database: v.nullish(v.object({ reachable: v.boolean() })) });

const Active = v.looseObject({
  type: v.nullish(v.string()),
  http_path: v.nullish(v.string()),
  https_verify_certificate: v.nullish(v.boolean()),
  timeout: Count,
  healthy: v.nullish(v.looseObject({ interval: Count })),
  unhealthy: v.nullish(v.looseObject({ interval: Count })),
});

export const UpstreamRow = v.looseObject({
  id: Id,
  name: Id,
  tags: Strings,
  healthchecks: v.nullish(v.looseObject({ active: v.nullish(Active) })),
});
export type UpstreamRow = v.InferOutput<typeof UpstreamRow>;

export const ServiceRow = v.looseObject({
  id: Id,
  name: v.nullish(v.string()),
  tags: Strings,
  host: v.nullish(v.string()),
  port: v.nullish(v.number()),
  protocol: v.nullish(v.string()),
});
export type ServiceRow = v.InferOutput<typeof ServiceRow>;

export const RouteRow = v.looseObject({
  id: Id,
  name: v.nullish(v.string()),
  tags: Strings,
  hosts: Strings,
  paths: Strings,
  strip_path: v.nullish(v.boolean()),
  preserve_host: v.nullish(v.boolean()),
  regex_priority: v.nullish(v.number()),
  service: v.nullish(v.looseObject({ id: v.string() })),
});
export type RouteRow = v.InferOutput<typeof RouteRow>;

export const TargetRow = v.looseObject({
  id: Id,
  target: Id,
  weight: v.number(),
  tags: Strings,
  created_at: Count,
});
export type TargetRow = v.InferOutput<typeof TargetRow>;

/** @returns the schema of one page of a list */
export function pageOf<T extends v.GenericSchema>(row: T) {
  return v.object({ data: v.array(row), offset: v.nullish(v.string()) });
}

/** `POST /config?flatten_errors=1`, refused (3.2 and later). */
export const FlattenedErrors = v.object({
  flattened_errors: v.array(
    v.object({
      entity_type: v.nullish(v.string()),
      entity_name: v.nullish(v.string()),
      entity_tags: v.nullish(v.array(v.string())),
      errors: v.array(v.object({ message: v.nullish(v.unknown()), field: v.nullish(v.string()) })),
    }),
  ),
});
