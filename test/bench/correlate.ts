/**
 * From the bytes of Marathon's event stream to the desired state (the world's instances), without network: how many
 * events a second on one core, and how much memory a task takes. `--json FILE` writes the figures as well.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createWorld } from "../../src/world.ts";
import { createCluster } from "../lab/marathon/cluster.ts";
import { marathonAnswers } from "../marathon-answers.ts";
import { createMarathonParts } from "../marathon-parts.ts";

interface Figures {
  readonly tasks: number;
  readonly instances: number;
  readonly events: number;
  readonly megabytes: number;
  readonly eventsPerSecond: number;
  /** Heap, of source and world together, after a collection. */
  readonly bytesPerTask: number;
}

const APPS = 50;
/** Tasks whose events are made at a time, outside of what is measured. */
const BATCH = 500;
const CHUNK = 64 * 1024;

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

/** Events of one task's start on the stream, as text, and what stands for the task in it. */
interface Template {
  readonly text: string;
  readonly uuid: string;
  readonly port: number;
}

async function measure(tasks: number): Promise<Figures> {
  const cluster = createCluster({ version: "1.10", agents: 50 });
  const templates = Array.from({ length: APPS }, (_, index) => templateOf(cluster, `/shop/app-${index}`));
  collect();
  const before = process.memoryUsage().heapUsed;
  let flush = () => {};
  const world = createWorld({
    sources: ["marathon"],
    schedule(later) {
      flush = later;
    },
  });
  const parts = createMarathonParts({ now: Date.now, random: Math.random, emit: (fact) => world.join(fact) });
  parts.held.setFramework(cluster.frameworkId);
  const answers = marathonAnswers(cluster);
  parts.hearing.attached();
  parts.learning.listed(answers.apps(), answers.pods(), parts.hearing.look());
  await parts.say();
  const reader = parts.createReader();
  let [elapsed, bytes, events] = [0, 0, 0];
  for (let first = 0; first < tasks; first += BATCH) {
    const batch = batchOf(templates, first, Math.min(tasks, first + BATCH));
    const started = performance.now();
    for (let at = 0; at < batch.length; at += CHUNK) {
      reader.push(batch.subarray(at, at + CHUNK));
      flush();
    }
    elapsed += performance.now() - started;
    bytes += batch.length;
    events += batch.toString().split("event: ").length - 1;
  }
  collect();
  const grown = process.memoryUsage().heapUsed - before;
  const ready = [...world.instances()].filter(({ state }) => state === "ready").length;
  if (ready < tasks) throw new Error(`bench: only ${ready} of ${tasks} tasks are ready; the events are not understood`);
  return {
    ...{ tasks, instances: ready, events, megabytes: bytes / 1e6 },
    ...{ eventsPerSecond: events / (elapsed / 1_000), bytesPerTask: grown / world.size().tasks },
  };
}

function templateOf(cluster: ReturnType<typeof createCluster>, id: string): Template {
  const lines: string[] = [];
  let uuid = "";
  const stop = cluster.subscribe((event) => {
    if (!/^(status_update|instance_|health)/.test(event.eventType)) return;
    uuid = /instance-([0-9a-f-]{36})/.exec(JSON.stringify(event))?.[1] ?? uuid;
    lines.push(`event: ${event.eventType}\r\ndata: ${JSON.stringify(event)}\r\n\r\n`);
  });
  cluster.deploy({ id, instances: 1, portDefinitions: [{ port: 0, name: "http" }] });
  stop();
  const port = cluster.truth().find(({ app }) => app === id)?.endpoints[0]?.port ?? 0;
  return { text: lines.join(""), uuid, port };
}

/** The starts of tasks `from` to `to`, one after the other. */
function batchOf(templates: readonly Template[], from: number, to: number): Buffer {
  let text = "";
  for (let index = from; index < to; index++) {
    const template = templates[index % templates.length];
    if (template === undefined || template.uuid === "") throw new Error("bench: the simulator published no instance");
    const uuid = `${index.toString(16).padStart(8, "0")}${template.uuid.slice(8)}`;
    const ports = `"ports":[${10_000 + (index % 50_000)}]`;
    text += template.text.replaceAll(template.uuid, uuid).replaceAll(`"ports":[${template.port}]`, ports);
  }
  return Buffer.from(text);
}

function row(cells: readonly string[]): string {
  return cells.map((cell) => cell.padStart(12)).join("");
}

const { json } = parseArgs({ options: { json: { type: "string" } } }).values;
// The compiler's warm-up belongs to the first second of a process that runs for months.
await measure(2_000);
const all: Figures[] = [];
for (const tasks of [10_000, 100_000]) all.push(await measure(tasks));
process.stdout.write(`${row(["tasks", "instances", "events", "MB", "events/s", "bytes/task"])}\n`);
for (const { tasks, instances, events, megabytes, eventsPerSecond, bytesPerTask } of all)
  process.stdout.write(
    `${row([tasks, instances, events, megabytes, eventsPerSecond, bytesPerTask].map((n) => n.toFixed(0)))}\n`,
  );
if (json !== undefined) writeFileSync(json, `${JSON.stringify(all, null, 2)}\n`);
