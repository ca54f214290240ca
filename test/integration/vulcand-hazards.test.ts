/** The other hazards of facts/vulcand.md §5, by number, and what time-outs and a missing etcd do. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Registry } from "../../src/model.ts";
import { DIALECTS } from "../fakes/vulcand/dialect.ts";
import { until } from "../lab/wait.ts";
import { changesFor, route, scene, web } from "./vulcand-scene.ts";

const SOON = { timeoutMs: 5000, everyMs: 5 };
const SERVERS = /\/servers\//;

describe.each(DIALECTS)("on %s", (dialect) => {
  const vulcand = scene(dialect);
  const asked = { host: "web.service.consul", path: "/" };
  let told: number;
  let watching: AbortController;

  beforeEach(() => {
    told = 0;
    watching = new AbortController();
  });
  afterEach(() => watching.abort());

  /** Counts how often the registry asks to be listed. */
  function watch(registry: Registry): void {
    void (async () => {
      for await (const _ of registry.returns?.(watching.signal) ?? []) told += 1;
    })();
  }

  async function beat(): Promise<void> {
    const before = vulcand.fake.calls.length;
    await vulcand.clock.advance(10_000);
    await until(() => vulcand.fake.calls.length > before, { ...SOON, what: "a heart-beat" });
  }

  it.each([
    ["port 0", { port: 0 }],
    ["a port beyond 65535", { port: 70_000 }],
    ["an address that is a path", { address: "/just/path" }],
    ["an address with a user", { address: "a@b" }],
    ["every address", { address: "0.0.0.0" }],
    ["a path with a query", { routes: [route("a.example", "/x?y")] }],
    ["a path with a quote in it, unless it is encoded", { routes: [route("a.example", "/x y")] }],
    ["a host that would end the literal", { routes: [route('a") && Path("/')] }],
    ["a host with a port", { routes: [route("a.example:80")] }],
  ])("hazard 2: %s is refused before it is sent", (_, changes) => {
    const registry = vulcand.open();
    expect(() => registry.project(web(1, changes))).toThrow(/^vulcand: "task1:80": \P{Cc}+$/u);
  });

  it("hazard 2: odd characters of a path match only themselves", async () => {
    const registry = vulcand.open();
    const path = '/a.b`c"d\\e$(f)|g*';
    await vulcand.pass(registry, [web(1, { routes: [route("web.service.consul", path)] })]);
    expect(vulcand.fake.proxy({ ...asked, path }).status).toBe(200);
    expect(vulcand.fake.proxy({ ...asked, path: `${path}/h` }).status).toBe(200);
    for (const other of ["/aXb", "/", path.replace(".", "x"), `/x${path}`]) {
      expect(vulcand.fake.proxy({ ...asked, path: other }).status).toBe(404);
    }
  });

  it("hazard 3: no server is written before its backend, and one that lost it asks for another listing", async () => {
    const registry = vulcand.open();
    const changes = changesFor(registry, [web(1)], []);
    const server = changes.filter(({ after }) => after?.rank === 0);
    const [outcome] = await registry.apply(server, AbortSignal.timeout(2000));
    expect(outcome).toMatchObject({ ok: false, retry: true, ambiguous: true });
    expect(outcome).toMatchObject({ error: expect.stringContaining("its backend is gone") });
    expect(vulcand.keys()).toEqual([]);
  });

  it("hazard 3: a heart-beat that finds its backend gone makes the registry be listed again", async () => {
    const registry = vulcand.open();
    await vulcand.pass(registry, [web(1)]);
    watch(registry);
    vulcand.fake.store.remove("backends/muster:default:web:");
    await beat();
    await until(() => told > 0, { ...SOON, what: "news" });
    expect(vulcand.keys()).not.toContainEqual(expect.stringMatching(SERVERS));
    expect(await vulcand.pass(registry, [web(1)])).not.toContainEqual(expect.objectContaining({ ok: false }));
    expect(vulcand.fake.proxy(asked).status).toBe(200);
  });

  it("hazard 5: a task that replaces another on its host and port is served all the time", async () => {
    const registry = vulcand.open();
    await vulcand.pass(registry, [web(1)]);
    await vulcand.pass(registry, [web(1, { id: "new:80", task: "new" })]);
    expect(vulcand.keys().filter((key) => SERVERS.test(key))).toHaveLength(1);
    expect(vulcand.fake.proxy(asked).server).toBe("http://10.0.0.1:10001");
  });

  it("hazard 6: what timed out while etcd was frozen lands later, and is put right by the next passes", async () => {
    const registry = vulcand.open("n1", { timeout: 300 });
    await vulcand.pass(registry, [web(1)]);
    const before = await registry.list(AbortSignal.timeout(1000));
    vulcand.fake.etcd.freeze();
    const [outcome] = await registry.apply(changesFor(registry, [web(1), web(2)], before), AbortSignal.timeout(2000));
    expect(outcome).toMatchObject({ ok: false, retry: true, ambiguous: true });
    vulcand.fake.etcd.resume();
    expect(vulcand.keys().filter((key) => SERVERS.test(key))).toHaveLength(2);
    await vulcand.pass(registry, [web(1)]);
    expect(vulcand.keys().filter((key) => SERVERS.test(key))).toHaveLength(1);
  });

  it("hazard 6: with etcd down every write is worth another try, whatever status says so", async () => {
    const registry = vulcand.open("n1", { timeout: 300 });
    const changes = changesFor(registry, [web(1)], await registry.list(AbortSignal.timeout(1000)));
    vulcand.fake.etcd.stop();
    const outcomes = await registry.apply(changes, AbortSignal.timeout(5000));
    expect(outcomes).toHaveLength(4);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: false, retry: true });
    await expect(registry.list(AbortSignal.timeout(5000))).rejects.toThrow(/^vulcand: list: /);
  });

  it("hazard 6: once heart-beats reach etcd again the registry is listed", async () => {
    const registry = vulcand.open("n1", { timeout: 300 });
    await vulcand.pass(registry, [web(1)]);
    watch(registry);
    vulcand.fake.fault = ({ method }) =>
      method === "POST" ? { kind: "status", status: 500, message: "etcdserver: no leader" } : undefined;
    await beat();
    vulcand.fake.fault = () => undefined;
    await until(async () => void (await vulcand.clock.advance(10_000)) === undefined && told > 0, {
      ...SOON,
      what: "news",
    });
  });

  it("a heart-beat under way does not bring back what is deregistered", async () => {
    const registry = vulcand.open();
    await vulcand.pass(registry, [web(1), web(2)]);
    const entries = await registry.list(AbortSignal.timeout(1000));
    const before = entries.find(({ task }) => task === "task1");
    if (before === undefined) throw new Error("no server");
    // The beat is done at once, and answered late: it is on its way while the deletion is asked for.
    vulcand.fake.fault = ({ method, body }) =>
      method === "POST" && body.includes("task1") ? { kind: "slow", ms: 50 } : undefined;
    const calls = vulcand.fake.calls.length;
    await vulcand.clock.advance(10_000);
    const removal = { op: "deregister", key: before.key, before, after: null } as const;
    expect(await registry.apply([removal], AbortSignal.timeout(5000))).toEqual([{ ok: true }]);
    const seen = vulcand.fake.calls.slice(calls).filter(({ path, body }) => /task1/.test(path + body));
    expect(seen.map(({ method }) => method)).toEqual(["POST", "DELETE"]);
    await vulcand.clock.advance(60_000);
    expect(vulcand.keys()).not.toContain(before.key);
    expect(vulcand.fake.calls.slice(calls).filter(({ body }) => body.includes("task1"))).toHaveLength(1);
  });

  it("a deletion that fails leaves no heart-beat: the server runs out by itself", async () => {
    const registry = vulcand.open();
    await vulcand.pass(registry, [web(1)]);
    vulcand.fake.fault = ({ method }) =>
      method === "DELETE" ? { kind: "status", status: 500, message: "not today" } : undefined;
    const [outcome] = await vulcand.pass(registry, []);
    expect(outcome).toMatchObject({ ok: false, retry: true });
    await registry.list(AbortSignal.timeout(1000));
    await vulcand.clock.advance(30_001);
    expect(vulcand.keys()).not.toContainEqual(expect.stringMatching(SERVERS));
  });

  it("hazard 7: ids of any letters are written, read and deleted, and hold no slash", async () => {
    const registry = vulcand.open("AB:CD/é");
    const odd = web(1, { id: "a/b c:d", task: "a/b c", source: "dö%2F", routes: [route("a.example", "/%2f/b")] });
    expect(await vulcand.pass(registry, [odd])).not.toContainEqual(expect.objectContaining({ ok: false }));
    expect(await vulcand.pass(registry, [odd])).toEqual([]);
    await vulcand.pass(registry, []);
    expect(vulcand.keys()).toEqual([]);
  });

  it("hazard 10: Vulcand itself refuses a backend that a stranger's frontend uses, and that is no outage", async () => {
    const registry = vulcand.open();
    await vulcand.pass(registry, [web(1)]);
    const BackendId = "muster:default:web:";
    await vulcand.post("frontends", { Frontend: { Id: "theirs", Type: "http", BackendId, Route: 'Path("/t")' } });
    const failures = (await vulcand.pass(registry, [])).filter(({ ok }) => !ok);
    expect(failures).toEqual([
      {
        ok: false,
        retry: false,
        ambiguous: false,
        error: expect.stringContaining("still used by frontends that were not"),
      },
    ]);
  });

  it("hazard 12: instances get the client's Host on every version", async () => {
    const registry = vulcand.open();
    await vulcand.pass(registry, [web(1)]);
    expect(vulcand.fake.proxy(asked).host).toBe("web.service.consul");
  });

  it("hazards 9 and 11 need nothing of an adapter: the proxy follows, and says 404 only where there is no route", async () => {
    const registry = vulcand.open();
    expect(vulcand.fake.proxy(asked).status).toBe(404);
    await vulcand.pass(registry, [web(1)]);
    expect(vulcand.fake.proxy(asked).status).toBe(200);
  });
});
