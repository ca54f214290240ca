/** The stop-signal gate: when the real signal is sent, and that it is sent in any case, but never to what runs on. */
import { describe, expect, it } from "vitest";
import type { Fact, Json, Source } from "../../src/model.ts";
import { createStopGate, type DrainProgress, drainEnd } from "../../src/stop-gate.ts";
import { assigned, gone, runningTask, status, synced } from "../facts.ts";
import { createFakeRegistry } from "../fakes/registry.ts";
import { createScene, silent } from "../reconciling.ts";

const target = (state: string): Json => ({ target: { state, reason: null } });

describe("a drain is over", () => {
  const draining: DrainProgress = {
    instances: [{ state: "draining" }],
    left: [{ serving: false, detail: target("draining") }],
    elapsed: 1000,
    drain: 30_000,
  };

  it.each<[string, Partial<DrainProgress>, string | null]>([
    ["when all targets are unused", { left: [{ serving: false, detail: target("unused") }] }, "its targets are unused"],
    ["not while a target drains", {}, null],
    [
      "not while one of two drains",
      { left: [target("unused"), target("draining")].map((detail) => ({ serving: false, detail })) },
      null,
    ],
    ["not while a registry still serves it", { left: [{ serving: true, detail: target("unused") }] }, null],
    ["not before the world knows that it stops", { instances: [{ state: "ready" }], left: [] }, null],
    ["not at once where no registry can tell", { left: [{ serving: false, detail: null }] }, null],
    ["not because nothing is left to look at", { left: [] }, null],
    ["at once where nobody was ever sent to it", { instances: [], left: [] }, "nobody is sent to it"],
    [
      "when its time is up, whatever else",
      { elapsed: 30_000, left: [{ serving: true, detail: null }] },
      "30 s are over",
    ],
    ["at once with a drain of 0s", { elapsed: 0, drain: 0 }, "0 s are over"],
  ])("%s", (_case, changes, over) => {
    expect(drainEnd({ ...draining, ...changes })).toBe(over);
  });
});

const LABELS = { "muster.stop-gate": "sigterm", "muster.drain": "20s" };

function scene({ endTask = async () => null as string | null } = {}) {
  const details = new Map<string, Json>();
  const registry = Object.assign(createFakeRegistry(), { detail: (key: string) => details.get(key) ?? null });
  const base = createScene({ registry });
  const { world, clock, audited, say, pass } = base;
  const sent: string[] = [];
  const source: Source = {
    name: "docker",
    async *events() {},
    async endTask(task, signal) {
      sent.push(`${task} ${signal}`);
      return await endTask();
    },
  };
  const gate = createStopGate({
    ...{ world: base.world, reconcilers: [base.reconciler], clock: base.clock, random: () => 0.5, log: silent },
    async audit(records) {
      base.audited.push(...records);
    },
  });
  return {
    ...{ world, clock, audited, say, pass, details, sent, gate, source },
    async hear(...facts: readonly Fact[]) {
      await base.say(...facts);
      for (const fact of facts) gate.heard(source, { ...fact, at: base.clock.now() });
    },
    async running(labels: Record<string, string> = LABELS) {
      await base.say(...runningTask("t1", { labels }), synced());
      await base.pass();
    },
    /** @param ago when its engine sent the signal: before this Muster began */
    async stopping(ago = 0) {
      const fact = status({ status: "stopping", clock: 5, at: base.clock.now() - ago });
      await base.say(fact);
      gate.heard(source, fact);
      await base.pass();
    },
    ended: () => base.audited.filter(({ action }) => action === "end"),
  };
}

