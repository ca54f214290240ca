/** Health of all checks, whoever tells it (M4 of facts/marathon.md §6). */
import { describe, expect, it } from "vitest";
import { CHECKED, createBench, healthOf, INSTANCE, statusOf, TASK, V1, webApp, webTask } from "./bench.ts";

describe("health", () => {
  const results = (...alive: boolean[]) => ({ healthCheckResults: alive.map((one) => ({ alive: one })) });

  it("needs all checks", () => {
    const bench = createBench();
    const checks = { healthChecks: [{}, {}] };
    bench.list([webApp([webTask("TASK_RUNNING", results(true))], checks)]);
    expect(healthOf(bench)).toBe("unknown");
    bench.list([webApp([webTask("TASK_RUNNING", results(true, true))], checks)]);
    expect(healthOf(bench)).toBe("passing");
    bench.list([webApp([webTask("TASK_RUNNING", results(true, false))], checks)]);
    expect(healthOf(bench)).toBe("failing");
  });

  it("that is absent after a fail-over is not false; an explicit false is", () => {
    const bench = createBench();
    bench.list([webApp([webTask("TASK_RUNNING", results(true))], CHECKED)]);
    bench.hearing.attached();
    bench.list([webApp([webTask("TASK_RUNNING")], CHECKED)]);
    bench.health(5, null);
    expect(healthOf(bench)).toBe("passing");
    bench.health(6, false);
    expect(healthOf(bench)).toBe("failing");
  });

  it("of a check that has not run yet is not known", () => {
    const bench = createBench();
    const blank = { alive: false, consecutiveFailures: 0, lastFailure: null, lastSuccess: null };
    bench.list([webApp([webTask("TASK_RUNNING", { healthCheckResults: [blank] })], CHECKED)]);
    expect(healthOf(bench)).toBe("unknown");
  });

  it("of single checks counts only until health of all was heard", () => {
    const bench = createBench();
    const check = (ts: number, alive: boolean) =>
      bench.hear(ts, {
        eventType: "health_status_changed_event",
        appId: "/web",
        instanceId: INSTANCE,
        alive,
        version: V1,
      });
    bench.list([webApp([webTask("TASK_RUNNING")], CHECKED)]);
    check(10, true);
    expect(healthOf(bench)).toBe("passing");
    bench.health(20, true);
    check(30, false);
    expect(healthOf(bench)).toBe("passing");
  });

  it("of an instance is that of its newest task, not of the one before it", () => {
    const bench = createBench();
    const next = `${INSTANCE}._app.2`;
    bench.list([webApp([webTask("TASK_RUNNING", { id: next, stagedAt: new Date(100).toISOString() })], CHECKED)]);
    bench.health(50, true);
    expect(bench.correlator.record(next)?.health).toBe("unknown");
    bench.health(150, true);
    expect(bench.correlator.record(next)?.health).toBe("passing");
  });

  it("heard before the task waits for it", () => {
    const bench = createBench();
    bench.list([webApp([], CHECKED)]);
    bench.health(30, true);
    bench.status(20, "TASK_RUNNING");
    expect(healthOf(bench)).toBe("passing");
  });

  it("that fails is followed by a kill, which is announced", () => {
    const bench = createBench();
    bench.list([webApp([webTask("TASK_RUNNING")])]);
    const event = { eventType: "unhealthy_instance_kill_event", appId: "/web", taskId: TASK, instanceId: INSTANCE };
    bench.hear(10, { ...event, reason: "500 Internal Server Error", version: V1, host: "10.0.12.10", slaveId: "S0" });
    expect(statusOf(bench)).toBe("stopping");
  });
});
