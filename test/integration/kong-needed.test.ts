/** Which routes another node's targets need: a leader has none of its own, and must still know when one may go. */
import { describe, expect, it } from "vitest";
import type { Instance, Outcome, Registration, Registry } from "../../src/model.ts";
import { serviceLevelOf } from "../../src/service-level.ts";
import { instance } from "../conformance/registry/fleet.ts";
import { changesFor } from "../conformance/registry/pass.ts";
import type { FakeKong } from "../fakes/kong/kong.ts";
import { targetsServed } from "../fakes/kong/serving.ts";
import { OWNER } from "./kong-harness.ts";
import { byText, converge, keysOf, NEVER, ROUTES, TWO, useScenes, VERSIONS } from "./kong-scene.ts";

const scene = useScenes();
const LEADER = { ...OWNER, node: { id: "leader", address: "10.0.0.9" } };
const [CART] = ROUTES;
if (CART === undefined) throw new Error("no route");
const BOTH = [CART, { ...CART, paths: ["/till"] }];
const SERVED = ["10.0.0.1:10001", "10.0.0.2:10002"];

/** An instance on each of the two nodes. */
function fleet(routes: Instance["routes"]): readonly [Instance, Instance] {
  return [instance(1, { routes }), instance(2, { routes, address: "10.0.0.2" })];
}

/** A leader's part: what it wants of the service-level objects, of the nodes' instances. */
function leads(registry: Registry): Registry {
  return serviceLevelOf(registry, new Set([instance(1).source]));
}

/** A node's part in a swarm: its own instances, and of the service-level objects those that are missing. */
async function follow(registry: Registry, wanted: readonly Instance[]): Promise<void> {
  const changes = changesFor(registry, wanted, await registry.list(NEVER)).filter(
    ({ op, before, after }) => op === "register" || (before ?? after).instance !== null,
  );
  const outcomes: readonly Outcome[] = changes.length === 0 ? [] : await registry.apply(changes, NEVER);
  expect(outcomes).toEqual(changes.map(() => ({ ok: true })));
}

function shared(entries: readonly Registration[]): Readonly<Record<string, boolean>> {
  const objects = entries.filter(({ instance: id }) => id === null);
  return Object.fromEntries(objects.map(({ key, inUse }) => [key, inUse === true]));
}

function served({ world }: FakeKong): readonly string[] {
  return targetsServed(world, "web").toSorted(byText);
}

describe.each(VERSIONS)("routes that other nodes' instances need on $version", ({ version }) => {
  it("stay until none asks for them any more, and then go, though all targets stay", async () => {
    const { kong, open } = await scene({ version });
    const [one, two, leader] = [open(), open(TWO), leads(open(LEADER))];
    await follow(one, [fleet(BOTH)[0]]);
    await follow(two, [fleet(BOTH)[1]]);
    await converge(leader, fleet(BOTH));
    kong.forget();

    await converge(leader, fleet([]));
    await follow(one, [fleet([])[0]]);
    await converge(leader, fleet([]));
    expect(keysOf(await leader.list(NEVER))).toEqual(["routes/web", "routes/web~2", "services/web", "upstreams/web"]);

    await follow(two, [fleet([])[1]]);
    expect(shared(await leader.list(NEVER))).toEqual({
      "upstreams/web": true,
      "services/web": false,
      "routes/web": false,
      "routes/web~2": false,
    });
    // In place, so that no request misses a target.
    const method = version === "2.1.4" ? "POST" : "PATCH";
    expect(kong.writes().map((each) => each.method)).toEqual([method, method]);

    await converge(leader, fleet([]));
    expect(keysOf(await leader.list(NEVER))).toEqual(["upstreams/web"]);
    expect(served(kong)).toEqual(SERVED);
  });

  it("go one by one: the second, while the first stays", async () => {
    const { kong, open } = await scene({ version });
    const [one, two, leader] = [open(), open(TWO), leads(open(LEADER))];
    await follow(one, [fleet(BOTH)[0]]);
    await follow(two, [fleet(BOTH)[1]]);

    await follow(one, [fleet(ROUTES)[0]]);
    await follow(two, [fleet(ROUTES)[1]]);
    await converge(leader, fleet(ROUTES));

    expect(shared(await leader.list(NEVER))).toEqual({
      ...{ "upstreams/web": true, "services/web": true, "routes/web": true },
    });
    expect(served(kong)).toEqual(SERVED);
  });

  it("of an older Muster, which does not say, are all that there are, until the target is written again", async () => {
    const { kong, open } = await scene({ version });
    const [one, leader] = [open(), leads(open(LEADER))];
    const [before] = fleet(BOTH);
    await follow(one, [before]);
    forgetRoutes(kong);

    const held = await leader.list(NEVER);
    expect(shared(held)).toEqual({
      ...{ "upstreams/web": true, "services/web": true, "routes/web": true, "routes/web~2": true },
    });
    kong.forget();
    await follow(one, [before]);
    expect(kong.writes()).toHaveLength(1);
    await follow(one, [before]);
    expect(kong.writes(), "the target says it now").toHaveLength(1);

    await follow(one, [{ ...before, routes: [] }]);
    await converge(leader, [{ ...before, routes: [] }]);
    expect(keysOf(await leader.list(NEVER))).toEqual(["upstreams/web"]);
  });

  it("asked for since they were listed are not removed, and listed again", async () => {
    const { kong, open } = await scene({ version });
    const [one, leader] = [open(), leads(open(LEADER))];
    const [bare] = fleet([]);
    await follow(one, [bare]);
    await converge(leader, fleet(BOTH));
    const held = (await leader.list(NEVER)).filter(({ key }) => key === "routes/web~2" || key === "services/web");
    expect(held.map(({ inUse }) => inUse)).toEqual([undefined, undefined]);

    await follow(one, [{ ...bare, routes: BOTH }]);
    const outcomes = await leader.apply(
      held.map((before) => ({ op: "deregister", key: before.key, before, after: null })),
      NEVER,
    );

    const error = expect.stringContaining("still used by 10.0.0.1:10001 of node n1");
    expect(outcomes).toEqual(
      [0, 1].map(() => expect.objectContaining({ ok: false, retry: false, ambiguous: true, error })),
    );
    expect(kong.world.store.routes.size).toBe(2);
  });
});

/** As a Muster before this mark has written its targets. */
function forgetRoutes({ world: { store } }: FakeKong): void {
  for (const [id, row] of store.targets) {
    const tags = (row["tags"] as readonly string[]).filter((tag) => !tag.startsWith("muster-routes."));
    expect(row["tags"]).toHaveLength(tags.length + 1);
    store.targets.set(id, { ...row, tags });
  }
}
