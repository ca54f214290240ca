import { describe, expect, it } from "vitest";
import { marathonFixture } from "./fixtures.ts";
import { CHECKED, heardCluster, WEB } from "./heard.ts";

describe("tasks", () => {
  it.each([
    ["0.11", "legacy task id, Marathon 0.8-1.7 apps"],
    ["1.7", "legacy task id, Marathon 0.8-1.7 apps"],
    ["1.8", "app task with incarnation, 1.8+"],
  ] as const)("have ids as in %s", (version, kind) => {
    const ids = marathonFixture("ids.json") as readonly { readonly kind: string; readonly regex: string }[];
    const { cluster } = heardCluster({ version });
    cluster.deploy(WEB);

    const { regex = "" } = ids.find((entry) => entry.kind === kind) ?? {};

    for (const { task } of cluster.truth()) expect(task).toMatch(new RegExp(regex));
    for (const { task } of cluster.truth()) expect(task).toMatch(/^shop_web\./);
  });

  it("that fail are replaced in their instance from 1.8, by another instance before", () => {
    const ids = (version: "1.7" | "1.8") => {
      const { cluster, first } = heardCluster({ version });
      cluster.deploy({ ...WEB, instances: 1 });
      const [before] = cluster.truth();
      cluster.crash(first());
      const [after] = cluster.truth();
      return { isSameInstance: before?.instance === after?.instance, isSameTask: before?.task === after?.task };
    };

    expect(ids("1.7")).toEqual({ isSameInstance: false, isSameTask: false });
    expect(ids("1.8")).toEqual({ isSameInstance: true, isSameTask: false });
  });

  it("out of sight do not run, lose their addresses, and may come back as they were", () => {
    const { cluster, take, first, task } = heardCluster();
    cluster.deploy(WEB);
    const [id, before] = [first(), task(first())];
    take();

    cluster.unreachable(id);
    expect(task(id)?.running).toBe(false);
    expect(take("status_update_event")).toMatchObject([{ taskStatus: "TASK_UNREACHABLE", ipAddresses: [] }]);

    cluster.reachable(id);
    expect(task(id)).toEqual(before);
  });

  it("out of sight for long are replaced, and when they come back the replacement is killed", () => {
    const { cluster, first, task } = heardCluster();
    cluster.deploy(WEB);
    const id = first();
    cluster.unreachable(id);
    cluster.tick(301_000);
    expect(cluster.truth().filter(({ running }) => running)).toHaveLength(2);

    cluster.reachable(id);

    expect(task(id)?.running).toBe(true);
    expect(cluster.truth()).toHaveLength(2);
  });

  it("given up are killed when they come back", () => {
    const { cluster, take, first } = heardCluster();
    cluster.deploy({ ...WEB, unreachableStrategy: { inactiveAfterSeconds: 0, expungeAfterSeconds: 0 } });
    const id = first();
    cluster.unreachable(id);
    take();

    cluster.reachable(id);

    expect(take()).toMatchObject([{ eventType: "unknown_instance_terminated_event", condition: "Killed" }]);
    expect(cluster.tasks()).not.toContain(id);
  });

  it("are LOST before 1.4", () => {
    const { cluster, take, first } = heardCluster({ version: "1.3" });
    cluster.deploy(WEB);

    cluster.unreachable(first());

    expect(take().at(-1)).toMatchObject({ eventType: "status_update_event", taskStatus: "TASK_LOST" });
  });

  it("wait for an agent with room, and start when there is some", () => {
    const { cluster, first } = heardCluster({ agents: 1, hostPorts: [31_000, 31_001] });
    cluster.deploy({ ...WEB, instances: 3 });
    expect(cluster.truth()).toHaveLength(2);

    cluster.crash(first());

    expect(new Set(cluster.truth().map(({ endpoints }) => endpoints[0]?.port))).toEqual(new Set([31_000, 31_001]));
  });

  it("of a resident app go back to their agent", () => {
    const { cluster, first, task } = heardCluster({ version: "1.5", agents: 20 });
    cluster.deploy({ ...WEB, residency: {} });
    const [id, before] = [first(), task(first())];

    cluster.crash(id);

    const again = id.replace(/1$/, "2");
    expect(task(again)).toMatchObject({ host: before?.host, running: true });
  });
});

describe("health", () => {
  it("is told per check, starting from not alive, and as a whole", () => {
    const { cluster, take, first } = heardCluster({ health: "manual" });
    cluster.deploy({ ...CHECKED, instances: 1 });
    const heard = (check: number, alive: boolean) => {
      take();
      cluster.setHealth(first(), check, alive);
      return take().flatMap(({ eventType, alive: one, healthy }) =>
        eventType.includes("health") ? [`${eventType.replace("_event", "")} ${one ?? healthy ?? ""}`.trim()] : [],
      );
    };

    expect(heard(0, false)).toEqual(["failed_health_check", "instance_health_changed false"]);
    expect(heard(0, true)).toEqual(
      ["health_status_changed true", "instance_health_changed null"].map((line) => line.replace(" null", "")),
    );
    expect(heard(1, true)).toEqual(["health_status_changed true", "instance_health_changed true"]);
    expect(heard(1, true)).toEqual([]);
  });

  it("of checks that Mesos runs repeats TASK_RUNNING, and the whole twice", () => {
    const { cluster, take, first } = heardCluster({ health: "manual" });
    cluster.deploy({ ...WEB, instances: 1, healthChecks: [{ protocol: "MESOS_HTTP" }, { protocol: "MESOS_TCP" }] });
    take();

    cluster.setHealth(first(), 0, true);

    const heard = take().map(({ eventType }) => eventType);
    expect(heard.slice(0, 5)).toEqual([
      "status_update_event",
      ...["health_status_changed_event", "health_status_changed_event"],
      ...["instance_health_changed_event", "instance_health_changed_event"],
    ]);
  });

  it("is forgotten by a new leader where Marathon ran the check, and told again", () => {
    const { cluster, take } = heardCluster();
    cluster.deploy({ ...WEB, instances: 1, healthChecks: [{ protocol: "HTTP" }, { protocol: "MESOS_HTTP" }] });
    const results = () =>
      [...cluster.state.specs.values()].flatMap(({ instances }) => [...instances.values()][0]?.tasks[0]?.results);
    take();

    cluster.failover();
    expect(results().map((result) => result?.alive ?? null)).toEqual([null, true]);
    expect(cluster.truth()[0]?.healthy).toBe(true);

    cluster.tick(1);
    expect(take("health_status_changed_event")).toMatchObject([{ alive: true }]);
    expect(results().map((result) => result?.alive ?? null)).toEqual([true, true]);
  });

  it("may be told under a clock that is behind", () => {
    const { cluster, take } = heardCluster();
    cluster.deploy(CHECKED);
    const before = take().at(-1)?.timestamp ?? "";

    cluster.failover({ skewMs: -60_000 });

    expect(take("scheduler_registered_event")[0]?.timestamp.localeCompare(before)).toBe(-1);
  });
});
