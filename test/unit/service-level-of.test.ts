/** Who writes what in a swarm: nodes their instances and what is missing of the service-level objects, the leader the rest. */
import { describe, expect, it } from "vitest";
import type { Fact } from "../../src/model.ts";
import { serviceLevelOf } from "../../src/service-level.ts";
import { addressed, assigned, binding, defined, gone, health, node, status, synced } from "../facts.ts";
import { createFakeGateway } from "../fakes/registry.ts";
import { createScene } from "../reconciling.ts";

const HOST = { "muster.route.host": "web.example", "muster.route.path": "/" };

function task(name: string, { source = "docker", version = "1", port = 20_000, clock = 1 } = {}): readonly Fact[] {
  const labels = { ...HOST, "muster.name": "web" };
  return [
    node({ source }),
    defined({ source, definition: `d-${name}`, app: "web", name: "web", version, labels, clock }),
    assigned({ source, task: name, definition: `d-${name}` }),
    addressed({ source, task: name, bindings: [binding({ hostPort: port })] }),
    status({ source, task: name }),
    health({ source, task: name }),
  ];
}

describe("a node of a swarm", () => {
  it("makes service-level objects that are missing, and neither changes nor removes any", async () => {
    const scene = createScene({ registry: createFakeGateway(), serviceLevel: "create" });
    await scene.say(...task("t1"), synced());
    await scene.pass();
    expect(scene.keys).toEqual(["fake:t1:8080", "route:web.0", "upstream:web"]);

    await scene.say(...task("t1", { version: "2", clock: 2 }));
    await scene.pass();
    expect(scene.registry.entries.get("route:web.0")?.spec).toMatchObject({ version: "1" });

    await scene.say(gone({ task: "t1", clock: 3 }));
    await scene.pass();
    expect(scene.keys).toEqual(["route:web.0", "upstream:web"]);
  });

  it("leaves what is registered as it is, and registers nothing, until it is told what its tasks inherit", async () => {
    const scene = createScene({ sources: ["docker", "swarm"], registry: createFakeGateway(), awaitsInherited: true });
    const own = task("t1").map((fact) => (fact.kind === "assigned" ? { ...fact, inherits: "service:s1" } : fact));
    const inherited = (clock: number) =>
      defined({ source: "swarm", definition: "service:s1", labels: { "muster.weight": "7" }, clock, standing: true });
    const held = { instance: "t1:8080", service: "web", task: "t1", source: "docker", endpoint: null, rank: 0 };
    scene.registry.entries.set("fake:t1:8080", { ...held, key: "fake:t1:8080", spec: { weight: 7 } });
    scene.registry.entries.set("fake:t0:8080", {
      ...held,
      key: "fake:t0:8080",
      instance: "t0:8080",
      task: "t0",
      spec: {},
    });

    // A worker that reaches no manager lists nothing, so that it does not wait for ever.
    await scene.say(...own, synced(), synced({ source: "swarm", trust: "doubtful" }));
    await scene.pass();
    expect(scene.keys, "only what its own engine does not have has gone").toEqual(["fake:t1:8080"]);
    expect(scene.registry.entries.get("fake:t1:8080")?.spec).toEqual({ weight: 7 });
    expect(scene.world.instancesOfTask("t1")).toMatchObject([{ state: "pending", missing: ["definition"] }]);

    await scene.say(inherited(5));
    await scene.pass();
    expect(scene.keys).toEqual(["fake:t1:8080", "route:web.0", "upstream:web"]);
  });

  it("leaves them when it is to deregister everything of its own", async () => {
    const scene = createScene({ registry: createFakeGateway(), serviceLevel: "create" });
    await scene.say(...task("t1"), synced());
    await scene.pass();

    await scene.reconciler.withdrawAll(scene.stop.signal);

    expect(scene.keys).toEqual(["route:web.0", "upstream:web"]);
  });
});

describe("the leader of a swarm", () => {
  function leaderScene() {
    const registry = createFakeGateway();
    const half = serviceLevelOf(registry, new Set(["swarm"]));
    return createScene({ sources: ["swarm", "marathon"], registry: { ...registry, ...half } });
  }
  const synchronised = [synced({ source: "swarm", trust: "whole" }), synced({ source: "marathon", trust: "whole" })];

  it("keeps the service-level objects of the swarm's tasks right, and of other sources' tasks everything", async () => {
    const scene = leaderScene();
    await scene.say(
      ...task("t1", { source: "swarm" }),
      ...task("m1", { source: "marathon", port: 20_001 }),
      ...synchronised,
    );
    await scene.pass();
    expect(scene.keys).toEqual(["fake:m1:8080", "route:web.0", "upstream:web"]);

    await scene.say(gone({ source: "marathon", task: "m1", clock: 2 }));
    await scene.say(...task("t1", { source: "swarm", version: "2", clock: 2 }));
    await scene.pass();
    expect(scene.keys).toEqual(["route:web.0", "upstream:web"]);
    expect(scene.registry.entries.get("route:web.0")?.spec).toMatchObject({ version: "2" });
  });

  it("removes what all who hang on it are known not to need, by their endpoints, and only then", async () => {
    const registry = createFakeGateway();
    const half = serviceLevelOf(registry, new Set(["swarm"]));
    const scene = createScene({ sources: ["swarm"], registry: { ...registry, ...half }, nodeSource: "swarm" });
    const swarm = { source: "swarm", at: 0, via: "test" };
    const connected = { ...swarm, kind: "source", clock: 1, state: "connected", error: null } as const;
    const unlabelled = { ...swarm, definition: "d-t1", app: "web", name: "web", labels: { "muster.name": "web" } };
    await scene.say(connected, ...task("t1", { source: "swarm" }), synced({ source: "swarm", trust: "whole" }));
    await scene.pass();
    const { entries, log } = scene.registry;
    const used = (users: readonly string[]) => {
      for (const [key, entry] of entries) entries.set(key, { ...entry, inUse: true, users });
      scene.reconciler.resync();
    };
    used(["10.0.0.1:20000/tcp", "10.0.0.9:20000/tcp"]);
    await scene.say(defined({ ...unlabelled, clock: 5 }));
    await scene.pass();
    expect(scene.keys).toEqual(["route:web.0", "upstream:web"]);

    used(["10.0.0.1:20000/tcp"]);
    await scene.pass();
    expect(scene.keys).toEqual(["upstream:web"]);
    expect(log.at(-1)?.before).toMatchObject({ inUse: false, users: ["10.0.0.1:20000/tcp"] });

    await scene.reconciler.withdrawAll(scene.stop.signal);
    expect(log.at(-1)?.before, "what goes with everything is judged by nobody").toMatchObject({ inUse: true });
  });

  it("removes what is over soon after the last node that needed it, not only at the next period", async () => {
    const scene = leaderScene();
    await scene.say(...task("t1", { source: "swarm" }), ...synchronised);
    await scene.pass();
    const { entries } = scene.registry;
    for (const [key, entry] of entries) entries.set(key, { ...entry, inUse: true });
    scene.reconciler.resync();
    const running = scene.start();
    await scene.clock.advance(0);

    await scene.say(gone({ source: "swarm", task: "t1", clock: 3 }));
    await scene.clock.advance(2_000);
    expect(scene.keys, "a node still has instances there").toEqual(["route:web.0", "upstream:web"]);

    for (const [key, { inUse: _, ...entry }] of entries) entries.set(key, entry);
    await scene.clock.advance(4_000);
    expect(scene.keys).toEqual([]);
    scene.stop.abort();
    await running;
  });
});
