import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/model.ts";
import { gone, runningTask, synced } from "../facts.ts";
import { settled } from "../fakes/clock.ts";
import { createScene } from "../reconciling.ts";

const UNAVAILABLE: Extract<Outcome, { ok: false }> = { ok: false, error: "fake: 503", retry: true, ambiguous: false };
const TIMED_OUT: Extract<Outcome, { ok: false }> = {
  ok: false,
  error: "fake: timed out",
  retry: true,
  ambiguous: true,
};

async function running(options: Parameters<typeof createScene>[0] = {}) {
  const scene = createScene(options);
  const done = scene.start();
  await scene.say(...runningTask("t1"), synced());
  return {
    scene,
    async [Symbol.asyncDispose]() {
      scene.stop.abort(new Error("test over"));
      await done;
    },
  };
}

describe("fast path", () => {
  it("costs one write and no read per change", async () => {
    await using run = await running();
    const { scene } = run;
    const lists = scene.registry.lists;
    scene.registry.log.length = 0;

    await scene.say(...runningTask("t2", { hostPort: 2 }));

    expect(scene.registry.log.map(({ op, key }) => `${op} ${key}`)).toEqual(["register fake:t2:8080"]);
    expect(scene.registry.lists).toBe(lists);
  });

  it("updates in place when an instance changes", async () => {
    await using run = await running();
    const { scene } = run;
    scene.registry.log.length = 0;
    await scene.say(...runningTask("t1", { clock: 2, hostPort: 9 }));
    expect(scene.registry.log.map(({ op }) => op)).toEqual(["update"]);
    expect(scene.registry.entries.get("fake:t1:8080")?.spec).toMatchObject({ port: 9 });
  });

  it("makes at most two passes of a burst, however many facts come", async () => {
    await using run = await running();
    const { scene } = run;
    scene.registry.log.length = 0;
    let batches = 0;
    const apply = scene.registry.apply.bind(scene.registry);
    scene.registry.apply = (changes, signal) => {
      batches++;
      return apply(changes, signal);
    };
    await scene.say(...Array.from({ length: 300 }, (_, n) => runningTask(`b${n}`, { hostPort: 1_000 + n })).flat());
    expect(scene.registry.entries.size).toBe(301);
    expect(batches).toBeLessThanOrEqual(2);
  });

  it("writes nothing in an idle pass", async () => {
    await using run = await running();
    const { scene } = run;
    scene.registry.log.length = 0;
    await scene.say(synced({ clock: 2, floor: 1 }));
    await scene.clock.advance(300_000);
    expect(scene.registry.log).toEqual([]);
  });
});

describe("periodic listing", () => {
  it("repairs drift within the resync period, and touches nothing else", async () => {
    await using run = await running();
    const { scene } = run;
    await scene.say(...runningTask("t2", { hostPort: 2 }));
    scene.registry.entries.delete("fake:t1:8080");
    scene.registry.log.length = 0;

    await scene.clock.advance(60_000);

    expect(scene.keys).toEqual(["fake:t1:8080", "fake:t2:8080"]);
    expect(scene.registry.log.map(({ op, key }) => `${op} ${key}`)).toEqual(["register fake:t1:8080"]);
  });
});

