/** Up to Marathon 1.4 a resident task starts again under its old id: its end is not for good, its place not its last. */
import { describe, expect, it } from "vitest";
import { type Bench, createBench, UUID, V1, webApp } from "./bench.ts";

const OLD = `web.${UUID}`;
const RESIDENT = { residency: {}, healthChecks: [{ protocol: "HTTP" }] };

function status(bench: Bench, ts: number, taskStatus: string, ports: readonly number[] = [31_000]): void {
  bench.status(ts, taskStatus, { taskId: OLD, ports });
}

/** What is known of it, in one line. */
function known({ correlator }: Bench): string {
  if (correlator.isGone(OLD)) return "gone";
  const record = correlator.record(OLD);
  const ports = record?.addressed?.allocated?.ports.map(({ port }) => port) ?? [];
  return `${record?.status} ${record?.health} at ${ports}`;
}

function health(bench: Bench, ts: number, alive: boolean): void {
  bench.hear(ts, { eventType: "health_status_changed_event", appId: "/web", taskId: OLD, alive, version: V1 });
}

/** The definition arrives with an answer to the first question. */
function define(bench: Bench, more = RESIDENT): void {
  bench.list([webApp([], more)], { epoch: 0, ts: 0, heard: 0, at: 0 });
}

describe("a resident task", () => {
  it("that starts again elsewhere is there at once, and nowhere until it runs, though its end was not heard", () => {
    const bench = createBench();
    define(bench);
    status(bench, 10, "TASK_RUNNING");
    health(bench, 15, true);
    expect(known(bench)).toBe("running passing at 31000");
    status(bench, 30, "TASK_STAGING", [31_009]);
    expect(known(bench)).toBe("staging unknown at 31009");
    status(bench, 40, "TASK_RUNNING", [31_009]);
    health(bench, 45, true);
    expect(known(bench)).toBe("running passing at 31009");
  });

  it("is not taken for where it was before by what is late", () => {
    const bench = createBench();
    define(bench);
    status(bench, 40, "TASK_RUNNING", [31_009]);
    health(bench, 45, true);
    for (const [ts, state] of [
      [10, "TASK_STAGING"],
      [20, "TASK_RUNNING"],
      [30, "TASK_FAILED"],
    ] as const)
      status(bench, ts, state);
    expect(known(bench)).toBe("running passing at 31009");
  });

  it.each([
    ["is stopped until it is known whether it is one, and may return", RESIDENT, "running"],
    ["that turns out to be an ordinary one is gone then", { ...RESIDENT, residency: null }, "gone"],
  ] as const)("whose end comes before its definition %s", (_, app, after) => {
    for (const isRunningHeard of [true, false]) {
      const bench = createBench();
      if (isRunningHeard) status(bench, 10, "TASK_RUNNING");
      status(bench, 20, "TASK_FAILED");
      expect(known(bench)).toMatch(/^stopped/);
      expect(bench.asked.at(-1)).toMatchObject({ subject: { app: "/web", isPod: false }, version: V1 });
      define(bench, app as typeof RESIDENT);
      status(bench, 30, "TASK_RUNNING", [31_009]);
      expect(known(bench)).toMatch(new RegExp(`^${after}`));
    }
  });

  it("with a number in its id is over when it ends", () => {
    const bench = createBench();
    bench.status(10, "TASK_RUNNING", { taskId: `${OLD}.1` });
    bench.status(20, "TASK_FAILED", { taskId: `${OLD}.1` });
    expect(bench.correlator.isGone(`${OLD}.1`)).toBe(true);
  });
});

describe("a pod's container without checks", () => {
  it("is not failing because another one was before its definition was known", () => {
    const bench = createBench();
    const task = (container: string) => `pod.instance-${UUID}.${container}`;
    for (const container of ["front", "back"])
      bench.status(10, "TASK_RUNNING", { taskId: task(container), appId: "/pod", ports: [] });
    bench.health(20, false, { instanceId: `pod.instance-${UUID}`, runSpecId: "/pod" });
    const containers = [
      { name: "front", healthCheck: {} },
      { name: "back", healthCheck: null },
    ].map(({ name, healthCheck }) => ({
      ...{ app: "/pod", container: name, version: V1, name, image: null, labels: {}, ports: [], readiness: false },
      ...{ healthChecks: healthCheck === null ? 0 : 1, resident: false, isUnassigned: false, unused: [] },
    }));
    bench.held.definitions.version(containers);
    bench.held.describe("/pod", "definition");
    const healths = ["front", "back"].map((container) => bench.correlator.record(task(container))?.health);
    expect(healths).toEqual(["failing", "none"]);
  });
});
