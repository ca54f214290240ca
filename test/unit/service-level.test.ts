/** Service-level objects (a gateway's upstreams and routes): they belong to all instances of their service. */
import { describe, expect, it } from "vitest";
import type { Fact, Instance, Registration } from "../../src/model.ts";
import { addressed, assigned, binding, defined, gone, health, node, runningTask, status, synced } from "../facts.ts";
import { createFakeGateway, createFakeRegistry } from "../fakes/registry.ts";
import { createScene } from "../reconciling.ts";

/** A task of a service with a route of its own. */
function task(
  name: string,
  {
    service = "web",
    path = "/",
    created = 1_000,
    version = "1",
    port = 20_000,
    source = "docker",
    standing = false,
  } = {},
): readonly Fact[] {
  const definition = standing ? `app:${service}` : `d-${name}`;
  const labels = { "muster.name": service, "muster.route.host": "shop.example", "muster.route.path": path };
  return [
    node({ source }),
    defined({ source, definition, app: service, name: service, version, labels, ...(standing ? { standing } : {}) }),
    assigned({ source, task: name, definition, created }),
    addressed({ source, task: name, bindings: [binding({ hostPort: port })] }),
    status({ source, task: name }),
    health({ source, task: name }),
  ];
}

function gatewayScene(sources = ["docker"]) {
  return createScene({ sources, registry: createFakeGateway() });
}

