/** When the docker source inspects, and what it makes of answers that come late (facts/docker-swarm.md, Inspect races). */
import { describe, expect, it } from "vitest";
import { startFakeEngine } from "../../fakes/docker-engine.ts";
import { watchSource } from "../../watch-source.ts";
import { dockerSource } from "./docker-lab.ts";
import { openScene } from "./docker-scene.ts";

describe("inspects", () => {
  it("asks once per start, and not for create, kill, die or destroy", async () => {
    await using scene = await openScene("20.10");
    const { engine, watch, status } = scene;
    const id = engine.run();
    await watch.until("running", () => status(id) === "running");
    engine.remove(id);
    await watch.until("gone", () => watch.record(id) === null);
    expect(engine.hits.inspect).toBe(1);
  });

  it("lets an event that comes during an inspect win over its answer, and asks again", async () => {
    await using scene = await openScene("20.10", {}, (engine) => void engine.run());
    const { engine, watch, status } = scene;
    const [id = ""] = engine.running().keys();
    const inspect = engine.hold("inspect", id);
    engine.rename(id, "two");
    await inspect.reached;
    engine.health(id, "unhealthy");
    engine.rename(id, "three");
    engine.pause(id);
    await watch.until("paused", () => status(id) === "paused");
    inspect.release();
    await watch.until("an inspect after the stale one", () => engine.hits.inspect === 3);
    const marker = engine.run();
    await watch.until("what came after", () => status(marker) === "running");
    expect(status(id)).toBe("paused");
    const said = watch.facts.flatMap((fact) => (fact.kind === "status" && fact.task === id ? [fact] : []));
    const paused = said.find((fact) => fact.status === "paused")?.clock ?? Number.NaN;
    expect(
      said.filter((fact) => fact.clock > paused && fact.status === "running"),
      "not for a moment",
    ).toEqual([]);
    expect(engine.hits.inspect, "one stale, one for all that came during it, one for the marker").toBe(4);
  });

  it("does not bring back a container whose end came during its inspect", async () => {
    await using scene = await openScene("28.5");
    const { engine, watch } = scene;
    const inspect = engine.hold("inspect");
    const [dies, goes] = [engine.run(), engine.run()];
    await watch.until("both asked for", () => engine.hits.inspect === 2);
    engine.crash(dies);
    engine.remove(goes);
    await watch.until("both ended", () => watch.facts.some(({ kind }) => kind === "gone"));
    inspect.release();
    const marker = engine.run();
    await watch.until("what came after", () => watch.running().has(marker));
    expect(watch.running()).toEqual(new Set([marker]));
    const told = watch.facts.flatMap((fact) =>
      fact.kind === "status" && fact.status === "running" ? [fact.task] : [],
    );
    expect(told, "not for a moment").toEqual([marker]);
  });

  it("does not lose a container that started during an inspect that still saw it ended", async () => {
    await using scene = await openScene("20.10", {}, (engine) => void engine.run());
    const { engine, watch, port } = scene;
    const [id = ""] = engine.running().keys();
    engine.silently(() => engine.crash(id));
    const inspect = engine.hold("inspect", id);
    engine.rename(id, "other");
    await inspect.reached;
    engine.start(id);
    const marker = engine.run();
    await watch.until("what came after the start", () => watch.running().has(marker));
    inspect.release();
    await watch.until("its new run", () => watch.running().has(id) && port(id) === engine.running().get(id));
  });

  it("asks again for a network made while the networks were being read", async () => {
    await using engine = await startFakeEngine();
    const networks = engine.hold("networks");
    await using watch = watchSource(dockerSource(engine.host).source);
    await networks.reached;
    engine.addNetwork("lan", "macvlan");
    const id = engine.run({ networks: ["lan"] });
    await watch.until("its inspect", () => engine.hits.inspect > 0);
    networks.release();
    await watch.until("running", () => watch.running().has(id));
    expect(watch.record(id)?.addressed?.networks[0]?.reach).toBe("routable");
  });

  it("reads on while an inspect hangs", async () => {
    await using scene = await openScene("20.10");
    const { engine, watch } = scene;
    const hung = engine.run();
    const inspect = engine.hold("inspect", hung);
    const others = Array.from({ length: 40 }, () => engine.run());
    await watch.until("all others", () => others.every((id) => watch.running().has(id)));
    inspect.release();
    await watch.until("the one that hung", () => watch.running().has(hung));
  });

  it("tries again when the engine fails", async () => {
    await using scene = await openScene("20.10");
    const { engine, watch } = scene;
    engine.fail("inspect", 500, 2);
    const id = engine.run();
    await watch.until("running", () => watch.running().has(id));
  });

  it("learns a network that is new, and what its addresses are good for", async () => {
    await using scene = await openScene("20.10");
    const { engine, watch } = scene;
    engine.addNetwork("lan", "macvlan");
    engine.addNetwork("mesh", "overlay");
    const id = engine.run({ networks: ["lan", "mesh", "bridge"] });
    await watch.until("running", () => watch.running().has(id));
    expect(watch.record(id)?.addressed?.networks.map(({ name, reach }) => [name, reach])).toEqual([
      ["lan", "routable"],
      ["mesh", "overlay"],
      ["bridge", "node"],
    ]);
  });

  it("follows a container from network to network", async () => {
    await using scene = await openScene("20.10");
    const { engine, watch } = scene;
    const id = engine.run();
    await watch.until("running", () => watch.running().has(id));
    engine.addNetwork("second", "bridge");
    engine.connect(id, "second");
    await watch.until("both networks", () => watch.record(id)?.addressed?.networks.length === 2);
  });
});
