/** The laws of all sources, on the simulator in the versions whose manners differ most. */
import { type SourceLab, testSource } from "../../conformance/source.ts";
import { type Marathon, startMarathon } from "../../lab/marathon/marathon.ts";
import type { MarathonVersion } from "../../lab/marathon/versions.ts";
import { until } from "../../lab/wait.ts";
import { marathonSource } from "./lab.ts";

async function openLab(version: MarathonVersion): Promise<SourceLab> {
  // Up to 1.7 a burst that outgrows the stream's buffer is lost without a word, which is not what these laws are about.
  const marathon = await startMarathon({ version, now: Date.now, streamBuffer: 100_000 });
  const capacity = 200;
  const { source } = marathonSource(marathon.urls, { limits: { queue: capacity } });
  const { cluster, faults } = marathon;
  cluster.deploy({ id: "/web", instances: 0, portDefinitions: [{ port: 10_001, protocol: "tcp" }] });
  return {
    source,
    capacity,
    heardOf: () => heardAll(marathon),
    start: async () => startOne(marathon),
    end: async (task) => cluster.killTask(task, { scale: true }),
    running: () => running(marathon),
    async whileListing(during) {
      const list = faults.hold("/v2/apps");
      await list.reached;
      await during();
      list.release();
    },
    async cut() {
      faults.cut("reset");
      await until(() => marathon.streams() === 0, { what: "no stream", timeoutMs: 5_000, everyMs: 1 });
    },
    garble: async () => faults.write('event: status_update_event\r\ndata: {"taskId":\r\n\r\n'),
    open: () => marathon.streams(),
    [Symbol.asyncDispose]: () => marathon[Symbol.asyncDispose](),
  };
}

/** The stream keeps its order: when the source asks for what the last event needs, it has heard all before. */
async function heardAll({ cluster, hits }: Marathon): Promise<void> {
  const version = "2019-10-22T23:25:58.001Z";
  const probe = { appId: "/probe", taskId: "probe.5373f6f3-f523-11e9-9b69-02429c8e109f", taskStatus: "TASK_STAGING" };
  cluster.publish("status_update_event", { ...probe, version, host: "10.0.12.10", slaveId: "S0", ports: [] });
  await until(() => hits.gets(/probe/) > 0, { what: "a question about the probe", timeoutMs: 15_000, everyMs: 2 });
}

function startOne({ cluster }: Marathon): string {
  const before = new Set(cluster.tasks());
  cluster.scale("/web", running({ cluster }).size + 1);
  const [task] = cluster.tasks().filter((id) => !before.has(id));
  if (task === undefined) throw new Error("the simulator started no task");
  return task;
}

function running({ cluster }: Pick<Marathon, "cluster">): ReadonlySet<string> {
  return new Set(cluster.truth().flatMap((one) => (one.running ? [one.task] : [])));
}

const REPEATS = "it takes a definition's key for one that holds the task's id; listing.test.ts has it without that";

for (const version of ["0.11", "1.3", "1.5", "1.8", "1.10"] as const)
  testSource(`marathon ${version}`, {
    open: () => openLab(version),
    skip: { "repeats in a listing all that it holds true": REPEATS },
  });
