import { describe, expect, it } from "vitest";
import { type Agent, createApi } from "../../src/http/api.ts";
import type { FactFeed } from "../../src/http/facts.ts";
import { runningTask, status, synced } from "../facts.ts";
import { createScene, silent } from "../reconciling.ts";

async function scene(options: { token?: string; feed?: FactFeed } = {}) {
  const made = createScene();
  const { world, reconciler, audited } = made;
  await made.say(
    ...runningTask("t1", { labels: { "muster.tags": "a,b", "muster.meta.zone": "z1" } }),
    ...runningTask("t2", { hostPort: 2, name: "api" }),
    status({ task: "t2", clock: 2, status: "paused" }),
    synced(),
  );
  await made.pass();
  let resyncs = 0;
  const agent: Agent = {
    scopes: () => [{ world, reconcilers: [reconciler] }],
    sources: () => world.sources(),
    audit: () => ({ query: async ({ limit }) => audited.slice(0, limit) as never }),
    metrics: async () => ({ text: "muster_up 1\n", contentType: "text/plain" }),
    unready: () => (reconciler.isReady ? [] : ["registry fake has had no clean pass"]),
    drain: async (ids, on) => world.drain(ids, on),
    resync: () => void resyncs++,
    subscribe: () => () => {},
    now: () => made.clock.now(),
    dryRun: false,
  };
  const app = createApi({
    agent,
    token: options.token === undefined ? null : async () => options.token ?? "",
    feed: options.feed ?? null,
    log: silent,
  });
  return {
    world,
    registry: made.registry,
    say: made.say,
    pass: made.pass,
    app,
    resyncs: () => resyncs,
    async json(path: string, init?: RequestInit) {
      const answer = await app.request(path, init);
      return {
        status: answer.status,
        type: answer.headers.get("content-type"),
        headers: answer.headers,
        body: (await answer.json()) as Record<string, unknown>,
      };
    },
  };
}

const post = (body: unknown, type = "application/json"): RequestInit => ({
  method: "POST",
  body: JSON.stringify(body),
  headers: { "content-type": type },
});

describe("instances", () => {
  it("gives the contract's record", async () => {
    const { json } = await scene();
    const { body } = await json("/v1/instances?service=web");
    expect(body).toEqual({
      instances: [
        {
          id: "t1:8080",
          service: "web",
          source: "docker",
          task: "t1",
          node: "n1",
          address: "10.0.0.1",
          port: 32768,
          protocol: "tcp",
          containerPort: 8080,
          servicePort: null,
          portName: null,
          state: "ready",
          health: "none",
          missing: [],
          version: null,
          image: "web:1",
          tags: ["a", "b"],
          meta: { zone: "z1" },
          routes: [],
          weight: null,
          notes: [],
          registries: {
            fake: { state: "registered", key: "fake:t1:8080", since: expect.stringMatching(/Z$/), error: null },
          },
        },
      ],
    });
  });

  it("filters by service, state and node", async () => {
    const { json } = await scene();
    const ids = async (query: string) =>
      ((await json(`/v1/instances?${query}`)).body["instances"] as { id: string }[]).map(({ id }) => id);
    expect(await ids("")).toEqual(["t1:8080", "t2:8080"]);
    expect(await ids("state=pending")).toEqual(["t2:8080"]);
    expect(await ids("state=ready&service=web&node=n1")).toEqual(["t1:8080"]);
    expect(await ids("node=elsewhere")).toEqual([]);
  });

  it("gives one with its time line", async () => {
    const { json } = await scene();
    const { body } = await json("/v1/instances/t1:8080");
    expect(body["id"]).toBe("t1:8080");
    expect((body["timeline"] as { kind: string }[]).map(({ kind }) => kind)).toEqual([
      "assigned",
      "addressed",
      "health",
      "status",
      "defined",
      "node",
      "state",
      "write",
    ]);
  });

  it("shows a service name that two apps use by accident", async () => {
    const made = await scene();
    await made.say(
      ...runningTask("t3", { hostPort: 3 }).map((fact) =>
        fact.kind === "defined" ? { ...fact, app: "compose:other/web" } : fact,
      ),
    );
    const { body } = await made.json("/v1/instances?service=web");
    expect((body["instances"] as { notes: string[] }[])[0]?.notes.join()).toContain(
      "used by several apps (compose:other/web, image:web)",
    );
    const { body: services } = await made.json("/v1/services");
    expect(services["services"]).toMatchObject([
      { service: "api", collision: [] },
      { service: "web", instances: 2, ready: 2, collision: ["compose:other/web", "image:web"] },
    ]);
  });
});

