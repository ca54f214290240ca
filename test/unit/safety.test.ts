/** The safety rules of the design's section 4, each by its number. Rules 7 (dead nodes) and 10 (secrets) have files of their own. */
import { describe, expect, it } from "vitest";
import type { Fact, Registration } from "../../src/model.ts";
import { gone, health, runningTask, status, synced } from "../facts.ts";
import { createScene } from "../reconciling.ts";

function entry(task: string, over: Partial<Registration> = {}): Registration {
  return {
    key: `fake:${task}:8080`,
    instance: `${task}:8080`,
    service: "web",
    task,
    source: "docker",
    endpoint: `10.0.0.1:1${task.length}/tcp`,
    rank: 0,
    spec: { service: "web", address: "10.0.0.1", port: 1, tags: [] },
    ...over,
  };
}

function hold(scene: ReturnType<typeof createScene>, ...entries: readonly Registration[]): void {
  for (const each of entries) scene.registry.entries.set(each.key, each);
}

function fleet(prefix: string, size: number, over: { clock?: number; source?: string } = {}): readonly Fact[] {
  return Array.from({ length: size }, (_, index) =>
    runningTask(`${prefix}${index}`, { hostPort: 20_000 + index, ...over }),
  ).flat();
}

describe("rule 1: no deletes before every source that could own the entry has synced", () => {
  it("keeps an unknown entry until its source has synced, then removes it", async () => {
    const scene = createScene({ sources: ["docker", "static"] });
    hold(scene, entry("old"));

    await scene.say(synced({ source: "static", floor: 1, trust: "whole" }));
    await scene.pass();
    expect(scene.keys).toEqual(["fake:old:8080"]);

    await scene.say(synced());
    await scene.pass();
    expect(scene.keys).toEqual([]);
  });

  it("keeps an entry of no known source until all sources have synced", async () => {
    const scene = createScene({ sources: ["docker", "static"] });
    hold(scene, entry("old", { source: "marathon" }));

    await scene.say(synced());
    await scene.pass();
    expect(scene.keys).toEqual(["fake:old:8080"]);

    await scene.say(synced({ source: "static", floor: 1, trust: "whole" }));
    await scene.pass();
    expect(scene.keys).toEqual([]);
  });

  it("concludes nothing from a doubtful listing during probation", async () => {
    const scene = createScene({ sources: ["marathon"] });
    hold(scene, entry("old", { source: "marathon" }));
    await scene.say(synced({ source: "marathon", trust: "doubtful", at: scene.clock.now() }));
    await scene.pass();
    expect(scene.keys).toEqual(["fake:old:8080"]);

    await scene.clock.advance(60_000);
    await scene.say(synced({ source: "marathon", trust: "doubtful", floor: 2, at: scene.clock.now() }));
    await scene.pass();
    expect(scene.keys).toEqual([]);
  });

  it("concludes nothing from a doubtful listing while nothing more is heard, however long that is", async () => {
    const scene = createScene({ sources: ["marathon"] });
    hold(scene, entry("old", { source: "marathon" }));
    await scene.say(synced({ source: "marathon", trust: "doubtful", at: scene.clock.now() }));
    await scene.clock.advance(600_000);
    scene.reconciler.resync();
    await scene.pass();
    expect(scene.keys).toEqual(["fake:old:8080"]);
  });

  it("removes a task that was seen to go at once, synced or not", async () => {
    const scene = createScene({ sources: ["marathon"] });
    hold(scene, entry("t1", { source: "marathon" }));
    await scene.say(gone({ source: "marathon" }));
    await scene.pass();
    expect(scene.keys).toEqual([]);
  });
});

describe("rule 3: a source in error keeps its last known state", () => {
  it("deregisters nothing when the source loses its connection", async () => {
    const scene = createScene();
    await scene.say(...runningTask("t1"), synced());
    await scene.pass();

    await scene.say({
      kind: "source",
      source: "docker",
      clock: 2,
      at: 2,
      via: "stream",
      state: "disconnected",
      error: "docker: no socket",
    });
    await scene.clock.advance(600_000);
    await scene.pass();

    expect(scene.keys).toEqual(["fake:t1:8080"]);
    expect(scene.world.sources()).toMatchObject([
      { name: "docker", state: "disconnected", error: "docker: no socket" },
    ]);
  });

  it("leaves what is registered as it is while facts are still missing", async () => {
    const scene = createScene({ sources: ["marathon"] });
    hold(scene, entry("t1", { source: "marathon" }));
    const withoutDefinition = runningTask("t1", { source: "marathon" }).filter(({ kind }) => kind !== "defined");
    await scene.say(...withoutDefinition, synced({ source: "marathon", trust: "whole" }));
    await scene.pass();
    expect(scene.keys).toEqual(["fake:t1:8080"]);
    expect(scene.world.instance("t1:8080")).toMatchObject({ state: "pending", missing: ["definition"] });
  });
});

