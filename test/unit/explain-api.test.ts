/** `GET /v1/explain` on a world with a fake registry: what is told, for what there is and for what there is not. */
import { describe, expect, it } from "vitest";
import { type Agent, createApi } from "../../src/http/api.ts";
import type { Explanation } from "../../src/http/explain.ts";
import type { Fact } from "../../src/model.ts";
import { defined, gone, runningTask, status, synced } from "../facts.ts";
import { createScene, silent } from "../reconciling.ts";

function explaining({ dryRun = false }: { dryRun?: boolean } = {}) {
  const { world, reconciler, registry, clock, say, pass } = createScene({ policy: { dryRun } });
  const agent: Agent = {
    scopes: () => [{ world, reconcilers: [reconciler] }],
    sources: () => world.sources(),
    audit: () => null,
    metrics: async () => ({ text: "", contentType: "text/plain" }),
    unready: () => [],
    drain: async (ids, on) => world.drain(ids, on),
    resync() {},
    subscribe: () => () => {},
    now: () => clock.now(),
    dryRun,
  };
  const app = createApi({ agent, token: null, feed: null, log: silent });
  return {
    ...{ world, registry, say, pass },
    ask: (of: string) => app.request(`/v1/explain?of=${encodeURIComponent(of)}`),
    async explain(of: string): Promise<Explanation> {
      const answer = await app.request(`/v1/explain?of=${encodeURIComponent(of)}`);
      expect(answer.status).toBe(200);
      return (await answer.json()) as Explanation;
    },
  };
}

/** A running task whose definition, `def:t1`, is not known. */
function undefinedTask(): readonly Fact[] {
  return runningTask("t1", {}).filter(({ kind }) => kind !== "defined");
}

function reasons({ tasks }: Explanation) {
  return tasks.flatMap(({ reasons: own, instances }) => [...own, ...instances.flatMap((each) => each.reasons)]);
}

describe("what is found", () => {
  it("is an instance, a task, the beginning of a task's id, or a service", async () => {
    const { say, explain } = explaining();
    await say(...runningTask("task-one", {}), ...runningTask("task-two", { hostPort: 2 }), synced());
    for (const [of, tasks] of [
      ["task-one:8080", ["task-one"]],
      ["task-two", ["task-two"]],
      ["task-o", ["task-one"]],
      ["web", ["task-one", "task-two"]],
    ] as const) {
      expect((await explain(of)).tasks.map(({ task }) => task)).toEqual(tasks);
    }
  });

  it("is not a task that its labels give another name, though its image would call it so", async () => {
    const { say, explain } = explaining();
    const other = runningTask("t2", { hostPort: 2, labels: { "muster.name": "api" } });
    await say(...runningTask("t1", {}), ...other, synced());
    expect((await explain("web")).tasks.map(({ task }) => task)).toEqual(["t1"]);
    expect((await explain("api")).tasks.map(({ task }) => task)).toEqual(["t2"]);
  });

  it("is at most 20 tasks, and how many more there are", async () => {
    const { say, explain } = explaining();
    const tasks = Array.from({ length: 25 }, (_, index) => runningTask(`t${index}`, { hostPort: 1000 + index })).flat();
    await say(...tasks, synced());
    const { tasks: shown, more } = await explain("web");
    expect([shown.length, more]).toEqual([20, 5]);
  });

  it("is nothing: 404 that names the services there are", async () => {
    const { say, ask } = explaining();
    await say(...runningTask("t1", {}), synced());
    const answer = await ask("wep");
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ detail: "nothing is known of wep; services are web" });
    expect((await ask("")).status).toBe(400);
  });

  it("is also a task that is over, by any of its names, with its time line (and not the memory of all that ever was)", async () => {
    const { say, pass, explain } = explaining();
    await say(...runningTask("t1", {}), synced());
    await pass();
    await say(gone({ task: "t1", clock: 5 }));
    await pass();
    for (const of of ["t1", "t1:8080", "web"]) {
      const { tasks } = await explain(of);
      expect(tasks).toMatchObject([{ task: "t1", isOver: true, services: ["web"], instances: [], reasons: [] }]);
      expect(tasks[0]?.timeline.map(({ text }) => text)).toContain("web: over");
      expect(tasks[0]?.timeline.at(-1)?.write).toMatchObject({ op: "deregister", ok: true, instance: "t1:8080" });
    }
  });

  it("is no longer a task that is over when 500 others have ended since: memory is bounded, also after their writes", async () => {
    const { world, say, pass, ask } = explaining();
    await say(...runningTask("first", {}), synced());
    await pass();
    await say(gone({ task: "first", clock: 5 }));
    // The deregistration is written into the time line of a task that is over already.
    await pass();
    for (let index = 0; index < 501; index++) {
      await say(...runningTask(`t${index}`, { hostPort: 1000 + index }), gone({ task: `t${index}`, clock: 9 }));
    }
    expect((await ask("first")).status).toBe(404);
    expect([...world.timeline.tasks()].length).toBeLessThanOrEqual(500);
  });

  it("facts of tasks that never were, however many, do not fill the memory", async () => {
    const { world, say } = explaining();
    await say(...Array.from({ length: 900 }, (_, index): Fact => gone({ task: `stranger-${index}` })));
    await say(...runningTask("t1", {}));
    expect([...world.timeline.tasks()].length).toBeLessThanOrEqual(501);
    expect(world.timeline.of("t1")).not.toEqual([]);
  });
});

