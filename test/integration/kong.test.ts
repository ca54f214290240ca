/** The Kong adapter on the fake Kong: what is written, by one node and by two. */
import { describe, expect, it } from "vitest";
import { instance } from "../conformance/registry/fleet.ts";
import { serve, targetsServed } from "../fakes/kong/serving.ts";
import { ask, OWNER, worldOf } from "./kong-harness.ts";
import { byText, converge, failures, keysOf, NEVER, pass, ROUTES, TWO, useScenes, VERSIONS } from "./kong-scene.ts";

const scene = useScenes();

describe("what is written", () => {
  it("gives a service its upstream, target, Kong service and route, in this order", async () => {
    const { kong, open } = await scene();

    await converge(open(), [instance(1, { routes: ROUTES, weight: 7 })]);

    expect(kong.writes().map(({ method, path }) => [method, path.replace(/[0-9a-f-]{36}/, "ID")])).toEqual([
      ["POST", "/upstreams"],
      ["POST", "/services"],
      ["POST", "/services/ID/routes"],
      ["POST", "/upstreams/ID/targets"],
    ]);
    expect(serve(kong.world, { host: "shop.example", path: "/cart/1" })).toEqual({
      route: "web",
      targets: ["10.0.0.1:10001"],
    });
    const upstream = await ask(kong, "GET", "/upstreams/web");
    expect(upstream["tags"]).toEqual(["muster", "muster-cluster.default", "muster-service.web"]);
    const target = [...kong.world.store.targets.values()][0];
    expect(target).toMatchObject({ target: "10.0.0.1:10001", weight: 7 });
    expect(target?.["tags"]).toEqual([
      "muster",
      "muster-cluster.default",
      "muster-service.web",
      "muster-node.n1",
      "muster-instance.task1~3a80",
      "muster-task.task1",
      "muster-source.docker",
      "muster-target.10.0.0.1~3a10001",
      "muster-routes.1",
    ]);
  });

  it("writes a changed instance with one request, and reads nothing for it", async () => {
    const { kong, open } = await scene();
    const registry = open();
    await converge(registry, [instance(1), instance(2)]);
    kong.forget();

    const [after] = registry.project(instance(1, { weight: 3 })).filter(({ rank }) => rank === 0);
    const [before] = registry.project(instance(1)).filter(({ rank }) => rank === 0);
    if (after === undefined || before === undefined) throw new Error("no entry");
    expect(await registry.apply([{ op: "update", key: after.key, before, after }], NEVER)).toEqual([{ ok: true }]);

    expect(kong.hits.map(({ method }) => method)).toEqual(["PATCH"]);
  });

  it("gives a new task the target of the old one on the same address, in place", async () => {
    const { kong, open } = await scene();
    const registry = open();
    await converge(registry, [instance(1)]);
    kong.forget();

    await converge(registry, [instance(1, { id: "new:80", task: "new" })]);

    expect(kong.writes().map(({ method }) => method)).toEqual(["PATCH"]);
    expect(targetsServed(kong.world, "web")).toEqual(["10.0.0.1:10001"]);
  });

  it("leaves out instances without a route, where only routed ones are wanted, and what is not TCP", async () => {
    const { open } = await scene();
    const routed = open(OWNER, { instances: "routed" });

    expect(routed.project(instance(1))).toEqual([]);
    expect(routed.project(instance(1, { routes: ROUTES }))).toHaveLength(4);
    expect(open().project(instance(1, { protocol: "udp" }))).toEqual([]);
  });

  it("says for each route and host what it claims", async () => {
    const { open } = await scene();
    const routes = [
      { hosts: ["a.example", "b.example"], paths: ["/x", "/y"], stripPath: true, priority: null },
      { hosts: [], paths: ["/z"], stripPath: true, priority: null },
    ];
    const registry = open();
    await converge(registry, [instance(1, { routes })]);

    const claims = (await registry.list(NEVER)).flatMap((entry) => entry.claims ?? []);
    expect(claims.toSorted(byText)).toEqual(["*/z", "a.example/x", "a.example/y", "b.example/x", "b.example/y"]);
    expect(keysOf(await registry.list(NEVER))).toEqual([
      "routes/web",
      "routes/web~2",
      "services/web",
      "upstreams/web",
      "upstreams/web/targets/10.0.0.1:10001",
    ]);
  });

  it("keeps two clusters on one Kong apart by their names", async () => {
    const { kong, open } = await scene();
    const [one, two] = [open(), open({ ...OWNER, cluster: "blue" })];
    await converge(one, [instance(1)]);
    await converge(two, [instance(1)]);
    await converge(two, []);

    expect(targetsServed(kong.world, "web")).toEqual(["10.0.0.1:10001"]);
    expect(targetsServed(kong.world, "blue.web")).toEqual([]);
  });
});

