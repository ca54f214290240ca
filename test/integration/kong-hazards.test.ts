/** The hazards of facts/kong.md by name, and Vulcand behind Kong. */
import { describe, expect, it } from "vitest";
import { instance } from "../conformance/registry/fleet.ts";
import { serve, targetsServed } from "../fakes/kong/serving.ts";
import { ask, OWNER } from "./kong-harness.ts";
import { changeOf, converge, NEVER, ROUTES, TWO, useScenes, VERSIONS } from "./kong-scene.ts";

const scene = useScenes();

describe("hazards of facts/kong.md", () => {
  it("IPv6 is expanded, host names are lowered, and both come back as they were meant", async () => {
    const { kong, open } = await scene();
    const registry = open();

    await converge(registry, [instance(1, { address: "FD00::1" }), instance(2, { address: "Task-1.Internal" })]);

    expect(targetsServed(kong.world, "web").toSorted()).toEqual([
      "[fd00:0000:0000:0000:0000:0000:0000:0001]:10001",
      "task-1.internal:10002",
    ]);
    const endpoints = (await registry.list(NEVER)).map(({ endpoint }) => endpoint);
    expect(endpoints).toEqual(expect.arrayContaining(["[fd00::1]:10001/tcp", "task-1.internal:10002/tcp"]));
  });

  it.each([
    { what: "port 0", fault: { port: 0 } },
    { what: "no port", fault: { port: null } },
    { what: "every address", fault: { address: "0.0.0.0" } },
    { what: "a URL", fault: { address: "http://x/" } },
    { what: "half an IPv4 address", fault: { address: "10.0.0" } },
    { what: "a zone", fault: { address: "fe80::1%eth0" } },
    { what: "a service like an address", fault: { service: "10" } },
    { what: "a service with a slash", fault: { service: "a/b" } },
    { what: "a path with dots", fault: { routes: [{ ...ROUTES[0], paths: ["/a/../b"] }] } },
    { what: "a path with an encoded dot", fault: { routes: [{ ...ROUTES[0], paths: ["/a/%2e%2e/b"] }] } },
    { what: "a path that starts a regular expression", fault: { routes: [{ ...ROUTES[0], paths: ["~/a"] }] } },
    { what: "a host with a port", fault: { routes: [{ ...ROUTES[0], hosts: ["a.example:80"] }] } },
  ])("a poison value is refused before it is sent: $what", async ({ fault }) => {
    const { open } = await scene();
    const poisoned = { ...instance(1), ...fault } as ReturnType<typeof instance>;

    expect(() => open().project(poisoned)).toThrow(/^kong: "task1:80": \P{Cc}+$/u);
  });

  it.each(VERSIONS)("unusual paths are plain prefixes for $version as well", async ({ version }) => {
    const { kong, open } = await scene({ version });
    const routes = [{ hosts: [], paths: ["/v1:batch(a+b)"], stripPath: false, priority: 5 }];

    await converge(open(), [instance(1, { routes })]);

    expect(serve(kong.world, { host: "x", path: "/v1:batch(a+b)/1" })?.route).toBe("web");
    expect(serve(kong.world, { host: "x", path: "/v1:batchaab" })).toBeNull();
  });

  it("a path that an upgrade to 3.x has made a regular expression of is still ours, and no drift", async () => {
    const { kong, open } = await scene();
    const registry = open();
    const wanted = [instance(1, { routes: [{ hosts: [], paths: ["/a+b"], stripPath: false, priority: null }] })];
    await converge(registry, wanted);
    await ask(kong, "PATCH", "/routes/web", { paths: ["~/a\\+b"] });
    kong.forget();

    await converge(registry, wanted);

    expect(kong.writes()).toEqual([]);
  });

  it.each(VERSIONS)(
    "`next` forgets the size: 2,500 targets are read in 3 requests on $version",
    async ({ version }) => {
      const { kong, open } = await scene({ version });
      const registry = open();
      await converge(registry, [instance(0)]);
      const [upstream] = kong.world.store.upstreams.values();
      for (let n = 0; n < 2500; n += 1) {
        const row = { id: `t${n}`, target: `10.1.${n >> 8}.${n & 255}:80`, weight: 1, tags: null, created_at: n };
        kong.world.store.targets.set(row.id, { ...row, upstream: { id: upstream?.id } });
      }
      kong.forget();

      expect(await registry.list(NEVER)).toHaveLength(2);

      expect(kong.hits.filter(({ path }) => path.includes("/targets"))).toHaveLength(3);
    },
  );

  it("tags are ignored on targets: another node's are told apart by us", async () => {
    const { open } = await scene();
    await converge(open(TWO), [instance(2, { address: "10.0.0.2" })]);

    const listed = await open().list(NEVER);

    expect(listed.map(({ key, inUse }) => [key, inUse])).toEqual([["upstreams/web", true]]);
  });

  it.each(VERSIONS)(
    "an upstream that was removed behind our back makes the core list again, on $version",
    async ({ version }) => {
      const { kong, open } = await scene({ version });
      const registry = open();
      await converge(registry, [instance(1)]);
      await ask(kong, "DELETE", "/upstreams/web");

      const [outcome] = await registry.apply([changeOf(registry, "register", instance(2), "target")], NEVER);

      expect(outcome).toMatchObject({ ok: false, retry: true, ambiguous: true });
      expect(outcome).toMatchObject({ error: expect.stringContaining("upstreams/web is missing") });
      await converge(registry, [instance(1), instance(2)]);
    },
  );

  it("a copy of our target at another address is none of ours", async () => {
    const { kong, open } = await scene();
    const registry = open();
    await converge(registry, [instance(1)]);
    const [target] = kong.world.store.targets.values();
    await ask(kong, "POST", "/upstreams/web/targets", { target: "10.9.9.9:80", tags: target?.["tags"] });

    await converge(registry, [instance(1)]);

    expect(targetsServed(kong.world, "web").toSorted()).toEqual(["10.0.0.1:10001", "10.9.9.9:80"]);
  });

  it("a restored database, or a `deck sync`, that has lost our objects is put right at the next listing", async () => {
    const { kong, open } = await scene();
    const registry = open();
    await converge(registry, [instance(1, { routes: ROUTES })]);
    for (const rows of Object.values(kong.world.store)) rows.clear();

    await converge(registry, [instance(1, { routes: ROUTES })]);

    expect(serve(kong.world, { host: "shop.example", path: "/cart" })?.targets).toEqual(["10.0.0.1:10001"]);
  });
});

