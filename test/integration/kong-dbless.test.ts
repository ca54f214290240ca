/** The Kong adapter on Kongs without a database: a base file of the operator's, and our part, posted to every node. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { KongOptions } from "../../adapters/registries/kong/options.ts";
import type { Registry } from "../../src/model.ts";
import { instance } from "../conformance/registry/fleet.ts";
import type { Owner } from "../conformance/registry.ts";
import { type FakeKong, startFakeKong } from "../fakes/kong/kong.ts";
import { serve, targetsServed } from "../fakes/kong/serving.ts";
import { until } from "../lab/wait.ts";
import { ask, OWNER, openRegistry } from "./kong-harness.ts";
import { byText, converge, failures, keysOf, NEVER, pass, ROUTES, TWO } from "./kong-scene.ts";

const BASE = `
_format_version: "3.0"
services:
  - name: theirs
    host: theirs.example
    routes: [{ name: theirs-route, paths: [/theirs] }]
upstreams:
  - name: their-upstream
    targets: [{ target: "10.9.9.9:80" }]
`;

let folder: string;
let base: string;
let kongs: readonly [FakeKong, FakeKong];
let opened: Registry[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-kong-"));
  base = join(folder, "base.yaml");
  await writeFile(base, BASE);
  kongs = [await startFakeKong({ dbless: true }), await startFakeKong({ dbless: true })];
  opened = [];
});
afterEach(async () => {
  for (const each of [...opened, ...kongs]) await each[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function open(owner: Owner = OWNER, options: Partial<KongOptions> = {}): Registry {
  const registry = openRegistry(kongs[0].url, owner, {
    urls: kongs.map(({ url }) => url),
    dbless: { base },
    timeout: 1000,
    ...options,
  });
  opened.push(registry);
  return registry;
}

describe("Kong without a database", () => {
  it("every node has the base file and our part, with one request each", async () => {
    const registry = open();

    await converge(registry, [instance(1, { routes: ROUTES }), instance(2, { routes: ROUTES })]);

    for (const kong of kongs) {
      expect(serve(kong.world, { host: "shop.example", path: "/cart" })?.targets).toEqual([
        "10.0.0.1:10001",
        "10.0.0.1:10002",
      ]);
      expect(serve(kong.world, { host: "x", path: "/theirs" })?.targets).toEqual(["theirs.example"]);
      expect(targetsServed(kong.world, "their-upstream")).toEqual(["10.9.9.9:80"]);
      expect(kong.writes().map(({ path }) => path)).toEqual(["/config?check_hash=1&flatten_errors=1"]);
    }
  });

  it("an idle pass posts nothing, and what was done already is answered 304", async () => {
    const registry = open();
    const wanted = [instance(1, { routes: ROUTES })];
    const creation = wanted
      .flatMap((each) => registry.project(each))
      .map((after) => ({ op: "register", key: after.key, before: null, after }) as const);
    await registry.apply(creation, NEVER);
    const loaded = kongs.map(({ world }) => world.config);
    for (const kong of kongs) kong.forget();

    await converge(registry, wanted);
    expect(kongs.flatMap((kong) => kong.writes())).toEqual([]);

    expect(await registry.apply(creation, NEVER)).toEqual(creation.map(() => ({ ok: true })));
    expect(kongs.map(({ world }) => world.config)).toEqual(loaded);
  });

  it("drains by weight 0, and takes all of ours away at the end", async () => {
    const registry = open();
    await converge(registry, [instance(1), instance(2)]);
    await converge(registry, [instance(1, { state: "draining" }), instance(2)]);
    expect(kongs.map(({ world }) => targetsServed(world, "web"))).toEqual([["10.0.0.1:10002"], ["10.0.0.1:10002"]]);

    await converge(registry, []);

    expect(await registry.list(NEVER)).toEqual([]);
    expect(targetsServed(kongs[1].world, "their-upstream")).toEqual(["10.9.9.9:80"]);
  });

  it("a node that was restarted empty gets everything again", async () => {
    const registry = open();
    const wanted = [instance(1, { routes: ROUTES })];
    await converge(registry, wanted);
    for (const rows of Object.values(kongs[1].world.store)) rows.clear();
    kongs[1].world.config = { text: "", hash: "0".repeat(32) };

    await converge(registry, wanted);

    expect(targetsServed(kongs[1].world, "web")).toEqual(["10.0.0.1:10001"]);
    expect(serve(kongs[1].world, { host: "x", path: "/theirs" })?.route).toBe("theirs-route");
  });

  it("a node that is away holds up no other: the change is made there and stays to be tried", async () => {
    const registry = open();
    await converge(registry, [instance(1)]);
    kongs[0].fault(() => ({ kind: "reset" }));

    const { outcomes } = await pass(registry, [instance(1), instance(2)]);

    expect(outcomes).toMatchObject([{ ok: false, retry: true, isolated: true }]);
    expect(targetsServed(kongs[1].world, "web")).toHaveLength(2);
    kongs[0].fault(null);
    await converge(registry, [instance(1), instance(2)]);
    expect(targetsServed(kongs[0].world, "web")).toHaveLength(2);
  });

  it("the return of a node is noticed without asking", async () => {
    const stop = new AbortController();
    let returned = 0;
    const watching = (async () => {
      for await (const _ of open().returns?.(stop.signal) ?? []) returned += 1;
    })();
    const connected = (kong: FakeKong) => kong.sockets().length === 1;
    await until(() => kongs.every(connected), { timeoutMs: 5000, what: "a connection to each node" });

    for (const socket of kongs[1].sockets()) socket.destroy();
    await until(() => returned === 1, { timeoutMs: 5000, what: "the return" });

    stop.abort();
    await watching;
  });

  it("what neither the base file nor Muster has made is never posted away", async () => {
    await ask(kongs[0], "POST", "/config", { _format_version: "3.0", services: [{ name: "hand-made", host: "h" }] });

    const failed = failures(await pass(open(), [instance(1)]));

    expect(Object.values(failed)[0]).toMatchObject({
      retry: false,
      error: expect.stringMatching(/holds services\/hand-made, made neither by Muster nor by a base file.*put it into/),
    });
    expect(kongs[0].world.store.services.size).toBe(1);
  });

  it("what is taken out of the base file goes with the next post", async () => {
    const registry = open();
    await converge(registry, [instance(1)]);
    await writeFile(base, '_format_version: "3.0"\n');

    await converge(registry, [instance(1), instance(2)]);

    expect(kongs[0].world.store.services.size).toBe(0);
    expect(kongs[0].world.store.upstreams.size).toBe(1);
  });

  it("a name that the base file has is refused, and the rest is done", async () => {
    await writeFile(base, `${BASE}  - name: web\n`);

    const failed = failures(await pass(open(), [instance(1), instance(2, { service: "other" })]));

    expect(Object.keys(failed).sort(byText)).toEqual(["upstreams/web", "upstreams/web/targets/10.0.0.1:10001"]);
    expect(targetsServed(kongs[0].world, "other")).toEqual(["10.0.0.1:10002"]);
  });

  it("an entity that Kong refuses is taken out and told, and the rest is done", async () => {
    const registry = open();
    const poison = instance(1, { service: "poison" });
    const [upstream, target] = registry.project(poison);
    if (upstream === undefined || target === undefined) throw new Error("no entries");
    const key = "upstreams/poison/targets/x y:80";
    const bad = { ...target, key, spec: { ...(target.spec as object), target: "x y:80" } };
    const good = registry
      .project(instance(2))
      .map((after) => ({ op: "register", key: after.key, before: null, after }));
    const changes = [upstream, bad].map((after) => ({ op: "register", key: after.key, before: null, after }));

    const outcomes = await registry.apply([...changes, ...good] as Parameters<Registry["apply"]>[0], NEVER);

    expect(outcomes).toMatchObject([{ ok: true }, { ok: false, retry: false }, { ok: true }, { ok: true }]);
    expect(outcomes[1]).toMatchObject({ error: expect.stringContaining("target: Invalid target") });
    expect(targetsServed(kongs[0].world, "web")).toEqual(["10.0.0.1:10002"]);
  });

  it("another node's part is kept, and shared objects go with the last", async () => {
    const [one, two] = [open(), open(TWO)];
    await converge(one, [instance(1, { routes: ROUTES })]);
    await converge(two, [instance(2, { routes: ROUTES, address: "10.0.0.2" })]);
    expect(targetsServed(kongs[0].world, "web")).toHaveLength(2);

    await converge(one, []);
    expect(serve(kongs[0].world, { host: "shop.example", path: "/cart" })?.targets).toEqual(["10.0.0.2:10002"]);
    const shared = (await one.list(NEVER)).filter(({ instance: id }) => id === null);
    expect(shared.every(({ inUse }) => inUse === true)).toBe(true);
    const removal = shared.map((before) => ({ op: "deregister", key: before.key, before, after: null }) as const);
    for (const outcome of await one.apply(removal, NEVER)) {
      expect(outcome).toMatchObject({ ok: false, retry: false, error: expect.stringContaining("still used by") });
    }

    await converge(two, []);
    expect(await two.list(NEVER)).toEqual([]);
  });

  it("a route that no node's instances ask for any more goes, while their targets stay", async () => {
    const [one, two] = [open(), open(TWO)];
    const own = instance(2, { routes: ROUTES, address: "10.0.0.2" });
    await converge(one, [instance(1, { routes: ROUTES })]);
    await converge(two, [own]);
    await converge(one, [instance(1)]);
    expect(serve(kongs[0].world, { host: "shop.example", path: "/cart" })?.targets).toHaveLength(2);

    await converge(two, [{ ...own, routes: [] }]);

    expect(kongs.map(({ world }) => serve(world, { host: "shop.example", path: "/cart" }))).toEqual([null, null]);
    expect(keysOf((await two.list(NEVER)).filter(({ rank }) => rank < 0))).toEqual(["upstreams/web"]);
    expect(kongs.map(({ world }) => targetsServed(world, "web"))).toEqual([
      ["10.0.0.1:10001", "10.0.0.2:10002"],
      ["10.0.0.1:10001", "10.0.0.2:10002"],
    ]);
  });

  it("what a dead node has left is found with its node, and removed by another", async () => {
    const [leader, dead] = [open(), open(TWO)];
    await converge(leader, [instance(1)]);
    await converge(dead, [instance(2, { address: "10.0.0.2" })]);

    const others = (await leader.listOthers?.(NEVER)) ?? [];

    expect(others).toMatchObject([{ node: "n2", instance: "task2:80" }]);
    const removal = others.map((before) => ({ op: "deregister", key: before.key, before, after: null }) as const);
    expect(await leader.apply(removal, NEVER)).toEqual([{ ok: true }]);
    expect(kongs.map(({ world }) => targetsServed(world, "web"))).toEqual([["10.0.0.1:10001"], ["10.0.0.1:10001"]]);
  });

  it("other clusters' parts are kept as they are", async () => {
    const [one, two] = [open(), open({ ...OWNER, cluster: "blue" })];
    await converge(one, [instance(1, { routes: ROUTES, checks: [] })]);
    await converge(two, [instance(1, { routes: [{ ...ROUTES[0], hosts: ["blue.example"] } as never] })]);

    await converge(two, []);

    await converge(one, [instance(1, { routes: ROUTES })]);
    expect(keysOf(await one.list(NEVER))).toHaveLength(4);
  });

  it("a base file that can't be used is told by its name, and nothing is posted", async () => {
    await writeFile(base, "services: {}\n");

    const { outcomes } = await pass(open(), [instance(1)]);

    expect(outcomes[0]).toMatchObject({ ok: false, error: expect.stringContaining(`cannot use ${base}`) });
    expect(kongs.flatMap((kong) => kong.writes())).toEqual([]);
  });

  it("all nodes away is an error like any other", async () => {
    for (const kong of kongs) kong.fault(() => ({ kind: "hang" }));
    const registry = open(OWNER, { timeout: 200 });

    await expect(registry.list(NEVER)).rejects.toThrow(/^kong: list: .*no answer within 200 ms/);
  });
});
