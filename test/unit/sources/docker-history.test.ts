/** What was told to stop while nobody listened: known again from the engine's memory, so that no stop gate stays shut. */
import { describe, expect, it } from "vitest";
import { type FakeEngine, startFakeEngine } from "../../fakes/docker-engine.ts";
import { watchSource } from "../../watch-source.ts";
import { dockerSource, type SetupOptions } from "./docker-lab.ts";
import { nextMoment, openScene, swarm } from "./docker-scene.ts";

const URG = 23;
const TERM = 15;
const HUP = 1;
const GATED = { stopSignal: "SIGURG", ignores: ["SIGTERM"], stopTimeout: 60 };

/** A Muster that starts after `before` has happened. */
async function startLate(before: (engine: FakeEngine) => void, setup: SetupOptions = {}) {
  const engine = await startFakeEngine();
  before(engine);
  await nextMoment();
  const { source, log } = dockerSource(engine.host, setup);
  const watch = watchSource(source);
  await watch.until("first listing", () => watch.syncs() === 1);
  const statuses = () => watch.facts.flatMap((fact) => (fact.kind === "status" ? [fact] : []));
  return {
    ...{ engine, source, log, watch, statuses },
    async [Symbol.asyncDispose]() {
      await watch.stop();
      await engine[Symbol.asyncDispose]();
    },
  };
}

describe("a container that was told to stop before Muster started", () => {
  it("never counts as running, and as stopping since then", async () => {
    const before = Date.now();
    await using late = await startLate((engine) => engine.signal(engine.run(), TERM));

    const [only, ...more] = late.statuses();
    expect(more).toEqual([]);
    expect(only).toMatchObject({ status: "stopping", reason: "signal 15" });
    expect(only?.at).toBeGreaterThanOrEqual(before - 1);
    expect(only?.at).toBeLessThanOrEqual(Date.now());
  });

  it("can be ended by its gate", async () => {
    let id = "";
    await using late = await startLate((engine) => {
      id = engine.run(GATED);
      engine.signal(id, URG);
    });

    expect(await late.source.endTask?.(id, "SIGTERM", new AbortController().signal)).toBeNull();

    expect(late.engine.killed).toEqual([`${id} SIGTERM`]);
  });

  it("gets no second SIGTERM where the first one has been sent: some programs take that for haste", async () => {
    let id = "";
    await using late = await startLate((engine) => {
      id = engine.run(GATED);
      engine.signal(id, URG);
      engine.signal(id, TERM);
    });

    expect(await late.source.endTask?.(id, "SIGTERM", new AbortController().signal)).toBeNull();

    expect(late.statuses()[0]).toMatchObject({ status: "stopping", reason: "signal 23" });
    expect(late.engine.killed).toEqual([]);
  });

  it("is found behind later signals that mean nothing", async () => {
    await using late = await startLate((engine) => {
      const id = engine.run(GATED);
      for (const signal of [HUP, URG, HUP]) engine.signal(id, signal);
    });

    expect(late.statuses()[0]).toMatchObject({ status: "stopping", reason: "signal 23" });
  });

  it("says so by its Swarm task", async () => {
    await using late = await startLate((engine) => engine.signal(engine.run({ ...swarm("t1"), ...GATED }), URG));

    expect(late.watch.record("t1")?.status).toBe("stopping");
  });

  it.each<[string, (engine: FakeEngine, id: string) => void]>([
    ["was sent SIGHUP", (engine, id) => engine.signal(id, HUP)],
    ["was stopped and started again", (engine, id) => engine.restart(id)],
  ])("runs where it only %s", async (_case, act) => {
    await using late = await startLate((engine) => act(engine, engine.run()));

    expect(late.statuses()).toMatchObject([{ status: "running" }]);
  });

  it("runs where it has outlived its stop signal, without a word of stopping that would take it out of service", async () => {
    const setup = { limits: { survivalGrace: 0 }, context: { now: () => Date.now() + 60_000 } };
    await using late = await startLate((engine) => engine.signal(engine.run({ stopTimeout: 0 }), TERM), setup);

    expect(late.statuses()).toMatchObject([{ status: "running" }]);
    expect(late.watch.notices()).toEqual([]);
  });

  it("counts as running where the engine does not tell: everything else is known all the same", async () => {
    const engine = await startFakeEngine();
    const id = engine.run();
    engine.signal(id, TERM);
    engine.fail("past", 403);
    await nextMoment();
    const { source, log } = dockerSource(engine.host);
    const watch = watchSource(source);
    await watch.until("running", () => watch.record(id)?.status === "running");

    expect(log.lines.filter(({ level }) => level === "warn")).toMatchObject([
      { message: expect.stringContaining("past events not read") },
    ]);
    await watch.stop();
    await engine[Symbol.asyncDispose]();
  });
});

describe("a container that is told to stop while the stream is cut", () => {
  it("is stopping when the connection is back, though no event of it came", async () => {
    await using scene = await openScene("20.10");
    const { engine, watch, status } = scene;
    const id = engine.run(GATED);
    await watch.until("running", () => status(id) === "running");
    const listing = engine.hold("info");
    engine.cut();
    await listing.reached;
    engine.signal(id, URG);
    // The engine's time is told after the signal, as when the connection was away for longer.
    engine.fail("info", 500);
    listing.release();

    await watch.until("stopping", () => status(id) === "stopping");
  });
});
