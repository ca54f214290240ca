/** Signals: which of them are the beginning of the end (facts/docker-swarm.md §2), and how long that holds. */
import { describe, expect, it } from "vitest";
import { openScene, swarm } from "./docker-scene.ts";

describe("kill", () => {
  it("does not take SIGHUP for the end", async () => {
    await using scene = await openScene("20.10");
    const { engine, watch, status } = scene;
    const id = engine.run();
    await watch.until("running", () => status(id) === "running");
    engine.signal(id, 1);
    const marker = engine.run();
    await watch.until("what came after", () => status(marker) === "running");
    expect(status(id)).toBe("running");
    expect(watch.facts.some((fact) => fact.kind === "status" && fact.status === "stopping")).toBe(false);
  });

  it.each([
    ["SIGQUIT", 3],
    ["10", 10],
    ["SIGRTMIN+3", 37],
  ])("knows a container's own stop signal: %s", async (stopSignal, number) => {
    await using scene = await openScene("20.10");
    const { engine, watch, status } = scene;
    const id = engine.run({ stopSignal });
    await watch.until("running", () => status(id) === "running");
    engine.signal(id, 15);
    const marker = engine.run();
    await watch.until("what came after", () => status(marker) === "running");
    expect(status(id), "SIGTERM is not its stop signal").toBe("running");
    engine.signal(id, number);
    await watch.until("stopping", () => status(id) === "stopping");
  });

  it("judges a signal again when the first inspect tells the stop signal", async () => {
    await using scene = await openScene("20.10");
    const { engine, watch, status } = scene;
    const inspect = engine.hold("inspect");
    const id = engine.run({ stopSignal: "SIGQUIT" });
    await inspect.reached;
    engine.signal(id, 15);
    await watch.until("stopping, as far as is known", () =>
      watch.facts.some((fact) => fact.kind === "status" && fact.status === "stopping"),
    );
    inspect.release();
    await watch.until("running after all", () => status(id) === "running");
  });

  it("says stopping until the end, whatever inspects and listings say in between", async () => {
    await using scene = await openScene("20.10");
    const { engine, watch, status } = scene;
    const id = engine.run({ healthCheck: true });
    await watch.until("running", () => status(id) === "running");
    engine.signal(id, 15);
    await watch.until("stopping", () => status(id) === "stopping");
    const asked = engine.hits.inspect;
    engine.health(id, "unhealthy");
    engine.rename(id, "other");
    watch.resync();
    await watch.until("another listing", () => watch.syncs() === 2);
    expect(status(id)).toBe("stopping");
    expect(watch.record(id)?.addressed, "repeated in the listing").not.toBeNull();
    // Its inspect would block on the container's lock until the stop is over.
    expect(engine.hits.inspect).toBe(asked);
    engine.crash(id, 0);
    await watch.until("stopped", () => status(id) === "stopped");
  });

  it("says stopping in the listing after a reconnect, too", async () => {
    await using scene = await openScene("20.10");
    const { engine, watch, status } = scene;
    const id = engine.run();
    await watch.until("running", () => status(id) === "running");
    engine.signal(id, 15);
    await watch.until("stopping", () => status(id) === "stopping");
    engine.cut();
    await watch.until("another listing", () => watch.syncs() === 2);
    expect(status(id)).toBe("stopping");
  });

  it("forgets a kill whose container was restarted while nobody listened", async () => {
    await using scene = await openScene("20.10");
    const { engine, watch, status, port } = scene;
    const id = engine.run();
    await watch.until("running", () => status(id) === "running");
    engine.signal(id, 15);
    await watch.until("stopping", () => status(id) === "stopping");
    await engine.down();
    engine.silently(() => engine.restart(id));
    await engine.up();
    await watch.until("running again", () => status(id) === "running" && port(id) === engine.running().get(id));
  });

  it("counts a container that outlives its stop signal as running, and says so", async () => {
    await using scene = await openScene("20.10", { limits: { survivalGrace: 30 } });
    const { engine, watch, status } = scene;
    const id = engine.run({ stopTimeout: 0 });
    await watch.until("running", () => status(id) === "running");
    engine.signal(id, 15);
    await watch.until("stopping", () => status(id) === "stopping");
    await watch.until("running again", () => status(id) === "running");
    expect(watch.notices()).toEqual([expect.stringMatching(/^docker: container 0{12} was sent signal 15, .* runs on/)]);
  });

  it("never gives up the end of a Swarm task that was told to stop", async () => {
    const now = { ms: 1_000_000 };
    await using scene = await openScene("20.10", { limits: { survivalGrace: 0 }, context: { now: () => now.ms } });
    const { engine, watch, status } = scene;
    engine.run({ ...swarm("t1"), stopTimeout: 0 });
    await watch.until("running", () => status("t1") === "running");
    engine.signal([...engine.running().keys()][0] ?? "", 15);
    await watch.until("stopping", () => status("t1") === "stopping");
    now.ms += 3_600_000;
    watch.resync();
    await watch.until("another listing", () => watch.syncs() === 2);
    expect(status("t1")).toBe("stopping");
  });
});
