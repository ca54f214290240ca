/** Engines that are away, slow, wrong or odd, and what the docker source holds true meanwhile. */
import { describe, expect, it } from "vitest";
import { startFakeEngine } from "../../fakes/docker-engine.ts";
import { watchSource } from "../../watch-source.ts";
import { dockerSource } from "./docker-lab.ts";

describe("connection", () => {
  it("keeps what it knows while the engine is away, and finds out on return what it missed", async () => {
    await using engine = await startFakeEngine();
    const [stays, dies, moves, goes] = [engine.run(), engine.run(), engine.run(), engine.run()];
    const { source, log } = dockerSource(engine.host);
    await using watch = watchSource(source);
    await watch.until("first listing", () => watch.syncs() === 1);
    await engine.down();
    await watch.until("disconnected", () => watch.facts.at(-1)?.kind === "source");
    expect(watch.running()).toEqual(new Set([stays, dies, moves, goes]));
    engine.silently(() => {
      engine.crash(dies);
      engine.restart(moves);
      engine.remove(goes);
    });
    const comes = engine.run();
    await engine.up();
    await watch.until("second listing", () => watch.syncs() === 2);
    expect(watch.running()).toEqual(new Set([stays, moves, comes]));
    expect(watch.record(moves)?.addressed?.bindings[0]?.hostPort).toBe(engine.running().get(moves));
    expect(log.lines.filter(({ level }) => level === "warn")).toHaveLength(1);
    expect(log.lines.at(-1)).toMatchObject({ level: "info", message: "docker connected" });
  });

  it("waits for an engine that is not there yet, with one clear line", async () => {
    await using engine = await startFakeEngine();
    await engine.down();
    const { source, log } = dockerSource(engine.host);
    await using watch = watchSource(source);
    await watch.until("a few attempts", () => log.lines.length > 2);
    expect(watch.facts).toEqual([
      expect.objectContaining({
        kind: "source",
        state: "disconnected",
        error: `docker: cannot reach ${engine.host}: no such file – is the engine running, is the socket mounted?`,
      }),
    ]);
    expect(log.lines.map(({ level }) => level)).toEqual(["warn", "debug", "debug"]);
    const id = engine.run();
    await engine.up();
    await watch.until("running", () => watch.running().has(id));
  });

  it("misses nothing between the head of the event stream and the subscription behind it", async () => {
    await using engine = await startFakeEngine();
    const [early] = [engine.run()];
    const subscription = engine.hold("events");
    await using watch = watchSource(dockerSource(engine.host).source);
    await watch.until("listing", () => watch.syncs() === 1);
    engine.crash(early);
    const late = engine.run();
    subscription.release();
    await watch.until("both events", () => watch.running().has(late) && !watch.running().has(early));
    expect(watch.syncs()).toBe(1);
  });

  it("takes a cut line for garbage and lists again", async () => {
    await using engine = await startFakeEngine();
    await using watch = watchSource(dockerSource(engine.host).source);
    await watch.until("listing", () => watch.syncs() === 1);
    let id = "";
    engine.silently(() => {
      id = engine.run();
    });
    engine.write(`{"Type":"container","Action":"start","Actor":{"ID":"${id}"`);
    engine.cut();
    await watch.until("running", () => watch.running().has(id));
    expect(watch.notices()).toEqual([expect.stringMatching(/cut at the end of the stream; skipped/)]);
  });

  it("survives a stream of nothing but garbage without a storm of listings", async () => {
    await using engine = await startFakeEngine();
    await using watch = watchSource(dockerSource(engine.host).source);
    await watch.until("listing", () => watch.syncs() === 1);
    const listings = engine.hits.containers;
    for (let line = 0; line < 5_000; line++) engine.write("garbage\n");
    const id = engine.run();
    await watch.until("running", () => watch.running().has(id));
    await watch.until("one more listing", () => watch.syncs() === 2);
    expect(engine.hits.containers - listings).toBeLessThanOrEqual(2);
  });

  it("gives up an engine that does not answer, and says how long it waited", async () => {
    await using engine = await startFakeEngine();
    const id = engine.run();
    const list = engine.hold("containers");
    await using watch = watchSource(dockerSource(engine.host, { options: { timeout: "1s" } }).source);
    await watch.until("disconnected", () =>
      watch.facts.some((fact) => fact.kind === "source" && fact.state === "disconnected"),
    );
    expect(watch.facts.find(({ kind }) => kind === "source")).toMatchObject({
      error: `docker: ${engine.host} did not answer GET /containers/json within 1000 ms`,
    });
    expect(watch.syncs()).toBe(0);
    list.release();
    await watch.until("running", () => watch.running().has(id));
  });

  it("names what a socket proxy refuses", async () => {
    await using engine = await startFakeEngine();
    engine.fail("containers", 403);
    await using watch = watchSource(dockerSource(engine.host).source);
    await watch.until("listing", () => watch.syncs() === 1);
    expect(watch.facts.find(({ kind }) => kind === "source")).toMatchObject({
      error: `docker: ${engine.host} answered GET /containers/json with HTTP 403: as the test has it – does the socket proxy allow it?`,
    });
  });

  it("lists again on a period, and finds what no event told", async () => {
    await using engine = await startFakeEngine();
    const dies = engine.run();
    await using watch = watchSource(dockerSource(engine.host, { context: { resync: 20 } }).source);
    await watch.until("listing", () => watch.syncs() === 1);
    let comes = "";
    engine.silently(() => {
      engine.crash(dies);
      comes = engine.run();
    });
    await watch.until("the truth", () => watch.running().has(comes) && watch.record(dies) === null);
    expect(watch.facts.filter(({ kind }) => kind === "source")).toHaveLength(1);
  });

  it("says in every listing where this node is", async () => {
    await using engine = await startFakeEngine();
    await using watch = watchSource(dockerSource(engine.host).source);
    await watch.until("listing", () => watch.syncs() === 1);
    expect(watch.facts).toContainEqual(
      expect.objectContaining({ kind: "node", node: "node-1", address: "10.0.0.1", state: "up" }),
    );
  });
});

