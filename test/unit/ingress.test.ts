/** Ports of Swarm's routing mesh: one endpoint per node that runs a task, not one per task (facts/docker-swarm.md §3). */
import { describe, expect, it } from "vitest";
import type { AddressedFact, Fact } from "../../src/model.ts";
import { addressed, assigned, defined, gone, health, node, status, synced } from "../facts.ts";
import { createScene } from "../reconciling.ts";

const INGRESS = [{ containerPort: 8080, hostPort: 80, protocol: "tcp" as const }];
const ID = "service:s1@n1:80";

function task(name: string, over: Partial<AddressedFact> = {}): readonly Fact[] {
  const definition = `container:${name}`;
  return [
    node(),
    defined({ definition, app: "swarm:s1" }),
    assigned({ task: name, definition, inherits: "service:s1" }),
    addressed({
      task: name,
      bindings: [],
      networks: [{ name: "shop", address: "10.0.1.5", reach: "overlay" }],
      ...over,
    }),
    status({ task: name }),
    health({ task: name }),
  ];
}

const service = defined({ source: "swarm", definition: "service:s1", name: "web", standing: true, ingress: INGRESS });

describe("a port of the routing mesh", () => {
  it("is one endpoint at the node's address, however many tasks the node runs, and never an overlay address", async () => {
    const scene = createScene();
    await scene.say(...task("t1"), ...task("t2"), service, synced());
    const instances = [...scene.world.instances()];
    expect(instances).toMatchObject([
      { id: ID, task: "t1", address: "10.0.0.1", port: 80, containerPort: 8080, state: "ready", service: "web" },
    ]);
  });

  it("stays when one of its tasks ends, and leaves when the last one is about to", async () => {
    const scene = createScene();
    await scene.say(...task("t1"), ...task("t2"), service, synced());
    await scene.pass();
    await scene.say(status({ source: "swarm", task: "t1", status: "stopping" }));
    await scene.pass();
    expect(scene.world.instance(ID)).toMatchObject({ task: "t2", state: "ready" });
    await scene.say(gone({ task: "t1" }));
    await scene.pass();
    expect(scene.keys).toEqual([`fake:${ID}`]);

    await scene.say(status({ source: "swarm", task: "t2", status: "stopping" }));
    await scene.pass();
    expect(scene.keys).toEqual([]);
    expect(scene.world.instance(ID)?.state).toBe("draining");
  });

  it("is the same whatever the order of the facts", async () => {
    const facts = [...task("t1"), ...task("t2"), service, status({ source: "swarm", task: "t1", status: "stopping" })];
    for (const order of [facts, [...facts].reverse()]) {
      const scene = createScene();
      await scene.say(...order, synced());
      expect(scene.world.instance(ID)).toMatchObject({ task: "t2", state: "ready" });
    }
  });

  it("is known from the node's own engine where no manager answers", async () => {
    const scene = createScene();
    await scene.say(...task("t1", { ingress: INGRESS }), synced());
    expect(scene.world.instance(ID)).toMatchObject({ port: 80, state: "ready" });
  });

  it("is left out where a label chooses a network for a gateway on it", async () => {
    const scene = createScene();
    const labels = { "muster.network": "shop", "muster.port": "8080" };
    await scene.say(...task("t1"), { ...service, labels }, synced());
    expect([...scene.world.instances()]).toMatchObject([{ id: "t1:8080", address: "10.0.1.5", port: 8080 }]);
  });
});
