/** The shapes of the API's answers as JSON Schemas (2020-12). A test holds them against real answers, closed to further keys. */

export type Schema = Readonly<Record<string, unknown>>;

const text = { type: "string" };
const nullableText = { type: ["string", "null"] };
const whole = { type: "integer" };
const nullableWhole = { type: ["integer", "null"] };
const flag = { type: "boolean" };
const time = { type: "string", format: "date-time" };
const nullableTime = { type: ["string", "null"], format: "date-time" };
const anything = {};

export function ref(name: keyof typeof schemas): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

export function list(items: Schema): Schema {
  return { type: "array", items };
}

export function oneOf(...values: readonly (string | null)[]): Schema {
  return { enum: values };
}

/** All keys are there, but for those that `optional` names. */
export function object(properties: Readonly<Record<string, Schema>>, optional: readonly string[] = []): Schema {
  const required = Object.keys(properties).filter((key) => !optional.includes(key));
  return { type: "object", properties, required };
}

function about(description: string, schema: Schema): Schema {
  return { ...schema, description };
}

const STATE = oneOf("pending", "ready", "draining");

const instance = {
  id: about("Unique in the cluster, and stable over restarts of Muster.", text),
  service: text,
  source: about("Name of the source that knows it.", text),
  task: about("The orchestrator's own id of the task.", text),
  node: text,
  address: nullableText,
  port: nullableWhole,
  protocol: oneOf("tcp", "udp", "sctp"),
  containerPort: nullableWhole,
  servicePort: about("Marathon only.", nullableWhole),
  portName: nullableText,
  state: about("ready: fit to be registered; gone: only in events.", oneOf("pending", "ready", "draining", "gone")),
  health: oneOf("passing", "failing", "unknown", "none"),
  missing: about("What it waits for.", list(text)),
  version: nullableText,
  image: nullableText,
  tags: list(text),
  meta: { type: "object", additionalProperties: text },
  routes: list({ $ref: "#/components/schemas/Route" }),
  weight: nullableWhole,
  notes: about("What a person should know: labels that were dropped, collisions.", list(text)),
  registries: { type: "object", additionalProperties: { $ref: "#/components/schemas/Registration" } },
};

const reasons = about(
  "Why it is not as one would expect, and what helps.",
  list({ $ref: "#/components/schemas/Reason" }),
);
const timeline = list({ $ref: "#/components/schemas/TimelineEntry" });

export const schemas = {
  Instance: object(instance),
  InstanceWithTimeline: object({ ...instance, timeline }),
  Route: object({ hosts: list(text), paths: list(text), stripPath: flag, priority: nullableWhole }),
  Registration: object(
    {
      state: oneOf("registered", "pending", "failed", "not-applicable"),
      key: nullableText,
      since: nullableTime,
      error: nullableText,
      detail: about("What the registry itself says of it; for ALB the target's state and reason.", anything),
      leaving: about(
        "What is left of an instance that is not ready any more.",
        list({ $ref: "#/components/schemas/LeavingEntry" }),
      ),
    },
    ["detail", "leaving"],
  ),
  LeavingEntry: object({
    key: text,
    serving: about("Whether the registry is still known to send it traffic.", flag),
    detail: anything,
  }),
  TimelineEntry: object(
    {
      time,
      kind: about("A fact's kind, state, or write.", text),
      by: about("The source, the registry, or muster.", text),
      text,
      state: object({
        ...{ instances: list(text), services: list(text), missing: list(text) },
        state: oneOf("pending", "ready", "draining", "gone"),
      }),
      write: object({
        ...{ instance: nullableText, key: text, op: oneOf("register", "update", "deregister") },
        ...{ ok: flag, ms: { type: "number" }, attempt: whole, error: nullableText },
      }),
    },
    ["state", "write"],
  ),
  Reason: object({ registry: nullableText, why: text, remedy: nullableText }),
  Explanation: object({
    of: text,
    time,
    more: about("How many more tasks there are than are shown.", whole),
    tasks: list(
      object({
        ...{ task: text, source: nullableText, node: nullableText, services: list(text), image: nullableText },
        ...{ version: nullableText, isOver: flag, reasons, notes: list(text), timeline },
        instances: list(object({ ...instance, reasons })),
      }),
    ),
  }),
  Service: object({
    ...{ service: text, instances: whole, ready: whole, draining: whole, pending: whole, nodes: whole },
    collision: about("Apps that share this name without having chosen it.", list(text)),
  }),
  Source: object({
    name: text,
    state: oneOf("connecting", "connected", "disconnected", "standby"),
    synced: about("Whether it has listed all that it has at least once.", flag),
    lastSynced: nullableTime,
    facts: whole,
    error: nullableText,
  }),
  Registry: object({
    name: text,
    state: oneOf("starting", "synced", "failing"),
    ...{ registered: whole, pending: whole, failed: whole },
    ...{ lastCleanPass: nullableTime, lastListing: nullableTime, error: nullableText },
    guard: about("What the mass-delete guard holds back.", nullableText),
  }),
  AuditRecord: object({
    seq: whole,
    time,
    node: text,
    registry: nullableText,
    action: text,
    ...{ id: nullableText, service: nullableText, task: nullableText },
    ok: { type: ["boolean", "null"] },
    error: nullableText,
    ms: { type: ["number", "null"] },
    attempt: nullableWhole,
    cause: { type: ["array", "null"] },
    ...{ before: anything, after: anything },
    prev: { type: "string", pattern: "^[0-9a-f]{64}$" },
    hash: { type: "string", pattern: "^[0-9a-f]{64}$" },
  }),
  Problem: about(
    "RFC 9457.",
    object({ type: text, title: text, status: whole, detail: text, reasons: list(text) }, ["reasons"]),
  ),
} as const satisfies Readonly<Record<string, Schema>>;

export { STATE, text, whole };
