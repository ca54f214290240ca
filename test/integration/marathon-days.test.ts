/**
 * Random days in the life of a cluster, told in disorder, with repetitions and losses that the next listing heals: in the
 * evening exactly what runs is registered, and at no time was anything registered that never ran so.
 * MARATHON_DAYS: how many; MARATHON_FIRST_DAY: with which seed the first begins, e.g. one that failed.
 */
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createRandom, type Random } from "../lab/marathon/random.ts";
import type { MarathonVersion } from "../lab/marathon/versions.ts";
import { type Landscape, openLandscape } from "../unit/marathon/landscape.ts";

const DAYS = Number(process.env["MARATHON_DAYS"] ?? 60);
const FIRST_DAY = Number(process.env["MARATHON_FIRST_DAY"] ?? 1);

/** Up to 1.1 no answer tells an unreachable task from a running one, so that a lost event could not be healed. */
const VERSIONS: readonly MarathonVersion[] = ["1.3", "1.4", "1.5", "1.7", "1.8", "1.10"];

const POD = {
  id: "/pod",
  scaling: { instances: 2 },
  networks: [{ mode: "host" }],
  containers: [
    { name: "checked", healthCheck: { http: {} }, endpoints: [{ name: "web", hostPort: 0 }] },
    { name: "plain", endpoints: [{ name: "rpc", hostPort: 0 }] },
  ],
};

type Cluster = Landscape["marathon"]["cluster"];

function start(cluster: Cluster): void {
  const healthChecks = [{ protocol: "HTTP" }];
  cluster.deploy({ id: "/web", ports: [0, 0], instances: 3, healthChecks, unreachableStrategy: "disabled" });
  cluster.deploy({ id: "/api", ports: [0], instances: 2 });
  if (cluster.traits.hasInstances) cluster.createPod(POD);
}

/** What may happen at any time; each is given some task that there is. */
const HAPPENINGS: readonly ((cluster: Cluster, random: Random, task: string) => void)[] = [
  (cluster) => cluster.restart("/web"),
  (cluster, random) => cluster.scale("/api", random.below(4)),
  (cluster, _, task) => cluster.crash(task),
  (cluster, _, task) => cluster.killTask(task),
  (cluster, _, task) => cluster.unreachable(task),
  (cluster) => {
    const lost = cluster.truth().find(({ condition }) => condition.startsWith("Unreachable"));
    if (lost !== undefined) cluster.reachable(lost.task);
  },
  (cluster, random) => cluster.setHealth(cluster.tasks("/web")[0] ?? "", 0, random.chance(0.5)),
  (cluster, random) => cluster.failover({ skewMs: random.chance(0.5) ? -5_000 : 0 }),
  (cluster, random) => cluster.update("/api", { labels: { n: String(random.below(1_000)) } }),
  (cluster, random) => {
    if (cluster.traits.hasInstances) cluster.updatePod("/pod", { labels: { n: String(random.below(1_000)) } });
  },
];

/** The simulator refuses what makes no sense, such as a crash of a task that is unreachable. */
function happen(cluster: Cluster, random: Random): void {
  const tasks = cluster.tasks();
  const act = HAPPENINGS[random.below(HAPPENINGS.length)];
  try {
    act?.(cluster, random, tasks[random.below(tasks.length)] ?? "");
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith("marathon simulator:")) throw error;
  }
}

describe("the marathon source, day by day", () => {
  it.each(Array.from({ length: DAYS }, (_, day) => FIRST_DAY + day))("gets day %s right", async (seed) => {
    const random = createRandom(seed);
    await using land = await openLandscape({
      marathon: { version: VERSIONS[seed % VERSIONS.length] ?? "1.8", seed, nodes: 2 },
      limits: { killGrace: 100, secondLook: 30, guardedLook: 60 },
    });
    const { cluster, faults } = land.marathon;
    start(cluster);
    const everTrue = new Set(land.truth());
    cluster.subscribe(() => {
      for (const endpoint of land.truth()) everTrue.add(endpoint);
    });
    await land.synced(1);
    await land.agrees();

    faults.scramble({ seed, window: 6, drop: 0.1, repeat: 0.2, late: 0.1 });
    for (let hour = 0; hour < 20; hour++) {
      happen(cluster, random);
      // Not to wait for anything, but to let some of it be heard, and some of it not.
      if (random.chance(0.4)) await delay(random.below(40));
    }
    faults.scramble(null);
    land.resync();

    await land.agrees();
    expect([...land.everRegistered].filter((endpoint) => !everTrue.has(endpoint))).toEqual([]);
  });
});