describe("service-level objects", () => {
  it("are created before the instances and removed after them", async () => {
    const scene = gatewayScene();
    await scene.say(...task("t1"), synced());
    await scene.pass();
    await scene.say(gone({ task: "t1" }));
    await scene.pass();
    expect(scene.registry.log.map(({ op, key }) => `${op} ${key}`)).toEqual([
      "register upstream:web",
      "register route:web.0",
      "register fake:t1:8080",
      "deregister fake:t1:8080",
      "deregister route:web.0",
      "deregister upstream:web",
    ]);
  });

  it("stay when one of several instances goes", async () => {
    const scene = gatewayScene();
    await scene.say(...task("t1"), ...task("t2", { port: 20_001 }), synced());
    await scene.pass();
    await scene.say(gone({ task: "t1" }));
    await scene.pass();
    expect(scene.keys).toEqual(["fake:t2:8080", "route:web.0", "upstream:web"]);
  });

  it("stay without any instance while the service exists, and go when a listing no longer has it", async () => {
    const scene = gatewayScene();
    await scene.say(...task("t1", { standing: true }), synced());
    await scene.pass();
    await scene.say(gone({ task: "t1" }));
    await scene.pass();
    expect(scene.keys).toEqual(["route:web.0", "upstream:web"]);

    await scene.say(synced({ floor: 2, clock: 3 }));
    await scene.pass();
    expect(scene.keys).toEqual([]);
  });

  it("stay while a container of the service is only stopped, and go at once when it is removed", async () => {
    const scene = gatewayScene();
    const running = scene.start();
    await scene.say(...task("t1"), synced());
    await scene.say(status({ task: "t1", status: "stopped", clock: 5 }));
    expect(scene.keys).toEqual(["route:web.0", "upstream:web"]);
    await scene.say(gone({ task: "t1" }));
    expect(scene.keys).toEqual([]);
    scene.stop.abort();
    await running;
  });

  it("stay after a restart of Muster while the service exists", async () => {
    const before = gatewayScene();
    await before.say(...task("t1", { standing: true }), synced());
    await before.pass();
    const scene = createScene({ registry: before.registry });
    const [, app] = task("t1", { standing: true });
    await scene.say(app as Fact, synced());
    await scene.pass();
    expect(scene.keys).toEqual(["route:web.0", "upstream:web"]);
  });

  it("left by a Muster that saw no end go once every source has listed", async () => {
    const before = gatewayScene();
    await before.say(...task("t1"), synced());
    await before.pass();
    const scene = createScene({ sources: ["docker", "static"], registry: before.registry });
    await scene.say(synced());
    await scene.pass();
    expect(scene.keys).toEqual(["route:web.0", "upstream:web"]);
    await scene.say(synced({ source: "static", trust: "whole" }));
    await scene.pass();
    expect(scene.keys).toEqual([]);
  });

  it("in use by other nodes stay", async () => {
    const scene = gatewayScene();
    const shared = { instance: null, service: "other", task: null, source: null, endpoint: null, spec: {} };
    scene.registry.entries.set("upstream:other", { ...shared, key: "upstream:other", rank: -2, inUse: true });
    await scene.say(synced());
    await scene.pass();
    expect(scene.keys).toEqual(["upstream:other"]);
  });

  it("go one by one when the instances that are there no longer ask for them", async () => {
    const scene = gatewayScene();
    await scene.say(...task("t1"), synced());
    await scene.pass();
    await scene.say(defined({ definition: "d-t1", app: "web", labels: { "muster.name": "web" }, clock: 5 }));
    await scene.pass();
    expect(scene.keys).toEqual(["fake:t1:8080", "upstream:web"]);
  });

  it("go although nothing of the instances that are there is registered here any more", async () => {
    const onlyRoutes = (instance: Instance) =>
      createFakeGateway()
        .project(instance)
        .filter(({ rank }) => rank === -1);
    const scene = createScene({ registry: createFakeRegistry("routes", { project: onlyRoutes }) });
    await scene.say(...task("t1", { standing: true }), synced());
    await scene.pass();
    expect(scene.keys).toEqual(["route:web.0"]);
    const labels = { "muster.name": "web" };
    await scene.say(defined({ definition: "app:web", app: "web", name: "web", labels, standing: true, clock: 5 }));
    await scene.pass();
    expect(scene.keys).toEqual([]);
  });

  it("have the newest instance's content, whatever came first, and never flap", async () => {
    for (const order of [
      ["old", "new"],
      ["new", "old"],
    ]) {
      const scene = gatewayScene();
      const tasks = {
        old: task("old", { path: "/v1", created: 1_000, version: "1" }),
        new: task("new", { path: "/v2", created: 2_000, version: "2", port: 20_001 }),
      };
      await scene.say(synced());
      for (const name of order) {
        await scene.say(...tasks[name as "old" | "new"]);
        await scene.pass();
      }
      expect(scene.registry.entries.get("route:web.0")?.spec).toMatchObject({ paths: ["/v2"] });
      const writes = scene.registry.log.length;
      await scene.pass();
      expect(scene.registry.log).toHaveLength(writes);
    }
  });
});

describe("a route that two services claim", () => {
  const older = task("a", { service: "older", created: 1_000 });
  const younger = task("b", { service: "younger", created: 2_000, port: 20_001 });

  it("is the older one's, in whatever order they come, and the other's is reported", async () => {
    const scene = gatewayScene();
    await scene.say(...younger, ...older, synced());
    await scene.pass();
    expect(scene.keys).toContain("route:older.0");
    expect(scene.keys).not.toContain("route:younger.0");
    expect(scene.keys).toContain("fake:b:8080");
    const view = scene.reconciler.instanceView("b:8080");
    expect(view.state).toBe("failed");
    expect(view.error).toContain("service older");
    const refusals = scene.audited.filter(({ action }) => action === "refuse");
    expect(refusals).toMatchObject([{ id: "route:younger.0", service: "younger", ok: false }]);
  });

  it("stays with whoever holds it, also over a restart of Muster and a rolling update", async () => {
    const before = gatewayScene();
    await before.say(...younger, synced());
    await before.pass();
    await before.say(...older);
    await before.pass();
    expect(before.keys).toContain("route:younger.0");
    expect(before.keys).not.toContain("route:older.0");

    const scene = createScene({ registry: before.registry });
    const newest = task("c", { service: "younger", created: 9_000, port: 20_002 });
    await scene.say(...older, ...newest, synced());
    await scene.pass();
    expect(scene.keys).toContain("route:younger.0");
    expect(scene.keys).not.toContain("route:older.0");
    expect(scene.registry.log.filter(({ key }) => key.startsWith("route:older"))).toEqual([]);
  });

  it("goes to the other when its service goes, and is told once", async () => {
    const scene = gatewayScene();
    await scene.say(...older, ...younger, synced());
    await scene.pass();
    await scene.pass();
    expect(scene.audited.filter(({ action }) => action === "refuse")).toHaveLength(1);
    await scene.say(gone({ task: "a" }));
    await scene.pass();
    expect(scene.keys).toEqual(["fake:b:8080", "route:younger.0", "upstream:younger"]);
    const routes = scene.registry.log
      .filter(({ key }) => key.startsWith("route:"))
      .map(({ op, key }) => `${op} ${key}`);
    expect(routes.slice(-2)).toEqual(["deregister route:older.0", "register route:younger.0"]);
    expect(scene.reconciler.instanceView("b:8080").state).toBe("registered");
  });
});