describe.each(VERSIONS)("draining on $version", ({ version }) => {
  it("gives a target weight 0, then takes it away, then may have it again", async () => {
    const { kong, open } = await scene({ version });
    const registry = open();
    const both = [instance(1), instance(2)];
    await converge(registry, both);

    await converge(registry, [instance(1, { state: "draining" }), instance(2)]);
    expect(targetsServed(kong.world, "web")).toEqual(["10.0.0.1:10002"]);
    const listed = await registry.list(NEVER);
    expect(listed.filter(({ draining }) => draining).map(({ instance: id }) => id)).toEqual(["task1:80"]);

    await converge(registry, [instance(2)]);
    expect(keysOf(await registry.list(NEVER))).toEqual(["upstreams/web", "upstreams/web/targets/10.0.0.1:10002"]);

    await converge(registry, both);
    expect(targetsServed(kong.world, "web").toSorted()).toEqual(["10.0.0.1:10001", "10.0.0.1:10002"]);
  });
});

describe.each(VERSIONS)("two nodes of one cluster on $version", ({ version }) => {
  it("share upstream, Kong service and route, which go with the last of them", async () => {
    const { kong, open } = await scene({ version });
    const [one, two] = [open(), open(TWO)];
    const [mine, others] = [[instance(1, { routes: ROUTES })], [instance(2, { routes: ROUTES, address: "10.0.0.2" })]];
    await converge(one, mine);
    await converge(two, others);
    expect(targetsServed(kong.world, "web").toSorted()).toEqual(["10.0.0.1:10001", "10.0.0.2:10002"]);
    expect((await one.list(NEVER)).filter(({ instance: id }) => id !== null)).toHaveLength(1);

    await converge(one, []);
    expect(serve(kong.world, { host: "shop.example", path: "/cart" })?.targets).toEqual(["10.0.0.2:10002"]);

    await converge(two, []);
    expect(serve(kong.world, { host: "shop.example", path: "/cart" })).toBeNull();
    expect(await two.list(NEVER)).toEqual([]);
  });

  it("reach their fixed points side by side and never touch each other's targets", async () => {
    const { kong, open } = await scene({ version });
    const [one, two] = [open(), open(TWO)];
    const [mine, others] = [1, 2].map((node) =>
      Array.from({ length: 4 }, (_, n) => instance(n, { id: `${node}-${n}`, address: `10.0.0.${node}` })),
    );
    if (mine === undefined || others === undefined) throw new Error("two fleets");
    await converge(one, mine);
    const ofFirst = worldOf(kong);
    await converge(two, others);
    await converge(two, []);

    expect(worldOf(kong)).toMatchObject(ofFirst);
    await converge(one, mine);
  });

  it("do not take each other's target over: it is refused, and says whose it is", async () => {
    const { kong, open } = await scene({ version });
    await converge(open(TWO), [instance(1)]);
    const before = worldOf(kong);

    const failed = failures(await pass(open(), [instance(1)]));

    expect(failed).toMatchObject({ "upstreams/web/targets/10.0.0.1:10001": { retry: false } });
    expect(worldOf(kong)).toEqual(before);
  });

  it("what a dead node has left is found with its node, and removed by another", async () => {
    const { kong, open } = await scene({ version });
    const [leader, dead] = [open(), open(TWO)];
    await converge(leader, [instance(1)]);
    await converge(dead, [instance(2, { address: "10.0.0.2" }), instance(3, { address: "10.0.0.2" })]);
    await ask(kong, "POST", "/upstreams/web/targets", { target: "10.9.9.9:80" });

    const others = (await leader.listOthers?.(NEVER)) ?? [];

    expect(others.map(({ node, instance: id }) => `${node} ${id}`).toSorted(byText)).toEqual([
      "n2 task2:80",
      "n2 task3:80",
    ]);
    const removal = others.map((before) => ({ op: "deregister", key: before.key, before, after: null }) as const);
    expect(await leader.apply(removal, NEVER)).toEqual([{ ok: true }, { ok: true }]);
    expect(targetsServed(kong.world, "web").toSorted(byText)).toEqual(["10.0.0.1:10001", "10.9.9.9:80"]);
    await converge(leader, [instance(1)]);
  });
});
