/** `/openapi.json` against real answers: every path, every status that can be had, with no key that it does not name. */
import { Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createApi } from "../../src/http/api.ts";
import { openApi } from "../../src/http/openapi.ts";
import { type Muster, startMuster } from "../e2e/muster.ts";
import { type FakeKong, startFakeKong } from "../fakes/kong/kong.ts";
import { until } from "../lab/wait.ts";
import { silent } from "../reconciling.ts";

const document = openApi();

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    path,
    method,
    operation: operation as unknown as Operation,
  })),
);

/** A schema that takes no key beyond those that it names: what is not described must not be answered. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== "object" || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]));
  const isOpen = "properties" in schema && !("additionalProperties" in schema);
  return isOpen ? { ...inner, additionalProperties: false } : inner;
}

const ajv = new Ajv2020({
  ...{ strict: true, allErrors: true, allowUnionTypes: true },
  formats: { "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/ },
  keywords: ["components"],
});
ajv.addSchema({ $id: "api", components: closed(document.components) as object });

function complaints(schema: object, body: unknown): readonly string[] {
  const text = JSON.stringify(closed(schema)).replaceAll('"#/components', '"api#/components');
  const validate = ajv.compile(JSON.parse(text) as object);
  return validate(body)
    ? []
    : (validate.errors ?? []).map(
        ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
      );
}

let kong: FakeKong;
let muster: Muster;
let instance = "";
beforeAll(async () => {
  kong = await startFakeKong();
  muster = await startMuster(`
node: { id: n1, address: 10.0.0.1 }
sources:
  static:
    instances:
      - { service: web, address: 10.0.0.1, port: 8080, labels: { muster.route.host: shop.example, muster.tags: a } }
      - { service: web, address: 10.0.0.1, port: 8081 }
      - { service: udp, address: 10.0.0.1, port: 53, labels: { muster.bogus: x } }
registries:
  kong: { url: "${kong.url}" }
  consul: { url: "http://127.0.0.1:1" }
`);
  await until(
    async () => (await muster.instances()).some(({ registries }) => registries["kong"]?.state === "registered"),
    {
      timeoutMs: 20_000,
      what: "the registration",
    },
  );
  instance = (await muster.instances("?service=web"))[0]?.id ?? "";
  await post("/v1/drain", { id: (await muster.instances("?service=web"))[1]?.id });
});
afterAll(async () => {
  await muster?.[Symbol.asyncDispose]();
  await kong?.[Symbol.asyncDispose]();
});

async function post(path: string, body: unknown, type = "application/json"): Promise<Response> {
  return await fetch(muster.url + path, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": type },
  });
}

/** What the document says of an answer, and the answer. */
async function hold(path: string, answer: Response): Promise<readonly string[]> {
  const method = operations.filter((one) => one.path === path);
  const found = method.flatMap(({ operation }) => operation.responses[String(answer.status)] ?? []);
  const [described] = found;
  if (described === undefined) return [`${path}: ${answer.status} is not described`];
  const type = (answer.headers.get("content-type") ?? "").split(";")[0] ?? "";
  const content = described.content?.[type];
  if (content === undefined) return [`${path}: ${answer.status} is ${type}, and not described so`];
  if (!/json$/.test(type)) return [];
  return complaints(content.schema, await answer.json());
}

/** The last data of each event, as soon as there is one of each kind. */
async function readEvents(stream: Response, kinds: readonly string[]): Promise<ReadonlyMap<string, unknown>> {
  const seen = new Map<string, unknown>();
  let text = "";
  for await (const chunk of stream.body ?? []) {
    text += Buffer.from(chunk).toString("utf8");
    for (const [, event = "", data = ""] of text.matchAll(/^event: (\w+)\ndata: (.*)\n\n/gm)) {
      seen.set(event, JSON.parse(data));
    }
    if (kinds.every((kind) => seen.has(kind))) break;
  }
  return seen;
}

describe("the document", () => {
  it("has every path that the API has, and no other", () => {
    const app = createApi({ agent: {} as never, token: null, feed: null, log: silent });
    const routes = app.routes
      .filter(({ method, path }) => method !== "ALL" && !path.startsWith("/page/"))
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
    const described = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    expect(new Set(routes)).toEqual(new Set(described));
  });

  it("refers to nothing that is not there, and names nothing that nobody refers to", () => {
    const text = JSON.stringify(document);
    const referred = new Set([...text.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name]) => name));
    expect(referred).toEqual(new Set(Object.keys(document.components.schemas)));
  });

  it("is served as it is", async () => {
    expect(await (await fetch(`${muster.url}/openapi.json`)).json()).toEqual(JSON.parse(JSON.stringify(document)));
  });
});