it("a swarm's leader lists again when a service is no more: nodes may have made for it what it never saw asked for", async () => {
  const scene = createScene({ sources: ["swarm"], nodeSource: "swarm", registry: createFakeGateway() });
  const service = { source: "swarm", standing: true, definition: "service:s1", name: "web" };
  await scene.say(defined(service), synced({ source: "swarm", trust: "whole" }));
  await scene.pass();
  const [upstream] = scene.registry.project({
    ...{ id: "t1:80", service: "web", source: "swarm", task: "t1", node: "n2", address: "10.0.0.2", port: 80 },
    ...{ protocol: "tcp", state: "ready", routes: [], tags: [], version: "1" },
  } as unknown as Instance);
  if (upstream !== undefined) scene.registry.entries.set(upstream.key, upstream);

  await scene.say(synced({ source: "swarm", trust: "whole", floor: 2, clock: 2 }));
  await scene.pass();

  expect(upstream?.key).toBe("upstream:web");
  expect(scene.keys).toEqual([]);
});

it("a swarm's service that is called otherwise by its label is no service of its own name", async () => {
  const scene = createScene({ sources: ["swarm"], nodeSource: "swarm", registry: createFakeGateway() });
  const [node1, container, , ...rest] = runningTask("t1", { source: "swarm", name: "stock" });
  const service = { source: "swarm", standing: true, definition: "service:s2", name: "stock" };
  const inherits = assigned({ source: "swarm", definition: "def:t1", inherits: "service:s2" });
  const labels = { "muster.name": "stock-api" };

  await scene.say(node1, container, defined({ ...service, labels }), inherits, ...rest, synced({ source: "swarm" }));

  expect(["stock", "stock-8080", "stock-api"].filter(scene.world.hasService)).toEqual(["stock-api"]);
});

