/** What the docker source makes of what containers do (facts/docker-swarm.md §2), in the orders of both engines. */
import { describe, expect, it } from "vitest";
import type { EventOrder } from "../../fakes/docker-engine.ts";
import { openScene, swarm } from "./docker-scene.ts";

const ORDERS: readonly EventOrder[] = ["20.10", "28.5"];

describe.each(ORDERS)("docker events in the order of %s", (order) => {
  it("follows a container from start to removal", async () => {
    await using scene = await openScene(order);
    const { engine, watch, status, port } = scene;
    const id = engine.run();
    await watch.until("running", () => status(id) === "running");
    expect(port(id)).toBe(engine.running().get(id));
    engine.signal(id, 15);
    await watch.until("stopping before it ends", () => status(id) === "stopping");
    engine.crash(id, 143);
    await watch.until("stopped", () => status(id) === "stopped");
    expect(watch.facts.findLast((fact) => fact.kind === "status")).toMatchObject({ reason: "exit code 143" });
    engine.remove(id);
    await watch.until("gone", () => watch.facts.some((fact) => fact.kind === "gone" && fact.task === id));
    expect(watch.record(id)).toBeNull();
  });

  it("takes the new port of a restarted container, under the same id", async () => {
    await using scene = await openScene(order);
    const { engine, watch, status, port } = scene;
    const id = engine.run();
    await watch.until("running", () => status(id) === "running");
    const before = port(id);
    engine.restart(id);
    await watch.until("the new port", () => status(id) === "running" && port(id) === engine.running().get(id));
    expect(port(id)).not.toBe(before);
    engine.crash(id);
    engine.start(id);
    await watch.until("the third port", () => status(id) === "running" && port(id) === engine.running().get(id));
  });

  it("loses none of 100 containers started at once and killed at once, five times over", {
    timeout: 60_000,
  }, async () => {
    await using scene = await openScene(order);
    const { engine, watch, port } = scene;
    for (let round = 0; round < 5; round++) {
      const ids = Array.from({ length: 100 }, () => engine.run());
      await watch.until("all running", () => watch.running().size === 100);
      for (const id of ids) expect(port(id)).toBe(engine.running().get(id));
      for (const id of ids) engine.remove(id);
      await watch.until("none running", () => watch.running().size === 0);
      expect(ids.filter((id) => watch.record(id) !== null)).toEqual([]);
    }
    expect(watch.syncs(), "by events alone").toBe(1);
  });

  it("gates on health, and follows it both ways", async () => {
    await using scene = await openScene(order);
    const { engine, watch } = scene;
    const id = engine.run({ healthCheck: true });
    await watch.until("starting", () => watch.record(id)?.health === "unknown");
    expect(watch.record(id)?.definition?.healthChecked).toBe(true);
    engine.health(id, "healthy");
    await watch.until("healthy", () => watch.record(id)?.health === "passing");
    engine.health(id, "unhealthy");
    await watch.until("unhealthy", () => watch.record(id)?.health === "failing");
    engine.health(id, "healthy");
    await watch.until("healthy again", () => watch.record(id)?.health === "passing");
  });

  it("follows pause and unpause", async () => {
    await using scene = await openScene(order);
    const { engine, watch, status } = scene;
    const id = engine.run();
    await watch.until("running", () => status(id) === "running");
    engine.pause(id);
    await watch.until("paused", () => status(id) === "paused");
    engine.unpause(id);
    await watch.until("running again", () => status(id) === "running");
  });
});

describe("identity", () => {
  it("takes the Swarm task's id, and the service for what it inherits", async () => {
    await using scene = await openScene("20.10");
    const { engine, watch } = scene;
    engine.run(swarm("t1"));
    await watch.until("running", () => watch.running().has("t1"));
    expect(watch.record("t1")).toMatchObject({
      assigned: { inherits: "service:s1", node: "node-1" },
      definition: { app: "swarm:s1", name: "shop", version: null },
    });
  });

  it("does not let a plain container speak for a task whose label it carries", async () => {
    await using scene = await openScene("20.10");
    const { engine, watch } = scene;
    engine.run(swarm("t1"));
    const impostor = engine.run({ ...swarm("t1"), name: "impostor" });
    await watch.until("both", () => watch.running().has("t1") && watch.running().has(impostor));
    engine.remove(impostor);
    await watch.until("the impostor gone", () => watch.record(impostor) === null);
    expect(watch.running()).toEqual(new Set(["t1"]));
    expect(watch.facts.every((fact) => fact.kind !== "assigned" || fact.task === "t1" || fact.inherits === null)).toBe(
      true,
    );
  });

  it("keeps a task's id when its container is renamed", async () => {
    await using scene = await openScene("20.10");
    const { engine, watch } = scene;
    const id = engine.run(swarm("t1"));
    await watch.until("running", () => watch.running().has("t1"));
    engine.rename(id, "renamed");
    engine.crash(id);
    await watch.until("stopped", () => watch.record("t1")?.status === "stopped");
    expect([...watch.tasks()]).toEqual(["t1"]);
  });
});