describe("the rest of the API", () => {
  it("gives sources, registries and audit records under their names", async () => {
    const { json } = await scene();
    expect((await json("/v1/sources")).body).toMatchObject({ sources: [{ name: "docker", synced: true }] });
    expect((await json("/v1/registries")).body).toMatchObject({
      registries: [{ name: "fake", state: "synced", registered: 1, pending: 0, failed: 0 }],
    });
    expect((await json("/v1/audit?limit=1")).body).toMatchObject({ records: [{ action: "register" }] });
  });

  it("is alive at once and ready when it is", async () => {
    const { json, app } = await scene();
    expect((await json("/healthz")).status).toBe(200);
    expect((await json("/readyz")).status).toBe(200);
    expect(await (await app.request("/metrics")).text()).toContain("muster_up 1");
    const fresh = createScene();
    const starting = createApi({
      agent: {
        ...({} as Agent),
        scopes: () => [{ world: fresh.world, reconcilers: [] }],
        unready: () => ["source docker has not listed yet"],
      },
      token: null,
      feed: null,
      log: silent,
    });
    const answer = await starting.request("/readyz");
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ status: 503, reasons: ["source docker has not listed yet"] });
  });

  it.each([
    ["/v1/instances?state=happy", 400, "state: expected pending, ready, draining"],
    ["/v1/instances/nobody", 404, "no such instance"],
    ["/v1/audit?limit=0", 400, "limit: expected"],
    ["/v1/audit?since=yesterday", 400, "since: expected"],
    ["/v1/audit?since=5", 400, "since: expected"],
    ["/v1/nothing", 404, "there is no GET /v1/nothing"],
    ["/v1/drain", 405, "/v1/drain takes POST only, not GET"],
  ])("answers %s with a problem", async (path, code, detail) => {
    const { json } = await scene();
    const { status: got, type, body } = await json(path);
    expect(got).toBe(code);
    expect(type).toBe("application/problem+json");
    expect(body["detail"]).toContain(detail);
  });

  it.each([
    ["PUT", "/v1/instances/t1:8080", "GET"],
    ["DELETE", "/v1/resync", "POST"],
  ])("says which methods there are in place of %s %s", async (method, path, allowed) => {
    const { json } = await scene();
    const { status, headers } = await json(path, { method });
    expect(status).toBe(405);
    expect(headers.get("allow")).toBe(allowed);
  });
});

describe("drain and resync", () => {
  it("drains by service, and puts back", async () => {
    const made = await scene();
    expect((await made.json("/v1/drain", post({ service: "web" }))).body).toEqual({ instances: ["t1:8080"] });
    await made.say();
    await made.pass();
    expect([...made.registry.entries.keys()]).toEqual([]);
    expect(made.world.instance("t1:8080")?.state).toBe("draining");
    await made.json("/v1/drain", post({ id: "t1:8080", undo: true }));
    await made.say();
    await made.pass();
    expect([...made.registry.entries.keys()]).toEqual(["fake:t1:8080"]);
  });

  it("asks for a resync", async () => {
    const { json, resyncs } = await scene();
    expect((await json("/v1/resync", { method: "POST" })).status).toBe(202);
    expect(resyncs()).toBe(1);
  });

  it.each([
    ["nothing", post({}), 400],
    ["an unknown key", post({ id: "t1:8080", force: true }), 400],
    ["an unknown service", post({ service: "nobody" }), 404],
    ["a form of a web page", post({ service: "web" }, "text/plain"), 415],
    ["too large a body", post({ service: "x".repeat(100_000) }), 413],
  ])("refuses %s", async (_what, init, code) => {
    const { json } = await scene();
    expect((await json("/v1/drain", init)).status).toBe(code);
  });
});

describe("who may ask", () => {
  it("wants the token everywhere but at the probes", async () => {
    const { app } = await scene({ token: "s3cret" });
    const ask = async (path: string, authorization?: string) =>
      (await app.request(path, authorization === undefined ? {} : { headers: { authorization } })).status;
    expect(await ask("/healthz")).toBe(200);
    expect(await ask("/readyz")).toBe(200);
    expect(await ask("/v1/instances")).toBe(401);
    expect(await ask("/metrics")).toBe(401);
    expect(await ask("/v1/instances", "Bearer wrong")).toBe(401);
    expect(await ask("/v1/instances", "Bearer s3cret")).toBe(200);
  });

  it("lets nobody in with an empty token", async () => {
    const { app } = await scene({ token: "" });
    expect((await app.request("/v1/instances", { headers: { authorization: "Bearer " } })).status).toBe(401);
  });

  it("answers no foreign name on loopback (DNS rebinding)", async () => {
    const { app } = await scene();
    expect((await app.request("http://evil.example/v1/instances")).status).toBe(403);
    expect((await app.request("http://evil.example/healthz")).status).toBe(200);
    expect((await app.request("http://127.0.0.1:8590/v1/instances")).status).toBe(200);
    expect((await app.request("http://[::1]:8590/v1/instances")).status).toBe(200);
  });
});

describe("a manager's facts", () => {
  const feed: FactFeed = {
    secret: async () => "shared",
    facts: (node) =>
      node === "worker"
        ? null
        : (async function* () {
            yield status({ task: node ?? "any" });
          })(),
  };
  const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

  it("come as a stream, behind the swarm's own secret", async () => {
    const { app } = await scene({ token: "api", feed });
    const answer = await app.request("/v1/facts?node=n1", bearer("shared"));
    expect(answer.headers.get("content-type")).toMatch(/^text\/event-stream/);
    const lines = (await answer.text()).split("\n").filter((line) => line.startsWith("data: "));
    expect(lines.map((line) => JSON.parse(line.slice(6)))).toEqual([status({ task: "n1" })]);
  });

  it("are not opened by the API's token, nor does their secret open anything else", async () => {
    const { app } = await scene({ token: "api", feed });
    expect((await app.request("/v1/facts", bearer("api"))).status).toBe(401);
    expect((await app.request("/v1/facts")).status).toBe(401);
    expect((await app.request("/v1/instances", bearer("shared"))).status).toBe(401);
  });

  it("are refused in words where there are none", async () => {
    const { json } = await scene({ feed });
    expect(await json("/v1/facts?node=worker", bearer("shared"))).toMatchObject({ status: 503 });
    expect(await (await scene()).json("/v1/facts", bearer("shared"))).toMatchObject({ status: 404 });
  });
});
