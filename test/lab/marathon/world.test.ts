import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { actAtRandom } from "./acts.ts";
import { type Cluster, createCluster } from "./cluster.ts";
import { MARATHON_VERSIONS } from "./versions.ts";
import type { MarathonEvent } from "./world.ts";

const worlds = fc.record({
  version: fc.constantFrom(...MARATHON_VERSIONS),
  seed: fc.nat(),
  stepMs: fc.constantFrom(0, 100, 5000),
});

/** A cluster after random acts, with what it said meanwhile. */
function worldOf(options: {
  readonly version: (typeof MARATHON_VERSIONS)[number];
  readonly seed: number;
  readonly stepMs: number;
}) {
  const cluster = createCluster({ ...options, agents: 2, nodes: 2, hostPorts: [31_000, 31_019] });
  const events: MarathonEvent[] = [];
  cluster.subscribe((event) => void events.push(event));
  const acts = actAtRandom(cluster, options.seed, 40);
  return { cluster, events, acts };
}

function endpoints(cluster: Cluster): readonly string[] {
  return cluster
    .truth()
    .filter(({ running }) => running)
    .flatMap((task) =>
      task.endpoints.map(({ address, port, protocol }) => `${task.agent} ${address}:${port}/${protocol}`),
    )
    .filter((endpoint) => endpoint.includes(" 10."));
}

/** Whether the last that was heard of a task is that it runs. */
function heardRunning(events: readonly MarathonEvent[]): ReadonlySet<unknown> {
  const last = new Map<unknown, unknown>();
  for (const event of events)
    if (event.eventType === "status_update_event") last.set(event["taskId"], event["taskStatus"]);
  return new Set([...last].filter(([, status]) => status === "TASK_RUNNING").map(([task]) => task));
}

describe("any world", () => {
  it("never gives one host port to two tasks", () => {
    fc.assert(
      fc.property(worlds, (options) => {
        const { cluster, acts } = worldOf(options);
        const all = endpoints(cluster);

        expect(new Set(all).size, acts.join()).toBe(all.length);
      }),
      { numRuns: 60 },
    );
  });

  it("tells of every task whether it runs", () => {
    fc.assert(
      fc.property(worlds, (options) => {
        const { cluster, events, acts } = worldOf(options);
        // Before 1.4 a task that is about to be killed runs until it is dead; what was given up is told by no status.
        cluster.tick(20_000);
        const heard = heardRunning(events);
        const known = new Set(cluster.tasks());

        const wrong = cluster.truth().filter(({ task, running }) => running !== heard.has(task) && known.has(task));
        expect(wrong, acts.join()).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  it("tells of every running task where it runs, and of which version it is", () => {
    fc.assert(
      fc.property(worlds, (options) => {
        const { cluster, events, acts } = worldOf(options);
        for (const truth of cluster.truth()) {
          if (!truth.running) continue;
          const told = events.findLast(
            ({ taskId, taskStatus }) => taskId === truth.task && taskStatus === "TASK_RUNNING",
          );

          expect(told, acts.join()).toMatchObject({
            appId: truth.app,
            host: truth.host,
            slaveId: truth.agent,
            version: truth.version,
          });
          const hostPorts = truth.endpoints.filter(({ address }) => address === truth.host).map(({ port }) => port);
          expect([...new Set(hostPorts)]).toEqual(told?.["ports"]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("comes to rest with as many tasks as are wanted, all of the newest configuration", () => {
    fc.assert(
      fc.property(worlds, (options) => {
        const { cluster, acts } = worldOf(options);
        // All is well at last: the agents are back, and checks pass.
        for (const { task, condition } of cluster.truth()) if (condition.startsWith("Unreach")) cluster.reachable(task);
        cluster.tick(60_000);
        passAll(cluster);
        cluster.tick(600_000);
        passAll(cluster);
        cluster.tick(600_000);

        for (const { id, target, instances } of cluster.state.specs.values()) {
          expect([id, [...instances.values()].map(({ condition }) => condition)], acts.join()).toEqual([
            id,
            Array.from({ length: target?.instances ?? -1 }, () => "Running"),
          ]);
          for (const { definition } of instances.values()) expect(definition.configuredAt).toBe(target?.configuredAt);
        }
        expect(cluster.state.deployments).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});

function passAll(cluster: Cluster): void {
  for (const spec of [...cluster.state.specs.values()]) {
    for (const { tasks } of [...spec.instances.values()]) {
      for (const task of tasks) {
        if (task.condition !== "Running") continue;
        for (const check of task.results.keys()) cluster.setHealth(task.id, check, true);
      }
    }
  }
}