describe("Vulcand behind Kong", () => {
  const vulcand = { gateway: "vulcand", vulcand: "http://vulcand.internal:8181" } as const;

  it("Kong points to its listener with the client's Host header, and has neither upstream nor targets", async () => {
    const { kong, open } = await scene();

    await converge(open(OWNER, vulcand), [instance(1, { routes: ROUTES }), instance(2, { service: "unrouted" })]);

    expect(await ask(kong, "GET", "/services/web")).toMatchObject({
      host: "vulcand.internal",
      port: 8181,
      protocol: "http",
    });
    expect(await ask(kong, "GET", "/routes/web")).toMatchObject({ preserve_host: true, hosts: ["shop.example"] });
    expect(kong.world.store.upstreams.size + kong.world.store.targets.size).toBe(0);
    expect(kong.world.store.services.size).toBe(1);
  });

  it("nodes say by a tag that they need the route, which goes with the last of them", async () => {
    const { kong, open } = await scene();
    const [one, two] = [open(OWNER, vulcand), open(TWO, vulcand)];
    await converge(one, [instance(1, { routes: ROUTES })]);
    await converge(two, [instance(2, { routes: ROUTES })]);
    await converge(one, [instance(1, { routes: ROUTES })]);
    expect((await ask(kong, "GET", "/routes/web"))["tags"]).toEqual(
      expect.arrayContaining(["muster-user.n1", "muster-user.n2"]),
    );

    const before = (await one.list(NEVER)).find(({ key }) => key === "routes/web");
    if (before === undefined) throw new Error("no route");
    expect(before.inUse).toBe(true);
    const [refused] = await one.apply([{ op: "deregister", key: before.key, before, after: null }], NEVER);
    expect(refused).toMatchObject({ ok: false, retry: false, error: expect.stringContaining("still used by node n2") });
    expect((await ask(kong, "GET", "/routes/web"))["tags"]).not.toContain("muster-user.n1");

    await converge(two, []);
    expect(kong.world.store.routes.size).toBe(0);
  });

  it("a swarm's node, which could never take it back, does not say so: what it made goes with the leader", async () => {
    const { kong, open } = await scene();
    const node = open({ ...TWO, serviceLevel: "create" } as typeof TWO, vulcand);
    const leader = open({ ...OWNER, node: { ...OWNER.node, id: "leader" } }, vulcand);
    await converge(node, [instance(1, { routes: ROUTES })]);
    expect(kong.world.store.routes.size).toBe(1);

    await converge(leader, [instance(1, { routes: ROUTES })]);
    await converge(leader, []);

    expect(kong.world.store.routes.size + kong.world.store.services.size).toBe(0);
  });
});
