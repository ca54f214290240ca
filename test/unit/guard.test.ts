/** The mass-delete guard, where it was found to be too weak by the simulation (test/sim). */
import { describe, expect, it } from "vitest";
import { createGuard } from "../../src/guard.ts";
import type { Registration } from "../../src/model.ts";
import { defined, runningTask, synced } from "../facts.ts";
import { createFakeGateway } from "../fakes/registry.ts";
import { createScene } from "../reconciling.ts";

function entry(key: string, source: string | null = "marathon"): Registration {
  return { key, instance: key, service: "web", task: key, source, endpoint: null, rank: 0, spec: {} };
}

const THREE = ["a", "b", "c"].map((key) => entry(key));

describe("the mass-delete guard", () => {
  it("holds back what it has refused when a pass looks at it alone", () => {
    const guard = createGuard({ max: 2, percent: 20 });
    const never = () => [1];
    expect(guard.refuse(THREE, 5, never, true)).toHaveLength(3);
    expect(guard.refuse(THREE.slice(0, 1), 5, never, false)).toEqual(THREE.slice(0, 1));
  });

  it("has a first look again at what it was told to forget", () => {
    const guard = createGuard({ max: 2, percent: 20 });
    guard.refuse(THREE, 5, () => [1], true);
    for (const { key } of THREE) guard.forget(key);
    expect([...guard.refused()]).toEqual([]);
    expect(guard.refuse(THREE, 5, () => [3], true)).toHaveLength(3);
    expect([...guard.refused()]).toEqual(THREE);
  });

  it("takes no other source's listing for a second look", () => {
    const guard = createGuard({ max: 2, percent: 20 });
    const unowned = ["a", "b", "c"].map((key) => entry(key, null));
    expect(guard.refuse(unowned, 5, () => [3, 5], true)).toHaveLength(3);
    expect(guard.refuse(unowned, 5, () => [4, 5], true)).toHaveLength(3);
    expect(guard.refuse(unowned, 5, () => [4, 6], true)).toHaveLength(0);
  });
});

describe("a source in doubt that is connected anew", () => {
  it("is in doubt from then on: there may be another leader behind it", async () => {
    const source = "marathon";
    const scene = createScene({ sources: [source] });
    const facts = runningTask("t1", { source });
    const at = () => scene.clock.now();
    await scene.say(...facts, synced({ source, trust: "doubtful", at: at() }));
    await scene.pass();
    await scene.clock.advance(50_000);
    await scene.say({ kind: "source", source, state: "connected", error: null, clock: 4, at: at(), via: "test" });
    await scene.say(synced({ source, trust: "doubtful", clock: 5, floor: 5, at: at() }));
    await scene.clock.advance(20_000);
    await scene.pass();
    expect(scene.keys).toEqual(["fake:t1:8080"]);

    await scene.clock.advance(40_000);
    await scene.say(synced({ source, trust: "doubtful", clock: 6, floor: 6, at: at() }));
    await scene.pass();
    expect(scene.keys).toEqual([]);
  });
});

describe("a wrong listing, a right one, a wrong one", () => {
  const source = "marathon";
  const whole = (clock: number) => synced({ source, trust: "whole", clock, floor: clock });
  const tasks = (clock: number) =>
    ["a", "b", "c"].flatMap((name, index) => runningTask(name, { source, clock, hostPort: 20_000 + index }));

  async function refused() {
    const scene = createScene({ sources: [source], policy: { massDelete: { max: 2, percent: 20 } } });
    await scene.say(...tasks(1), whole(1));
    await scene.pass();
    await scene.say(whole(2));
    await scene.pass();
    expect(scene.keys).toHaveLength(3);
    return scene;
  }

  it("is no confirmation, though the registry could not be asked when the right one came", async () => {
    const scene = await refused();
    await scene.say(...tasks(3), whole(3));
    await scene.say(whole(4));
    await scene.pass();
    expect(scene.keys).toHaveLength(3);
    await scene.say(whole(5));
    await scene.pass();
    expect(scene.keys).toEqual([]);
  });

  it("nor is it where events told between the two that they run", async () => {
    const scene = await refused();
    await scene.say(...tasks(3));
    await scene.pass();
    await scene.say(whole(4));
    await scene.pass();
    expect(scene.keys).toHaveLength(3);
  });

  it("nor where the right one told too little to register them anew", async () => {
    const scene = await refused();
    await scene.say(...tasks(3).filter(({ kind }) => kind !== "addressed"), whole(3));
    await scene.say(whole(4));
    await scene.pass();
    expect(scene.keys).toHaveLength(3);
  });
});

describe("service-level objects", () => {
  const source = "marathon";
  const labels = { "muster.route.host": "shop.example", "muster.route.path": "/" };
  const services = ["web", "api", "shop"];
  const facts = services.flatMap((name, index) => [
    ...runningTask(name, {
      source,
      name,
      hostPort: 20_000 + index,
      labels: { ...labels, "muster.route.path": `/${name}` },
    }),
    defined({
      source,
      definition: `def:${name}`,
      name,
      standing: true,
      labels: { ...labels, "muster.route.path": `/${name}` },
    }),
  ]);

  async function registered() {
    const scene = createScene({
      sources: [source],
      registry: createFakeGateway(),
      policy: { massDelete: { max: 2, percent: 20 } },
    });
    await scene.say(...facts, synced({ source, trust: "whole" }));
    await scene.pass();
    expect(scene.keys).toHaveLength(9);
    return scene;
  }

  it("are guarded as well when a listing that claims to be whole is empty", async () => {
    const scene = await registered();
    await scene.say(synced({ source, trust: "whole", clock: 5, floor: 5 }));
    await scene.pass();
    expect(scene.keys).toHaveLength(9);
  });

  it("stay while a listing that lacks their service is in doubt", async () => {
    const scene = await registered();
    await scene.say(synced({ source, trust: "doubtful", clock: 5, floor: 5, at: scene.clock.now() }));
    await scene.pass();
    expect(scene.keys).toHaveLength(9);
  });
});