describe("the gate", () => {
  it("sends the signal when the target is unused, once, however often the stop is told", async () => {
    const { running, stopping, clock, details, sent, hear, ended } = scene();
    await running();
    details.set("fake:t1:8080", target("draining"));
    await stopping();
    await clock.advance(10_000);
    expect(sent).toEqual([]);

    details.set("fake:t1:8080", target("unused"));
    await clock.advance(200);
    await hear(status({ status: "stopping", clock: 6 }));
    await clock.advance(60_000);

    expect(sent).toEqual(["t1 SIGTERM"]);
    expect(ended()).toMatchObject([
      { task: "t1", service: "web", ok: true, after: { signal: "SIGTERM", because: "its targets are unused" } },
    ]);
  });

  it("is bounded by muster.drain, else by 30 s, when nothing can be said of the target", async () => {
    for (const [labels, ms] of [
      [LABELS, 20_000],
      [{ "muster.stop-gate": "INT" }, 30_000],
    ] as const) {
      const { running, stopping, clock, sent } = scene();
      await running(labels);
      await stopping();
      await clock.advance(ms - 1);
      expect(sent).toEqual([]);
      await clock.advance(200);
      expect(sent).toHaveLength(1);
    }
  });

  it("has nothing to do with tasks without the label", async () => {
    const { running, stopping, clock, sent } = scene();
    await running({});
    await stopping();
    await clock.advance(600_000);
    expect(sent).toEqual([]);
  });

  it("an operator's drain sends nothing: the task is to run on", async () => {
    const { running, world, clock, sent } = scene();
    await running();
    world.drain(["t1:8080"], true);
    await clock.advance(600_000);
    expect(sent).toEqual([]);
  });

  it.each<[string, Fact]>([
    ["runs again", status({ status: "running", clock: 9 })],
    ["is over", status({ status: "stopped", clock: 9 })],
    ["is removed", gone({ clock: 9 })],
  ])("a task that %s meanwhile is sent nothing", async (_case, fact) => {
    const { running, stopping, hear, clock, sent } = scene();
    await running();
    await stopping();
    await clock.advance(5_000);
    await hear(fact);
    await clock.advance(600_000);
    expect(sent).toEqual([]);
  });

  it("a container that was stopped and started again has its gate again", async () => {
    const { running, stopping, hear, clock, sent, say } = scene();
    await running();
    await stopping();
    await clock.advance(21_000);
    await hear(status({ status: "stopped", clock: 6 }));
    await say(status({ status: "running", clock: 7 }));
    await hear(status({ status: "stopping", clock: 8 }));
    await clock.advance(21_000);
    expect(sent).toEqual(["t1 SIGTERM", "t1 SIGTERM"]);
  });

  it("waits for the service's labels, which may come after the container's", async () => {
    const { say, stopping, clock, sent } = scene();
    const [node, container, , ...rest] = runningTask("t1");
    await say(node, container, assigned({ definition: "def:t1", inherits: "service:s1" }), ...rest, synced());
    await stopping();
    await clock.advance(60_000);
    expect(sent).toEqual([]);

    await say({ ...container, definition: "service:s1", labels: { "muster.stop-gate": "SIGTERM" } });
    await clock.advance(200);

    expect(sent).toEqual(["t1 SIGTERM"]);
  });

  it("holds for a service that is removed: its labels are gone before its tasks have stopped", async () => {
    const { hear, stopping, clock, sent, world } = scene();
    const [node, container, , ...rest] = runningTask("t1");
    const swarm = { source: "swarm", standing: true, definition: "service:s1" };
    await hear(node, container, assigned({ definition: "def:t1", inherits: "service:s1" }), ...rest, synced());
    await hear({ ...container, ...swarm, labels: LABELS }, synced({ source: "swarm" }));
    await hear(synced({ source: "swarm", floor: 2, clock: 3 }));
    expect(world.size().definitions).toBe(1);

    await stopping();
    await clock.advance(21_000);

    expect(sent).toEqual(["t1 SIGTERM"]);
  });

  it("tries on while the engine can't be reached", async () => {
    let failures = 3;
    const endTask = async () => {
      failures -= 1;
      if (failures >= 0) throw new Error("docker: connection refused");
      return null;
    };
    const { running, stopping, clock, sent, ended } = scene({ endTask });
    await running();
    await stopping();
    await clock.advance(30_000);
    expect(sent).toHaveLength(4);
    expect(ended()).toMatchObject([{ ok: true, attempt: 4 }]);
  });

  it("a refusal is audited with its remedy, and not tried again", async () => {
    const { running, stopping, clock, sent, ended } = scene({ endTask: async () => "set its stop signal to SIGURG" });
    await running();
    await stopping();
    await clock.advance(60_000);
    expect(sent).toHaveLength(1);
    expect(ended()).toMatchObject([{ ok: false, error: "set its stop signal to SIGURG" }]);
  });

  it.each([
    ["counts from the signal on: 20 s of drain, told 12 s ago", 12_000, 8_000],
    ["leaves the registries 5 s to let go of it, though its time was over before Muster was back", 60_000, 5_000],
  ])("a gate that is taken up again after a crash %s", async (_case, ago, left) => {
    const { running, stopping, clock, sent, ended } = scene();
    await running();
    await stopping(ago);

    await clock.advance(left - 1);
    expect(sent).toEqual([]);
    await clock.advance(201);
    expect(sent).toEqual(["t1 SIGTERM"]);
    expect(ended()[0]?.ms).toBeGreaterThanOrEqual(ago + left);
  });

  it("an orderly end of Muster lets those go that still wait: nobody else would send them their signal", async () => {
    const { running, stopping, gate, sent, ended, clock } = scene();
    await running();
    await stopping();
    await gate.close(AbortSignal.timeout(1000));
    await clock.advance(60_000);
    expect(sent).toEqual(["t1 SIGTERM"]);
    expect(ended()).toMatchObject([{ after: { because: "Muster stops" } }]);
  });
});