describe("a pass in the middle of a turn", () => {
  const parts = runningTask("t1");
  const kinds = parts.map(({ kind }) => kind);

  it.each(kinds.map((kind, index) => [index + 1, kind] as const))(
    "after %i facts of a task (the last: %s) takes nothing of it away",
    async (count) => {
      const scene = createScene();
      hold(scene, entry("t1"));
      for (const fact of parts.slice(0, count)) scene.world.join(fact);
      // Nothing has been taken in yet: the facts of one turn are, together, in the next one.
      await scene.pass();
      expect(scene.keys).toEqual(["fake:t1:8080"]);
    },
  );

  it("sees the end of a task that was told just before it", async () => {
    const scene = createScene();
    hold(scene, entry("t1"));
    await scene.say(...parts, synced());
    await scene.pass();
    scene.world.join(gone({ task: "t1", clock: 9 }));
    await scene.pass();
    expect(scene.keys).toEqual([]);
  });
});

describe("rule 4: the mass-delete guard", () => {
  const trust = "whole";
  const source = "marathon";

  it("refuses many removals concluded from absence until another listing confirms them", async () => {
    const scene = createScene({ sources: [source] });
    await scene.say(...fleet("t", 20, { source }), synced({ source, trust }));
    await scene.pass();
    expect(scene.keys).toHaveLength(20);

    await scene.say(synced({ source, trust, clock: 5, floor: 5 }));
    await scene.pass();
    expect(scene.keys).toHaveLength(20);
    expect(scene.reconciler.view().guard).toContain("20 of 20");
    expect(scene.audited.filter(({ action }) => action === "guard")).toHaveLength(1);

    await scene.say(synced({ source, trust, clock: 6, floor: 6 }));
    await scene.pass();
    expect(scene.keys).toEqual([]);
    expect(scene.reconciler.view().guard).toBeNull();
  });

  it("lets few removals, or a small share, through", async () => {
    const scene = createScene({ sources: [source] });
    await scene.say(...fleet("t", 30, { source }), synced({ source, trust }));
    await scene.pass();
    await scene.say(...fleet("t", 18, { source, clock: 5 }), synced({ source, trust, clock: 5, floor: 5 }));
    await scene.pass();
    expect(scene.keys).toHaveLength(18);
  });

  it("does not hold up tasks whose end was seen", async () => {
    const scene = createScene({ sources: [source] });
    await scene.say(...fleet("t", 20, { source }), synced({ source, trust }));
    await scene.pass();
    await scene.say(...Array.from({ length: 20 }, (_, index) => gone({ source, task: `t${index}` })));
    await scene.pass();
    expect(scene.keys).toEqual([]);
  });

  it("does not hold up what a node's own engine no longer lists", async () => {
    const scene = createScene();
    await scene.say(...fleet("t", 20), synced());
    await scene.pass();
    await scene.say(synced({ clock: 5, floor: 5 }));
    await scene.pass();
    expect(scene.keys).toEqual([]);
  });
});

describe("rule 5: order", () => {
  it("registers the replacement before it deregisters the replaced", async () => {
    const scene = createScene();
    await scene.say(...runningTask("old", { hostPort: 1 }), synced());
    await scene.pass();
    scene.registry.log.length = 0;

    await scene.say(...runningTask("new", { clock: 2, hostPort: 2 }), gone({ task: "old", clock: 3 }));
    await scene.pass();

    expect(scene.registry.log.map(({ op, key }) => `${op} ${key}`)).toEqual([
      "register fake:new:8080",
      "deregister fake:old:8080",
    ]);
  });

  it("withdraws an address first that another task now holds", async () => {
    const scene = createScene();
    await scene.say(...runningTask("old", { hostPort: 1 }), synced());
    await scene.pass();
    scene.registry.log.length = 0;

    await scene.say(...runningTask("new", { clock: 2, hostPort: 1 }), gone({ task: "old", clock: 3 }));
    await scene.pass();

    expect(scene.registry.log.map(({ op, key }) => `${op} ${key}`)).toEqual([
      "deregister fake:old:8080",
      "register fake:new:8080",
    ]);
  });

  it("deregisters at the first sign of the end, not at the end", async () => {
    const scene = createScene();
    await scene.say(...runningTask("t1"), synced());
    await scene.pass();
    await scene.say(status({ clock: 2, status: "stopping" }));
    await scene.pass();
    expect(scene.keys).toEqual([]);
    expect(scene.world.instance("t1:8080")).toMatchObject({ state: "draining" });
  });
});

