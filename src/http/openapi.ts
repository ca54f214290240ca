/** The description of the HTTP API (OpenAPI 3.1), served at `/openapi.json`. */
import { version } from "../version.ts";
import { list, object, oneOf, ref, type Schema, STATE, schemas, text, whole } from "./openapi-schemas.ts";

type Method = "get" | "post";

interface Operation {
  readonly summary: string;
  readonly parameters?: readonly Schema[];
  readonly requestBody?: Schema;
  readonly responses: Readonly<Record<string, Schema>>;
  /** Empty: no token is needed. */
  readonly security?: readonly Schema[];
}

/** Plain JSON. */
export function openApi() {
  return {
    openapi: "3.1.0",
    info: {
      title: "Muster",
      version: version(),
      description:
        "What a running Muster sees and has registered. Errors are problem details (RFC 9457). A client that asks too often gets 429 with Retry-After.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    // A token is needed wherever the API listens beyond loopback.
    security: [{ token: [] }],
    paths,
    components: {
      schemas,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "The content of http.tokenFile." },
        swarm: { type: "http", scheme: "bearer", description: "The content of sources.swarm.secretFile." },
      },
    },
  };
}

const problem = (description: string): Schema => ({
  description,
  content: { "application/problem+json": { schema: ref("Problem") } },
});

const json = (description: string, schema: Schema): Schema => ({
  description,
  content: { "application/json": { schema } },
});

const stream = (description: string): Schema => ({
  description,
  content: { "text/event-stream": { schema: text } },
});

const query = (name: string, description: string, schema: Schema = text): Schema => ({
  ...{ name, in: "query", required: false, description, schema },
});

const common = {
  "401": problem("The token is missing or wrong."),
  "403": problem("Without a token: not by a name that leads to this machine by accident."),
  "429": problem("Too many requests from this client."),
};

const page = (description: string, type: string): Operation => ({
  summary: description,
  responses: { "200": { description, content: { [type]: { schema: text } } }, "503": problem("It is not built.") },
  security: [],
});

const choice = (key: string): Schema => ({
  ...object({ [key]: { ...text, minLength: 1 }, undo: { type: "boolean" } }, ["undo"]),
  additionalProperties: false,
});

const SINCE = "a time such as 2026-11-21T02:00:00Z, or a duration such as 15m";

const paths: Readonly<Record<string, Readonly<Partial<Record<Method, Operation>>>>> = {
  "/": { get: page("The status page.", "text/html") },
  "/healthz": {
    get: {
      summary: "Whether it is alive.",
      responses: { "200": json("It is.", object({ status: oneOf("alive") })) },
      security: [],
    },
  },
  "/readyz": {
    get: {
      summary: "Whether every source has synced and every registry has had a clean pass.",
      responses: {
        "200": json("They have.", object({ status: oneOf("ready") })),
        "503": problem("Not yet; `reasons` says why."),
      },
      security: [],
    },
  },
  "/metrics": {
    get: {
      summary: "Prometheus metrics; docs/reference/metrics.md lists them.",
      responses: { "200": { description: "Text format.", content: { "text/plain": { schema: text } } }, ...common },
    },
  },
  "/openapi.json": {
    get: {
      summary: "This document.",
      responses: { "200": json("OpenAPI 3.1.", { type: "object" }), ...common },
    },
  },
  "/v1/instances": {
    get: {
      summary: "One record for each reachable port of each task.",
      parameters: [
        query("service", "only of this service"),
        query("state", "only in this state", STATE),
        query("node", "only on this node"),
      ],
      responses: {
        "200": json("All that match.", object({ instances: list(ref("Instance")) })),
        "400": problem("No such state."),
        ...common,
      },
    },
  },
  "/v1/instances/{id}": {
    get: {
      summary: "One instance, with its time line.",
      parameters: [{ name: "id", in: "path", required: true, schema: text }],
      responses: {
        "200": json("It.", ref("InstanceWithTimeline")),
        "404": problem("There is none."),
        ...common,
      },
    },
  },
  "/v1/instances/{id}/ready": {
    get: {
      summary: "Whether a task may count as started: for its own health check (docs/alb.md, readiness gate).",
      parameters: [
        { name: "id", in: "path", required: true, schema: text, description: "of an instance, task or container" },
        query("registry", "only as this registry sees it"),
      ],
      responses: {
        "200": json("It may.", object({ status: oneOf("ready") })),
        "400": problem("No such registry."),
        "503": problem("Not yet; `detail` says why."),
        ...common,
      },
      security: [],
    },
  },
  "/v1/explain": {
    get: {
      summary: "Why an instance, a task or a service is registered, or is not.",
      parameters: [
        { ...query("of", "id of an instance or task (or its beginning), or name of a service"), required: true },
      ],
      responses: {
        "200": json("Its tasks, with time lines, reasons and remedies.", ref("Explanation")),
        "400": problem("`of` is missing."),
        "404": problem("Nothing is known of it."),
        ...common,
      },
    },
  },
  "/v1/services": {
    get: {
      summary: "Services, with how many instances are in which state.",
      responses: { "200": json("All.", object({ services: list(ref("Service")) })), ...common },
    },
  },
  "/v1/sources": {
    get: {
      summary: "The configured sources.",
      responses: { "200": json("All.", object({ sources: list(ref("Source")) })), ...common },
    },
  },
  "/v1/registries": {
    get: {
      summary: "The configured registries; one by scope (this node's, the cluster's) while this Muster leads.",
      responses: { "200": json("All.", object({ registries: list(ref("Registry")) })), ...common },
    },
  },
  "/v1/audit": {
    get: {
      summary: "The newest records of the audit log, oldest first.",
      parameters: [
        query("since", SINCE),
        query("service", "only of this service"),
        query("limit", "at most so many", { ...whole, minimum: 1, maximum: 10_000, default: 100 }),
      ],
      responses: {
        "200": json("Those that match.", object({ records: list(ref("AuditRecord")) })),
        "400": problem("`since` or `limit` can't be read."),
        "503": problem("The log is not open yet."),
        ...common,
      },
    },
  },
  "/v1/events": {
    get: {
      summary: "Changes as they happen: `event: instance` with an Instance, `event: registry` with a Registry as data.",
      responses: { "200": stream("Without end."), "503": problem("Too many streams."), ...common },
    },
  },
  "/v1/facts": {
    get: {
      summary: "A manager's swarm facts, for other Musters.",
      parameters: [query("node", "only what this node needs")],
      responses: {
        "200": stream("A listing, then what changes."),
        "401": problem("The swarm's secret is missing or wrong."),
        "404": problem("None are served."),
        "429": common["429"],
        "503": problem("This node is no manager."),
      },
      security: [{ swarm: [] }],
    },
  },
  "/v1/drain": {
    post: {
      summary: "Takes instances out of service while they go on running, or puts them back (`undo`).",
      requestBody: {
        required: true,
        content: { "application/json": { schema: { oneOf: [choice("id"), choice("service"), choice("node")] } } },
      },
      responses: {
        "200": json("The instances that were found.", object({ instances: list(text) })),
        "400": problem("Not understood."),
        "404": problem("No instance matches."),
        "413": problem("More than 64 KiB."),
        "415": problem("Not JSON."),
        ...common,
      },
    },
  },
  "/v1/resync": {
    post: {
      summary: "Asks all sources and registries for a full listing.",
      responses: { "202": json("Asked.", object({ status: oneOf("asked") })), ...common },
    },
  },
};
