/** The merge rules of facts/marathon.md §6: what is held depends on what was said, not on the order in which it was heard. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Bench,
  CHECKED,
  createBench,
  healthOf,
  INSTANCE,
  statusOf,
  TASK,
  UUID,
  V1,
  webApp,
  webTask,
} from "./bench.ts";

type Step = readonly ["status", string] | readonly ["health", boolean];

/** A life as Marathon tells it: each step is later than the one before. */
const life: fc.Arbitrary<readonly Step[]> = fc
  .record({
    begin: fc.subarray<Step>([
      ["status", "TASK_STAGING"],
      ["status", "TASK_STARTING"],
    ]),
    middle: fc.array(
      fc.constantFrom<Step>(
        ["status", "TASK_RUNNING"],
        ["status", "TASK_UNREACHABLE"],
        ["health", true],
        ["health", false],
      ),
      { maxLength: 6 },
    ),
    end: fc.constantFrom<readonly Step[]>(
      [],
      [["status", "TASK_KILLING"]],
      [
        ["status", "TASK_KILLING"],
        ["status", "TASK_KILLED"],
      ],
      [["status", "TASK_FAILED"]],
    ),
  })
  .map(({ begin, middle, end }) => [...begin, ["status", "TASK_RUNNING"] as const, ...middle, ...end]);

function play(steps: readonly (readonly [ts: number, Step])[]): Bench {
  const bench = createBench();
  bench.list([webApp([], CHECKED)]);
  for (const [ts, [kind, value]] of steps) {
    if (kind === "status") bench.status(ts, value);
    else bench.health(ts, value);
  }
  return bench;
}