describe("rule 8: at the start, first drop what is stale, then register", () => {
  it("drops a former run's entry before it registers anything", async () => {
    const scene = createScene();
    hold(scene, entry("old", { endpoint: "10.0.0.1:5/tcp" }));
    await scene.say(...runningTask("t1"), synced());
    await scene.pass();
    expect(scene.registry.log.map(({ op, key }) => `${op} ${key}`)).toEqual([
      "deregister fake:old:8080",
      "register fake:t1:8080",
    ]);
  });

  it("registers nothing of a source that has not listed yet", async () => {
    const scene = createScene();
    await scene.say(...runningTask("t1"));
    await scene.pass();
    expect(scene.registry.log).toEqual([]);
    await scene.say(synced());
    await scene.pass();
    expect(scene.keys).toEqual(["fake:t1:8080"]);
  });

  it("writes nothing for what is right already", async () => {
    const scene = createScene();
    await scene.say(...runningTask("t1"), synced());
    await scene.pass();
    const again = createScene({ registry: scene.registry });
    scene.registry.log.length = 0;
    await again.say(...runningTask("t1", { clock: 7 }), synced({ clock: 7, floor: 7 }));
    await again.pass();
    expect(scene.registry.log).toEqual([]);
    expect(again.reconciler.instanceView("t1:8080").state).toBe("registered");
  });
});

describe("rule 9: a bad one affects itself alone", () => {
  it("registers the others when one can't be projected", async () => {
    const scene = createScene();
    await scene.say(
      ...runningTask("bad", { name: "unprojectable" }),
      ...runningTask("good", { hostPort: 2 }),
      synced(),
    );
    await scene.pass();
    expect(scene.keys).toEqual(["fake:good:8080"]);
    expect(scene.reconciler.instanceView("bad:8080")).toMatchObject({
      state: "failed",
      error: "fake: unprojectable can't be registered here",
    });
    expect(scene.reconciler.isReady).toBe(true);
  });

  it("registers the others when one is refused, and does not ask again until something changes", async () => {
    const scene = createScene();
    scene.registry.onApply = ({ key }) =>
      key.includes("bad") ? { ok: false, error: "fake: bad refused", retry: false, ambiguous: false } : null;
    await scene.say(...runningTask("bad"), ...runningTask("good", { hostPort: 2 }), synced());
    await scene.pass();
    await scene.pass();
    expect(scene.keys).toEqual(["fake:good:8080"]);
    expect(scene.registry.log.filter(({ key }) => key.includes("bad"))).toHaveLength(1);
    expect(scene.reconciler.instanceView("bad:8080")).toMatchObject({ state: "failed", error: "fake: bad refused" });
    expect(scene.reconciler.isReady).toBe(true);

    await scene.say(...runningTask("bad", { clock: 2, hostPort: 3 }));
    await scene.pass();
    expect(scene.registry.log.filter(({ key }) => key.includes("bad"))).toHaveLength(2);
  });

  it("keeps the label reader's complaints with their own instance", async () => {
    const scene = createScene();
    await scene.say(
      ...runningTask("bad", { labels: { "muster.weight": "heavy" } }),
      ...runningTask("good", { hostPort: 2 }),
      synced(),
    );
    expect(scene.world.instance("bad:8080")?.notes.join()).toContain("muster.weight");
    expect(scene.world.instance("good:8080")?.notes).toEqual([]);
    expect(scene.world.instance("bad:8080")?.state).toBe("ready");
  });
});

describe("health gates registration", () => {
  it("registers when healthy, withdraws when unhealthy", async () => {
    const scene = createScene();
    const facts = runningTask("t1").map((fact) => (fact.kind === "defined" ? { ...fact, healthChecked: true } : fact));
    await scene.say(...facts, health({ health: "unknown", clock: 2 }), synced());
    await scene.pass();
    expect(scene.keys).toEqual([]);

    await scene.say(health({ health: "passing", clock: 3 }));
    await scene.pass();
    expect(scene.keys).toEqual(["fake:t1:8080"]);

    await scene.say(health({ health: "failing", clock: 4 }));
    await scene.pass();
    expect(scene.keys).toEqual([]);
  });
});