describe("real answers", () => {
  it.each([
    ["/healthz", "/healthz", 200],
    ["/readyz", "/readyz", 503],
    ["/metrics", "/metrics", 200],
    ["/openapi.json", "/openapi.json", 200],
    ["/v1/instances", "/v1/instances", 200],
    ["/v1/instances", "/v1/instances?state=draining", 200],
    ["/v1/instances", "/v1/instances?state=happy", 400],
    ["/v1/instances/{id}", "/v1/instances/:instance", 200],
    ["/v1/instances/{id}", "/v1/instances/nobody", 404],
    ["/v1/instances/{id}/ready", "/v1/instances/:instance/ready?registry=kong", 200],
    ["/v1/instances/{id}/ready", "/v1/instances/nobody/ready", 503],
    ["/v1/instances/{id}/ready", "/v1/instances/:instance/ready?registry=zk", 400],
    ["/v1/explain", "/v1/explain?of=web", 200],
    ["/v1/explain", "/v1/explain", 400],
    ["/v1/explain", "/v1/explain?of=nobody", 404],
    ["/v1/services", "/v1/services", 200],
    ["/v1/sources", "/v1/sources", 200],
    ["/v1/registries", "/v1/registries", 200],
    ["/v1/audit", "/v1/audit?since=1h", 200],
    ["/v1/audit", "/v1/audit?limit=0", 400],
    ["/v1/facts", "/v1/facts", 404],
  ])("%s: GET %s is as described", async (path, asked, status) => {
    const answer = await fetch(muster.url + asked.replace(":instance", encodeURIComponent(instance)));
    expect(answer.status).toBe(status);
    expect(await hold(path, answer)).toEqual([]);
  });

  it.each([
    [200, "/v1/drain", "a service", { service: "udp" }, "application/json"],
    [400, "/v1/drain", "an unknown key", { force: true }, "application/json"],
    [404, "/v1/drain", "an unknown service", { service: "nobody" }, "application/json"],
    [413, "/v1/drain", "too large a body", { service: "x".repeat(70_000) }, "application/json"],
    [415, "/v1/drain", "a form", { service: "web" }, "text/plain"],
    [202, "/v1/resync", "nothing", {}, "application/json"],
  ])("%i of POST %s with %s is as described", async (status, path, _what, body, type) => {
    const answer = await post(path, body, type);
    expect(answer.status).toBe(status);
    expect(await hold(path, answer)).toEqual([]);
  });

  it("has seen entries of all kinds: drained, with writes and reasons", async () => {
    const text = await (await fetch(`${muster.url}/v1/explain?of=web`)).text();
    for (const key of ['"leaving":[{', '"write":{', '"reasons":[{']) expect(text).toContain(key);
  });

  it("events are instances and registries as described", async () => {
    const stop = new AbortController();
    const stream = await fetch(`${muster.url}/v1/events`, { signal: stop.signal });
    expect(await hold("/v1/events", stream)).toEqual([]);
    const reading = readEvents(stream, ["instance", "registry"]);
    await post("/v1/drain", { service: "web" });
    kong.fault(({ method }) => (method === "GET" ? { kind: "status", status: 503 } : null));
    await post("/v1/resync", {});
    const seen = await reading;
    stop.abort();
    kong.fault(null);
    expect(complaints({ $ref: "#/components/schemas/Instance" }, seen.get("instance"))).toEqual([]);
    expect(complaints({ $ref: "#/components/schemas/Registry" }, seen.get("registry"))).toEqual([]);
  });

  it("the check can fail: a key too many, a key that lacks, a wrong type", () => {
    const source = { name: "a", state: "connected", synced: true, lastSynced: null, facts: 1, error: null };
    const schema = { $ref: "#/components/schemas/Source" };
    expect(complaints(schema, source)).toEqual([]);
    expect(complaints(schema, { ...source, secret: "x" })).toHaveLength(1);
    expect(complaints(schema, { ...source, facts: "1" })).toHaveLength(1);
    const { error: _error, ...lacking } = source;
    expect(complaints(schema, lacking)).toHaveLength(1);
  });
});