describe("one bad container", () => {
  it("is noticed and left out, and harms no other", async () => {
    await using engine = await startFakeEngine();
    const bad = [
      engine.run({ distort: () => ({ Id: "x" }) }),
      engine.run({ distort: () => "nothing like it" }),
      engine.run({ distort: (inspect) => ({ ...inspect, Config: { Labels: { a: 1 } } }) }),
      engine.run({ distort: (inspect) => ({ ...inspect, State: null }) }),
    ];
    const good = engine.run();
    await using watch = watchSource(dockerSource(engine.host).source);
    await watch.until("listing", () => watch.syncs() === 1);
    expect(watch.running()).toEqual(new Set([good]));
    expect(watch.notices()).toHaveLength(bad.length);
    expect(watch.notices()[0]).toMatch(
      /^docker: container 0{12} can't be read, .*: docker: the engine's inspect has no proper /,
    );
    watch.resync();
    await watch.until("second listing", () => watch.syncs() === 2);
    expect(watch.notices(), "not repeated").toHaveLength(bad.length);
  });

  it("keeps its last known state when it turns bad", async () => {
    await using engine = await startFakeEngine();
    let isBad = false;
    const id = engine.run({ distort: (inspect) => (isBad ? {} : inspect) });
    await using watch = watchSource(dockerSource(engine.host).source);
    await watch.until("listing", () => watch.syncs() === 1);
    isBad = true;
    watch.resync();
    await watch.until("second listing", () => watch.syncs() === 2);
    expect(watch.running()).toEqual(new Set([id]));
  });

  it("keeps its last known state when it can't be inspected, and is found again later", async () => {
    await using engine = await startFakeEngine();
    const id = engine.run();
    const other = engine.run();
    await using watch = watchSource(dockerSource(engine.host, { options: { timeout: "500ms" } }).source);
    await watch.until("listing", () => watch.syncs() === 1);
    const inspect = engine.hold("inspect", id);
    watch.resync();
    await watch.until("second listing", () => watch.syncs() === 2);
    expect(watch.running()).toEqual(new Set([id, other]));
    inspect.release();
    engine.health(id, "unhealthy");
    await watch.until("what happened since", () => watch.record(id)?.health === "failing");
  });

  it("is only said to exist while it could never be inspected, so that nobody concludes anything", async () => {
    await using engine = await startFakeEngine();
    const id = engine.run();
    const inspect = engine.hold("inspect", id);
    const { source, log } = dockerSource(engine.host, { options: { timeout: "300ms" } });
    await using watch = watchSource(source);
    await watch.until("listing", () => watch.syncs() === 1);
    expect(watch.record(id)).toMatchObject({ task: id, definition: null, addressed: null, status: null });
    expect(log.lines).toContainEqual(
      expect.objectContaining({ level: "warn", fields: expect.objectContaining({ container: id }) }),
    );
    inspect.release();
    await watch.until("running, without another listing", () => watch.running().has(id));
    expect(watch.syncs()).toBe(1);
  });

  it("is simply not listed when it is removed in the midst of the listing", async () => {
    await using engine = await startFakeEngine();
    const [goes, stays] = [engine.run(), engine.run()];
    const list = engine.hold("containers");
    await using watch = watchSource(dockerSource(engine.host).source);
    await list.reached;
    engine.silently(() => engine.remove(goes));
    list.release();
    await watch.until("listing", () => watch.syncs() === 1);
    expect(watch.running()).toEqual(new Set([stays]));
    expect(watch.record(goes)).toBeNull();
  });
});
