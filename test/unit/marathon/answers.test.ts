/** What answers may conclude, and when (M7 and the guards of facts/marathon.md §6). */
import { describe, expect, it } from "vitest";
import { createBench, statusOf, TASK, webApp, webTask } from "./bench.ts";

describe("an answer", () => {
  it("does not undo what was heard after the question", () => {
    const bench = createBench();
    bench.status(10, "TASK_RUNNING");
    const look = bench.look();
    bench.status(20, "TASK_UNREACHABLE");
    bench.list([webApp([webTask("TASK_RUNNING")])], look);
    expect(statusOf(bench)).toBe("unreachable");
    bench.list([webApp([webTask("TASK_RUNNING")])]);
    expect(statusOf(bench)).toBe("running");
  });

  it("never brings back what has ended", () => {
    const bench = createBench();
    const look = bench.look();
    bench.status(10, "TASK_FAILED", { message: "Command exited with status 1" });
    bench.list([webApp([webTask("TASK_RUNNING")])], look);
    bench.list([webApp([webTask("TASK_RUNNING")])]);
    bench.status(5, "TASK_RUNNING");
    expect(statusOf(bench)).toBe("gone");
    expect(bench.facts.filter(({ kind }) => kind === "gone")).toMatchObject([
      { reason: "TASK_FAILED: Command exited with status 1" },
    ]);
  });

  it("lacks a task twice before that is believed, some time apart", () => {
    const bench = createBench();
    const others = Array.from({ length: 4 }, (_, n) => webTask("TASK_RUNNING", { id: `web.instance-${n}._app.1` }));
    bench.list([webApp([...others, webTask("TASK_RUNNING")])]);
    bench.list([webApp(others)]);
    bench.repeat();
    expect(statusOf(bench)).toBe("running");
    expect(bench.asked.at(-1)).toMatchObject({ subject: { app: "/web" }, wish: { delay: 2_000 } });
    bench.tick(1_000);
    bench.list([webApp(others)]);
    bench.repeat();
    expect(statusOf(bench)).toBe("running");
    bench.tick(1_000);
    bench.list([webApp(others)]);
    expect(bench.requests).toEqual(["repeat"]);
    bench.repeat();
    expect(statusOf(bench)).toBeNull();
    // Concluded, not seen: it is no end.
    expect(bench.correlator.isGone(TASK)).toBe(false);
    // A late event does not bring it back, an answer does.
    bench.status(10, "TASK_RUNNING");
    expect(statusOf(bench)).toBeNull();
    expect(bench.asked.at(-1)).toMatchObject({ subject: { app: "/web" }, version: null });
    bench.list([webApp([...others, webTask("TASK_RUNNING")])]);
    expect(statusOf(bench)).toBe("running");
  });

  it.each([
    ["is empty", []],
    ["lacks half of all tasks", [webApp([])]],
  ])("that %s must be confirmed after a longer time", (_, apps) => {
    const bench = createBench();
    bench.list([webApp([webTask("TASK_RUNNING")])]);
    bench.list(apps);
    bench.tick(5_000);
    bench.list(apps);
    bench.repeat();
    expect(statusOf(bench)).toBe("running");
    bench.tick(5_000);
    bench.list(apps);
    bench.repeat();
    expect(statusOf(bench)).toBeNull();
  });

  it("says nothing of a task that was heard of after the question", () => {
    const bench = createBench();
    bench.list([webApp([])]);
    const look = bench.look();
    bench.status(10, "TASK_RUNNING");
    bench.list([webApp([])], look);
    bench.tick(60_000);
    bench.list([webApp([])], look);
    bench.repeat();
    expect(statusOf(bench)).toBe("running");
  });

  it("shows that an event came too late to be believed", () => {
    const bench = createBench();
    bench.status(100, "TASK_RUNNING", { taskId: `web.instance-7._app.1` });
    bench.list([webApp([webTask("TASK_RUNNING", { id: `web.instance-7._app.1` })])]);
    bench.status(50, "TASK_RUNNING");
    expect(statusOf(bench)).toBeNull();
    expect(bench.asked.at(-1)).toMatchObject({ subject: { app: "/web" }, version: null });
  });

  it("ends a kill that did not come about, but not at once", () => {
    const bench = createBench();
    bench.status(10, "TASK_RUNNING");
    bench.status(20, "TASK_KILLING");
    bench.list([webApp([webTask("TASK_RUNNING")])]);
    expect(statusOf(bench)).toBe("stopping");
    bench.tick(31_000);
    bench.list([webApp([webTask("TASK_RUNNING")])]);
    expect(statusOf(bench)).toBe("running");
  });

  it("of a state that nobody knows says that the task is there", () => {
    const bench = createBench();
    bench.list([webApp([webTask("TASK_RUNNING")])]);
    bench.tick(60_000);
    bench.list([webApp([webTask("TASK_OF_TOMORROW")])]);
    bench.repeat();
    expect(statusOf(bench)).toBe("running");
  });

  it("that can't be read in part lets nothing go", () => {
    const bench = createBench();
    bench.list([webApp([webTask("TASK_RUNNING")])]);
    for (let look = 0; look < 3; look++) {
      bench.list([{ id: 7 }]);
      bench.tick(60_000);
    }
    bench.repeat();
    expect(statusOf(bench)).toBe("running");
  });
});
