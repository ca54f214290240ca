/** The showcase's scripts, done by themselves (facts/vulcand.md §7), on each version; nodes that come, share and die. */
import { describe, expect, it } from "vitest";
import { DIALECTS } from "../fakes/vulcand/dialect.ts";
import { until } from "../lab/wait.ts";
import { scene, web } from "./vulcand-scene.ts";

const OK = { ok: true };
const SOON = { timeoutMs: 5000, everyMs: 5 };

describe.each(DIALECTS)("on %s", (dialect) => {
  const vulcand = scene(dialect);
  const asked = { host: "web.service.consul", path: "/any/where" };

  it("what register-service.sh and register-instance.sh write is there, and all undone when the service goes", async () => {
    const registry = vulcand.open("n1", { listen: "0.0.0.0" });
    expect(vulcand.fake.proxy(asked).status).toBe(404);

    expect(await vulcand.pass(registry, [web(1), web(2)])).toEqual(Array.from({ length: 6 }, () => OK));
    expect(vulcand.keys()).toEqual([
      "backends/muster:default:web:/backend",
      "backends/muster:default:web:/servers/muster:default:n1:docker:task1:80:4b50e4e1.ee1cc2fd:",
      "backends/muster:default:web:/servers/muster:default:n1:docker:task2:80:4b50e4e1.ee1cc2fd:",
      "frontends/muster:default:web:web.service.consul:~2f:/frontend",
      "hosts/web.service.consul/host",
      "listeners/muster:default:web:10000:",
    ]);
    const writes = vulcand.fake.writes().map(({ path }) => path.split("/").at(-1));
    expect(writes).toEqual(["hosts", "backends", "listeners", "frontends", "servers", "servers"]);
    const answers = [vulcand.fake.proxy(asked), vulcand.fake.proxy(asked)].map(({ server }) => server);
    expect(new Set(answers)).toEqual(new Set(["http://10.0.0.1:10001", "http://10.0.0.1:10002"]));
    const listener = JSON.parse(vulcand.fake.store.get("listeners/muster:default:web:10000:") ?? "");
    expect(listener.Address).toEqual({ Network: "tcp", Address: "0.0.0.0:10000" });

    await vulcand.pass(registry, []);
    expect(vulcand.keys()).toEqual([]);
    const deletions = vulcand.fake.writes().filter(({ method }) => method === "DELETE");
    expect(deletions.map(({ path }) => path.split("/").at(-2))).toEqual([
      ...["servers", "servers", "frontends", "listeners", "backends", "hosts"],
    ]);
  });

  it("the service without instances keeps its route: 503 (500 on the beta), not 404", async () => {
    const registry = vulcand.open();
    await vulcand.pass(registry, [web(1)]);
    const entry = (await registry.list(AbortSignal.timeout(1000))).find(({ rank }) => rank === 0);
    if (entry === undefined) throw new Error("no server");
    const removal = { op: "deregister", key: entry.key, before: entry, after: null } as const;
    expect(await registry.apply([removal], AbortSignal.timeout(1000))).toEqual([OK]);
    expect(vulcand.fake.proxy(asked).status).toBe(dialect === "0.8.0-beta.3-etcd2" ? 500 : 503);
  });

  it("one changed instance makes exactly one write, and nothing changed none", async () => {
    const registry = vulcand.open();
    await vulcand.pass(registry, [web(1), web(2)]);
    const before = vulcand.fake.writes().length;
    await vulcand.pass(registry, [web(1), web(2)]);
    expect(vulcand.fake.writes().length).toBe(before);
    await vulcand.pass(registry, [web(1), web(2, { port: 20_000 })]);
    expect(vulcand.fake.writes().length).toBe(before + 1);
  });

  it("two nodes of a cluster share host, backend and frontend; the last one removes them", async () => {
    const [one, two] = [vulcand.open("n1"), vulcand.open("n2")];
    await vulcand.pass(one, [web(1)]);
    expect(await vulcand.pass(two, [web(2)])).toEqual([OK]);
    const shared = (await two.list(AbortSignal.timeout(1000))).filter(({ instance }) => instance === null);
    expect(shared.map(({ inUse }) => inUse)).toEqual([true, true, true]);

    expect(await vulcand.pass(one, [])).toEqual([OK]);
    expect(vulcand.fake.proxy(asked)).toMatchObject({ status: 200, server: "http://10.0.0.1:10002" });
    await vulcand.pass(two, []);
    expect(vulcand.keys()).toEqual([]);
  });

  it("what came after the listing is seen: a shared object that another node needs by now is not removed", async () => {
    const [one, two] = [vulcand.open("n1"), vulcand.open("n2")];
    await vulcand.pass(one, [web(1)]);
    const entries = await one.list(AbortSignal.timeout(1000));
    await vulcand.pass(two, [web(2)]);
    const removal = [...entries]
      .sort((a, b) => b.rank - a.rank)
      .map((before) => ({ op: "deregister", key: before.key, before, after: null }) as const);
    const [server, frontend, backend, host] = await one.apply(removal, AbortSignal.timeout(2000));
    expect(server).toEqual(OK);
    expect(frontend).toMatchObject({
      ok: false,
      retry: false,
      error: expect.stringContaining("still used by 1 server"),
    });
    expect(backend).toMatchObject({
      ok: false,
      retry: false,
      error: expect.stringContaining("still used by 1 server"),
    });
    expect(host).toMatchObject({ ok: false, retry: false, error: expect.stringContaining("still used by frontend") });
    expect(vulcand.fake.proxy(asked).status).toBe(200);
  });

  it("a route that the labels no longer ask for goes, though the service still runs", async () => {
    const registry = vulcand.open();
    await vulcand.pass(registry, [web(1)]);
    await vulcand.pass(registry, [web(1, { routes: [] })]);
    expect(vulcand.fake.proxy(asked).status).toBe(404);
    expect(vulcand.keys().map((key) => key.split("/")[0])).toEqual(["backends", "backends"]);
  });

  it("a node that dies takes its servers along, and only those", async () => {
    const [dying, living] = [vulcand.open("n1"), vulcand.open("n2")];
    await vulcand.pass(dying, [web(1)]);
    await vulcand.pass(living, [web(2)]);
    await dying[Symbol.asyncDispose]();
    for (let third = 0; third < 4; third += 1) {
      const before = vulcand.fake.writes().length;
      await vulcand.clock.advance(10_000);
      await until(() => vulcand.fake.writes().length > before, { ...SOON, what: "a heart-beat" });
      await until(() => vulcand.fake.etcd.waiting === 0, { ...SOON, what: "its end" });
    }
    const servers = vulcand.keys().filter((key) => key.includes("/servers/"));
    expect(servers).toHaveLength(1);
    expect(servers[0]).toContain(":n2:");
    expect(vulcand.fake.proxy(asked)).toMatchObject({ status: 200, server: "http://10.0.0.1:10002" });
  });

  it("after a restart of Muster what still runs is found, kept alive, and known by its task", async () => {
    const first = vulcand.open();
    await vulcand.pass(first, [web(1), web(2)]);
    await first[Symbol.asyncDispose]();
    const second = vulcand.open();
    const found = await second.list(AbortSignal.timeout(1000));
    const instances = found.filter(({ instance }) => instance !== null);
    expect(instances.map(({ instance, task, source }) => [instance, task, source])).toEqual([
      ["task1:80", "task1", "docker"],
      ["task2:80", "task2", "docker"],
    ]);
    const before = vulcand.fake.writes().length;
    await vulcand.clock.advance(1000);
    await until(() => vulcand.fake.writes().length === before + 2, { ...SOON, what: "the first heart-beats" });
  });
});