describe("a registry that drains", () => {
  it("keeps a stopping instance without traffic until it is gone", async () => {
    const scene = gatewayScene();
    await scene.say(...task("t1"), synced());
    await scene.pass();
    await scene.say(status({ task: "t1", status: "stopping", clock: 5 }));
    await scene.pass();
    expect(scene.registry.entries.get("fake:t1:8080")).toMatchObject({ draining: true, spec: { weight: 0 } });
    expect(scene.audited.at(-1)).toMatchObject({ action: "drain", id: "t1:8080", ok: true });
    await scene.say(gone({ task: "t1" }));
    await scene.pass();
    expect(scene.keys).toEqual([]);
  });

  it("never registers what stops before it was registered", async () => {
    const scene = gatewayScene();
    await scene.say(...task("t1"), status({ task: "t1", status: "stopping", clock: 5 }), synced());
    await scene.pass();
    expect(scene.keys).toEqual([]);
  });

  describe("drains a swarm's tasks as what they were, though their service goes before they have stopped", () => {
    const labels = { "muster.name": "shop", "muster.route.host": "shop.example" };
    const service = { source: "swarm", standing: true, definition: "service:s1", name: "web", labels };
    const rm = synced({ source: "swarm", trust: "whole", floor: 5, clock: 5 });
    const stopping = status({ status: "stopping", clock: 6 });

    it.each([
      ["the service first", [rm, stopping]],
      ["the tasks first", [stopping, rm]],
    ])("%s", async (_, facts) => {
      const registry = createFakeGateway();
      const scene = createScene({ sources: ["docker", "swarm"], awaitsInherited: true, registry });
      const [, container, , ...rest] = runningTask("t1");
      const start = [node(), container, assigned({ definition: "def:t1", inherits: "service:s1" }), ...rest, synced()];
      await scene.say(...start, defined(service), synced({ source: "swarm", trust: "whole" }));
      await scene.pass();
      expect(scene.keys).toEqual(["fake:t1:8080", "route:shop.0", "upstream:shop"]);

      for (const fact of facts) {
        await scene.say(fact);
        await scene.pass();
        expect(scene.keys).toEqual(["fake:t1:8080", "route:shop.0", "upstream:shop"]);
      }
      expect(registry.entries.get("fake:t1:8080")).toMatchObject({ draining: true });

      await scene.say(gone());
      await scene.pass();
      expect(scene.keys).toEqual([]);
    });
  });

  it("drains at an operator's word, and takes it back", async () => {
    const scene = gatewayScene();
    await scene.say(...task("t1"), synced());
    await scene.pass();
    scene.world.drain(["t1:8080"], true);
    await scene.say();
    await scene.pass();
    expect(scene.registry.entries.get("fake:t1:8080")?.spec).toEqual({ weight: 0 });
    scene.world.drain(["t1:8080"], false);
    await scene.say();
    await scene.pass();
    expect(scene.registry.entries.get("fake:t1:8080")?.spec).toEqual({ weight: 100 });
  });

  it("gives a target that two tasks share to the one that is not draining", async () => {
    const byEndpoint = ({ id, task, service, source, address, port, state }: Instance): readonly Registration[] => {
      const endpoint = `${address}:${port}/tcp`;
      const draining = state === "draining";
      const spec = { task, weight: draining ? 0 : 100 };
      return [{ key: endpoint, instance: id, service, task, source, endpoint, rank: 0, draining, spec }];
    };
    const scene = createScene({ registry: createFakeRegistry("gateway", { project: byEndpoint, drains: true }) });
    await scene.say(...task("t1"), synced());
    await scene.pass();
    await scene.say(status({ task: "t1", status: "stopping", clock: 5 }), ...task("t2", { created: 500 }));
    await scene.pass();
    expect(scene.registry.entries.get("10.0.0.1:20000/tcp")).toMatchObject({ spec: { task: "t2", weight: 100 } });
    await scene.say(gone({ task: "t1" }));
    await scene.pass();
    expect(scene.keys).toEqual(["10.0.0.1:20000/tcp"]);
  });
});

describe("services that exist", () => {
  it("are known by a standing definition, by a task's, and by the ports' suffixes", async () => {
    const scene = createScene();
    await scene.say(...runningTask("t1"), defined({ definition: "app", name: "shop", standing: true }));
    await scene.say(defined({ definition: "unused", name: "unused" }));
    expect(["web", "web-8080", "shop", "shop-80"].map(scene.world.hasService)).toEqual([true, true, true, true]);
    expect(["shop-admin", "unused", "we", "web-"].map(scene.world.hasService)).toEqual([false, false, false, false]);
  });

  it("does not count what asks not to be registered", async () => {
    const scene = createScene();
    await scene.say(defined({ definition: "app", name: "shop", standing: true, labels: { "muster.enable": "false" } }));
    expect(scene.world.hasService("shop")).toBe(false);
  });
});
