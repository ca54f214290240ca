/**
 * From the bytes of Marathon to the desired state (the world's instances), without network: its event stream, and a full
 * listing; and how much memory a task takes. Beside it stands the mere parsing of the same bytes.
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { readApps } from "../../adapters/sources/marathon/apps.ts";
import { createWorld, type World } from "../../src/world.ts";
import { createMarathonParts } from "../marathon-parts.ts";
import type { Bench } from "./bench.ts";
import { batchOf, listingOf, type Template, templatesOf } from "./marathon-bytes.ts";
import { type Row, rowOf } from "./row.ts";

/** Tasks whose events are made at a time, outside of what is measured. */
const BATCH = 500;
const CHUNK = 64 * 1024;
const PARSING = "JSON.parse of the same bytes";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

function setUp(frameworkId: string) {
  const later: (() => void)[] = [];
  const world = createWorld({ sources: ["marathon"], schedule: (flush) => void later.push(flush) });
  const parts = createMarathonParts({ now: Date.now, random: Math.random, emit: (fact) => world.join(fact) });
  parts.held.setFramework(frameworkId);
  parts.hearing.attached();
  const flush = (): void => {
    for (const each of later.splice(0)) each();
  };
  return { world, parts, flush };
}

function checkReady(world: World, tasks: number): void {
  const ready = [...world.instances()].filter(({ state }) => state === "ready").length;
  if (ready < tasks) throw new Error(`only ${ready} of ${tasks} tasks are ready: what Marathon says is not understood`);
}

/** Parses what stands behind `data:`, and nothing else. */
function parseOnly(batch: Buffer): void {
  for (const line of batch.toString().split("\r\n")) if (line.startsWith("data:")) JSON.parse(line.slice(5));
}

interface Streamed {
  readonly eventsPerSecond: number;
  readonly parsedPerSecond: number;
  /** Of heap after a collection: source and world together, and the instances alone as plain JSON. */
  readonly bytesPerTask: number;
  readonly plainBytesPerTask: number;
}

async function stream(tasks: number): Promise<Streamed> {
  const { cluster, templates, answers } = templatesOf();
  collect();
  const before = process.memoryUsage().heapUsed;
  const { world, parts, flush } = setUp(cluster.frameworkId);
  parts.learning.listed(answers.apps(), answers.pods(), parts.hearing.look());
  await parts.say();
  const reader = parts.createReader();
  let [elapsed, parsing, events] = [0, 0, 0];
  for (let first = 0; first < tasks; first += BATCH) {
    const batch = batchOf(templates, first, Math.min(tasks, first + BATCH));
    const began = performance.now();
    for (let at = 0; at < batch.length; at += CHUNK) {
      reader.push(batch.subarray(at, at + CHUNK));
      flush();
    }
    const done = performance.now();
    parseOnly(batch);
    elapsed += done - began;
    parsing += performance.now() - done;
    events += batch.toString().split("event: ").length - 1;
  }
  collect();
  const grown = process.memoryUsage().heapUsed - before;
  checkReady(world, tasks);
  return {
    ...{ eventsPerSecond: events / (elapsed / 1_000), parsedPerSecond: events / (parsing / 1_000) },
    ...{ bytesPerTask: grown / world.size().tasks, plainBytesPerTask: plainBytes(world) },
  };
}

/** What an instance takes as nothing but its own JSON. */
function plainBytes(world: World): number {
  const texts = [...world.instances()].map((instance) => JSON.stringify(instance));
  collect();
  const before = process.memoryUsage().heapUsed;
  const plain = texts.map((text) => JSON.parse(text) as unknown);
  collect();
  return (process.memoryUsage().heapUsed - before) / plain.length;
}

/** @returns ms for Muster, and for the parsing alone */
async function list(apps: number, frameworkId: string, template: Template): Promise<readonly [number, number]> {
  const text = listingOf(template, apps);
  const { world, parts, flush } = setUp(frameworkId);
  const began = performance.now();
  const listing = readApps(JSON.parse(text));
  if (listing === null) throw new Error("the simulator's listing is not understood");
  parts.learning.listed(listing, { apps: [], unreadable: [], isPartial: false }, parts.hearing.look());
  await parts.say();
  flush();
  const done = performance.now();
  JSON.parse(text);
  const parsed = performance.now();
  checkReady(world, apps);
  return [done - began, parsed - done];
}

export async function measureMarathon({ isQuick, note }: Bench): Promise<readonly Row[]> {
  // The compiler's warm-up belongs to the first second of a process that runs for months.
  await stream(2_000);
  const rows: Row[] = [];
  const common = { group: "marathon" } as const;
  for (const tasks of isQuick ? [10_000] : [10_000, 100_000]) {
    note(`events of ${tasks} tasks`);
    const { eventsPerSecond, parsedPerSecond, bytesPerTask, plainBytesPerTask } = await stream(tasks);
    rows.push(
      rowOf({
        ...{ ...common, what: `stream -> desired state, ${tasks} tasks`, unit: "events/s", isRate: true },
        ...{ muster: { value: eventsPerSecond }, bound: { what: PARSING, value: parsedPerSecond } },
      }),
      rowOf({
        ...{ ...common, what: `memory, ${tasks} tasks`, unit: "bytes/task", muster: { value: bytesPerTask } },
        bound: { what: "its instance as plain JSON", value: plainBytesPerTask },
      }),
    );
  }
  const apps = isQuick ? 1_000 : 10_000;
  note(`a listing of ${apps} apps`);
  const { cluster, templates } = templatesOf();
  const [template] = templates;
  if (template === undefined) throw new Error("the simulator has no app");
  const runs: (readonly [number, number])[] = [];
  for (let index = 0; index < 3; index++) runs.push(await list(apps, cluster.frameworkId, template));
  const best = (at: 0 | 1): number => Math.min(...runs.map((run) => run[at]));
  return [
    ...rows,
    rowOf({
      ...{ ...common, what: `full listing -> desired state, ${apps} apps`, unit: "ms", muster: { value: best(0) } },
      bound: { what: PARSING, value: best(1) },
    }),
  ];
}