describe("what is held of a task", () => {
  it("is the same for any order and repetition of its events, and its end is final at once", () => {
    const scrambled = life.chain((steps) => {
      const timed = steps.map((step, index) => [10 * (index + 1), step] as const);
      const twice = fc.subarray([...timed]).map((again) => [...timed, ...again]);
      return fc.record({
        timed: fc.constant(timed),
        heard: twice.chain((all) => fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length })),
      });
    });
    fc.assert(
      fc.property(scrambled, ({ timed, heard }) => {
        const [expected, actual] = [play(timed), play(heard)];
        expect(statusOf(actual)).toBe(statusOf(expected));
        expect(healthOf(actual)).toBe(healthOf(expected));
        const end = actual.facts.findIndex(({ kind }) => kind === "gone");
        const after = end === -1 ? [] : actual.facts.slice(end + 1);
        expect(after.filter((fact) => "task" in fact && fact.task === TASK)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it("has the identity that was said first; nothing that is empty overwrites it", () => {
    const bench = createBench();
    bench.list([webApp([])]);
    bench.status(10, "TASK_RUNNING", { ipAddresses: [{ ipAddress: "9.0.3.130" }] });
    bench.status(20, "TASK_UNREACHABLE", { host: "unknown", ports: [], ipAddresses: [] });
    const allocated = { host: "10.0.12.10", ports: [{ name: null, port: 31_000 }], addresses: ["9.0.3.130"] };
    expect(bench.correlator.record(TASK)?.addressed?.allocated).toEqual(allocated);
    expect(bench.asked).toEqual([]);
    bench.status(30, "TASK_RUNNING", { ports: [31_999] });
    expect(bench.correlator.record(TASK)?.addressed?.allocated).toEqual(allocated);
    expect(bench.asked).toMatchObject([{ subject: { app: "/web" }, version: null }]);
    bench.list([webApp([webTask("TASK_RUNNING", { ports: [31_999] })])]);
    expect(bench.correlator.record(TASK)?.addressed?.allocated?.ports).toEqual([{ name: null, port: 31_999 }]);
  });

  it("is joined with the definition of its own version only", () => {
    const bench = createBench();
    const next = "2019-10-23T00:00:00.000Z";
    bench.list([webApp([webTask("TASK_RUNNING")], { version: next, versionInfo: { lastConfigChangeAt: next } })]);
    expect(bench.correlator.record(TASK)?.definition).toBeNull();
    expect(bench.asked).toMatchObject([{ subject: { app: "/web", isPod: false }, version: V1 }]);
  });

  it("needs no other definition where the app was only scaled since", () => {
    const bench = createBench();
    const next = "2019-10-23T00:00:00.000Z";
    bench.list([webApp([webTask("TASK_RUNNING")], { version: next, versionInfo: { lastConfigChangeAt: V1 } })]);
    expect(bench.correlator.record(TASK)?.definition).toMatchObject({
      definition: `marathon:fw:/web@${V1}`,
      version: V1,
      ports: [{ servicePort: 10_001 }],
    });
    expect(bench.asked).toEqual([]);
  });

  it("takes a posted definition, but not one whose service port is still 0", () => {
    for (const port of [0, 10_001]) {
      const bench = createBench();
      bench.status(10, "TASK_STAGING");
      const appDefinition = webApp([], { portDefinitions: [{ port }] });
      bench.hear(20, { eventType: "api_post_event", uri: "/v2/apps", appDefinition });
      const definition = bench.correlator.record(TASK)?.definition ?? null;
      expect(definition === null).toBe(port === 0);
      expect(bench.asked).toMatchObject([{ version: V1 }]);
    }
  });
});

describe("events that say little", () => {
  it.each([
    ["Killing", true],
    ["Unreachable", true],
    ["Failed", true],
    ["Running", false],
    ["Scheduled", false],
  ])("an instance that is %s raises a question only where it says something new", (condition, isNew) => {
    const bench = createBench();
    bench.list([webApp([webTask("TASK_RUNNING")])]);
    bench.hear(10, { eventType: "instance_changed_event", instanceId: INSTANCE, runSpecId: "/web", condition });
    expect(bench.asked.length > 0).toBe(isNew);
    if (!isNew) return;
    expect(bench.asked[0]?.wish.isStillNeeded?.()).toBe(true);
    bench.status(20, "TASK_KILLED");
    expect(bench.asked[0]?.wish.isStillNeeded?.()).toBe(false);
  });

  it("an unknown task that ended has ended, one that is unreachable has not", () => {
    const bench = createBench();
    const event = { eventType: "unknown_task_terminated_event", taskId: `web.${UUID}`, runSpecId: "/web" };
    bench.hear(10, { ...event, status: "Unreachable" });
    expect(bench.correlator.isGone(`web.${UUID}`)).toBe(false);
    bench.hear(20, { ...event, status: "Gone" });
    expect(bench.correlator.isGone(`web.${UUID}`)).toBe(true);
  });

  it("a deployment raises a question later, a registration a listing", () => {
    const bench = createBench();
    bench.hear(10, {
      eventType: "deployment_success",
      id: "1",
      plan: { steps: [{ actions: [{ app: "/web" }, { pod: "/pod" }] }] },
    });
    expect(bench.asked).toMatchObject([
      { subject: { app: "/web", isPod: false }, wish: { delay: 3_000 } },
      { subject: { app: "/pod", isPod: true }, wish: { delay: 3_000 } },
    ]);
    bench.hear(20, { eventType: "scheduler_registered_event", frameworkId: "fw", master: "m" });
    expect(bench.requests).toEqual(["listing"]);
  });
});

describe("memory", () => {
  it("stays bounded in a crash loop", () => {
    const bench = createBench({ maxTombstones: 100, maxParked: 50 });
    bench.list([webApp([])]);
    for (let crash = 0; crash < 1_000; crash++) {
      const [taskId, instanceId] = [`web.instance-${crash}._app.1`, `web.instance-${crash}`];
      bench.status(10 * crash, "TASK_RUNNING", { taskId });
      bench.health(10 * crash + 1, true, { instanceId });
      bench.status(10 * crash + 2, "TASK_FAILED", { taskId });
    }
    expect(bench.held.tasks.size).toBe(0);
    expect(bench.held.tombstones.size()).toBeGreaterThan(90);
    expect(bench.held.tombstones.size()).toBeLessThanOrEqual(100);
    expect(bench.held.definitions.size()).toBe(1);
    expect(bench.asked).toEqual([]);
  });

  it("takes up no more tasks than it may, and says so", () => {
    const bench = createBench({ maxTasks: 2 });
    for (const n of [1, 2, 3, 4]) bench.status(n, "TASK_RUNNING", { taskId: `web.instance-${n}._app.1` });
    expect(bench.held.tasks.size).toBe(2);
    expect(bench.facts.filter(({ kind }) => kind === "notice")).toMatchObject([
      { message: "marathon: more than 2 tasks: the others are not registered" },
    ]);
  });
});