describe("the time line", () => {
  it("tells each fact, what was missing, when it was complete and ready, and the write", async () => {
    const { say, pass, explain } = explaining();
    await say(...undefinedTask(), synced());
    await pass();
    await say(defined({ definition: "def:t1", clock: 3, via: "GET /apps" }));
    await pass();
    const { timeline } = (await explain("t1")).tasks[0] ?? { timeline: [] };
    const told = timeline.map(({ kind, by, text }) => `${kind} ${by} ${text}`);
    expect(told).toEqual(
      expect.arrayContaining([
        "assigned docker assigned to node n1 (test)",
        "status docker running (test)",
        "state muster def:t1: waits for definition",
        "defined docker defined as web from web:1 (GET /apps)",
        "state muster web: complete and ready",
      ]),
    );
    expect(timeline.find(({ kind }) => kind === "write")?.write).toEqual({
      instance: "t1:8080",
      key: "fake:t1:8080",
      op: "register",
      ok: true,
      ms: 0,
      attempt: 1,
      error: null,
    });
  });

  it("is complete before it is healthy", async () => {
    const { say, explain } = explaining();
    await say(...undefinedTask(), defined({ definition: "def:t1", healthChecked: true }), synced());
    const { tasks } = await explain("t1");
    expect(tasks[0]?.timeline.map(({ text }) => text)).toContain("web: complete; waits for health");
  });
});

describe("the reason and the remedy", () => {
  it("nothing, where all is as it should be", async () => {
    const { say, pass, explain } = explaining();
    await say(...runningTask("t1", {}), synced());
    await pass();
    expect(reasons(await explain("t1"))).toEqual([]);
  });

  it("pending: what is missing, and who is asked for it", async () => {
    const { say, explain } = explaining();
    await say(...undefinedTask(), synced());
    expect(reasons(await explain("t1"))).toMatchObject([
      { registry: null, why: expect.stringContaining("definition"), remedy: expect.stringContaining("asks docker") },
    ]);
  });

  it("paused", async () => {
    const { say, explain } = explaining();
    await say(...runningTask("t1", {}), status({ clock: 2, status: "paused" }), synced());
    expect(reasons(await explain("t1"))).toMatchObject([{ why: "it is paused, and only what runs is registered" }]);
  });

  it("not before its source has listed", async () => {
    const { say, explain } = explaining();
    await say(...runningTask("t1", {}));
    expect(reasons(await explain("t1"))).toMatchObject([
      { registry: "fake", why: "nothing is registered before docker has listed all that it has" },
    ]);
  });

  it("failed, with the registry's error", async () => {
    const { say, pass, registry, explain } = explaining();
    registry.onApply = () => ({ ok: false, error: "fake: register t1: status 403", retry: false, ambiguous: false });
    await say(...runningTask("t1", {}), synced());
    await pass();
    const explanation = await explain("t1");
    expect(reasons(explanation)).toMatchObject([
      { registry: "fake", why: "fake: register t1: status 403", remedy: expect.stringContaining("muster doctor") },
    ]);
    expect(explanation.tasks[0]?.timeline.at(-1)?.write).toMatchObject({ ok: false, attempt: 1 });
  });

  it("a registry that can't be reached", async () => {
    const { say, pass, registry, explain } = explaining();
    registry.onList = () => new Error("fake: connection refused");
    await say(...runningTask("t1", {}), synced());
    await pass().catch(() => {});
    expect(reasons(await explain("t1"))).toMatchObject([
      { registry: "fake", why: "fake is failing: fake: connection refused" },
    ]);
  });

  it("dry run", async () => {
    const { say, pass, explain } = explaining({ dryRun: true });
    await say(...runningTask("t1", {}), synced());
    await pass();
    expect(reasons(await explain("t1"))).toMatchObject([{ registry: "fake", why: expect.stringContaining("dryRun") }]);
  });

  it("drained by somebody: how to put it back; stopping by itself: that it stops", async () => {
    const { say, world, explain } = explaining();
    await say(...runningTask("t1", {}), synced());
    world.drain(["t1:8080"], true);
    await say();
    expect(reasons(await explain("t1"))).toMatchObject([{ remedy: "muster undrain t1:8080" }]);
    await say(status({ clock: 2, status: "stopping" }));
    expect(reasons(await explain("t1"))).toMatchObject([{ why: expect.stringContaining("stopping"), remedy: null }]);
  });

  it.each([
    [{ labels: { "muster.enable": "false" } }, /muster\.enable=false/],
    [{ expose: "labelled" as const }, /expose: labelled/],
  ])("a task that never became an instance: %j", async (over, why) => {
    const { say, explain } = explaining();
    await say(...undefinedTask(), defined({ definition: "def:t1", ...over }), synced());
    const explanation = await explain("web");
    expect(explanation.tasks).toMatchObject([{ task: "t1", isOver: false, instances: [] }]);
    expect(reasons(explanation)).toMatchObject([{ why: expect.stringMatching(why), remedy: expect.any(String) }]);
  });

  it("label problems are notes, also where there is no instance to bear them", async () => {
    const { say, explain } = explaining();
    const labels = { "muster.enable": "false", "muster.weight": "heavy" };
    await say(...undefinedTask(), defined({ definition: "def:t1", labels }), synced());
    expect((await explain("t1")).tasks[0]?.notes).toEqual([expect.stringContaining("heavy")]);
  });
});