describe("failures", () => {
  it("tries a failed write again with back-off until it succeeds", async () => {
    await using run = await running();
    const { scene } = run;
    scene.registry.onApply = () => UNAVAILABLE;
    await scene.say(...runningTask("t2", { hostPort: 2 }));
    await scene.clock.advance(10_000);
    const tries = scene.registry.log.filter(({ key }) => key.includes("t2")).length;
    expect(tries).toBeGreaterThan(2);
    expect(tries).toBeLessThan(20);
    expect(scene.reconciler.view().state).toBe("failing");

    scene.registry.onApply = null;
    await scene.clock.advance(5_000);
    expect(scene.keys).toEqual(["fake:t1:8080", "fake:t2:8080"]);
    expect(scene.reconciler.view()).toMatchObject({ state: "synced", error: null, failed: 0 });
  });

  it("reads again after an ambiguous write instead of writing twice", async () => {
    await using run = await running();
    const { scene } = run;
    scene.registry.onApply = () => TIMED_OUT;
    scene.registry.doesDespiteFailure = true;
    await scene.say(...runningTask("t2", { hostPort: 2 }));
    scene.registry.onApply = null;
    await scene.clock.advance(5_000);
    expect(scene.registry.log.filter(({ key }) => key.includes("t2"))).toHaveLength(1);
    expect(scene.reconciler.instanceView("t2:8080").state).toBe("registered");
  });

  it("is right within 5 s of a registry's return, whatever came and went meanwhile", async () => {
    await using run = await running();
    const { scene } = run;
    scene.registry.onList = () => new Error("fake: connection refused");
    scene.registry.onApply = () => UNAVAILABLE;
    await scene.say(...runningTask("t2", { hostPort: 2 }), gone({ clock: 3 }));
    await scene.clock.advance(20_000);
    scene.registry.entries.clear();
    await scene.say(...runningTask("t3", { hostPort: 3 }));

    scene.registry.onList = null;
    scene.registry.onApply = null;
    await scene.clock.advance(5_000);
    expect(scene.keys).toEqual(["fake:t2:8080", "fake:t3:8080"]);
  });

  it("asks a registry that is down seldom", async () => {
    await using run = await running();
    const { scene } = run;
    scene.registry.onList = () => new Error("fake: connection refused");
    scene.registry.lists = 0;
    scene.reconciler.resync();
    await scene.clock.advance(300_000);
    expect(scene.registry.lists).toBeGreaterThan(90);
    expect(scene.registry.lists).toBeLessThan(220);
  });

  it("does not hold up other changes for one that keeps failing", async () => {
    await using run = await running();
    const { scene } = run;
    scene.registry.onApply = ({ key }) => (key.includes("bad") ? UNAVAILABLE : null);
    await scene.say(...runningTask("bad", { hostPort: 2 }), ...runningTask("t2", { hostPort: 3 }));
    await scene.say(...runningTask("t3", { hostPort: 4 }));
    expect(scene.keys).toEqual(["fake:t1:8080", "fake:t2:8080", "fake:t3:8080"]);
  });

  it("takes an entry whose own server is away for no failure of the registry", async () => {
    await using run = await running();
    const { scene } = run;
    scene.registry.onApply = ({ key }) => (key.includes("away") ? { ...UNAVAILABLE, isolated: true } : null);
    await scene.say(...runningTask("away", { hostPort: 2 }));
    const lists = scene.registry.lists;
    await scene.say(...runningTask("t2", { hostPort: 3 }));
    expect(scene.keys).toEqual(["fake:t1:8080", "fake:t2:8080"]);
    expect(scene.reconciler.isReady).toBe(true);
    expect(scene.reconciler.instanceView("away:8080")).toMatchObject({ state: "failed", error: "fake: 503" });
    await scene.clock.advance(20_000);
    expect(scene.registry.lists).toBe(lists);
    scene.registry.onApply = null;
    await scene.clock.advance(6_000);
    expect(scene.reconciler.instanceView("away:8080").state).toBe("registered");
  });

  it("survives an adapter that throws", async () => {
    await using run = await running();
    const { scene } = run;
    const apply = scene.registry.apply;
    scene.registry.apply = () => Promise.reject(new Error("fake: bug"));
    await scene.say(...runningTask("t2", { hostPort: 2 }));
    scene.registry.apply = apply;
    await scene.clock.advance(5_000);
    expect(scene.keys).toEqual(["fake:t1:8080", "fake:t2:8080"]);
  });
});

describe("audit", () => {
  it("tells each write with its cause", async () => {
    await using run = await running();
    const { scene } = run;
    await scene.say(gone({ clock: 4, reason: "exit code 137", via: "destroy" }));
    expect(scene.audited).toMatchObject([
      {
        action: "register",
        registry: "fake",
        id: "t1:8080",
        service: "web",
        task: "t1",
        ok: true,
        attempt: 1,
        before: null,
      },
      {
        action: "deregister",
        id: "t1:8080",
        ok: true,
        cause: [{ kind: "gone", by: "docker", text: "gone: exit code 137 (destroy)" }],
        after: null,
      },
    ]);
  });

  it("reports an entry as registered only when its record is on disk", async () => {
    let write: () => void = () => {};
    const scene = createScene();
    const { createReconciler } = await import("../../src/reconcile.ts");
    const reconciler = createReconciler({
      registry: scene.registry,
      world: scene.world,
      policy: { mode: "sync", resync: 0, probation: 0, massDelete: { max: 10, percent: 50 }, dryRun: false },
      sink: {
        audit: () =>
          new Promise<void>((resolve) => {
            write = resolve;
          }),
      },
      clock: scene.clock,
      random: () => 0.5,
      log: { debug() {}, info() {}, warn() {}, error() {} },
    });
    await scene.say(...runningTask("t1"), synced());
    await reconciler.pass(scene.stop.signal);
    expect(scene.registry.entries.size).toBe(1);
    expect(reconciler.instanceView("t1:8080").state).toBe("pending");
    write();
    await settled();
    expect(reconciler.instanceView("t1:8080").state).toBe("registered");
  });
});

describe("policy", () => {
  it("writes nothing in a dry run", async () => {
    await using run = await running({ policy: { dryRun: true } });
    const { scene } = run;
    await scene.say(...runningTask("t2", { hostPort: 2 }), gone({ clock: 2 }));
    await scene.clock.advance(120_000);
    expect(scene.registry.log).toEqual([]);
    expect(scene.reconciler.instanceView("t2:8080").state).toBe("pending");
  });

  it("removes nothing in mode upsert-only", async () => {
    await using run = await running({ policy: { mode: "upsert-only" } });
    const { scene } = run;
    await scene.say(gone({ clock: 2 }));
    await scene.clock.advance(120_000);
    expect(scene.keys).toEqual(["fake:t1:8080"]);
  });
});
