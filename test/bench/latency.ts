/**
 * `npm run bench:latency [-- --json FILE]`: from what the engine did (the event's own time) to its effect in the Consul
 * agent, for Muster, run as a user runs it, and for a bare loop of one inspect and one PUT, on the same machine in the
 * same run. "Alternately": each on containers of its own, in turn, while the other one rests. "Together": both on the
 * same containers at once. "Burst": 100 containers at once.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { until } from "../lab/wait.ts";
import { openRig, type Rig, type Workers } from "./rig.ts";
import type { Who } from "./sightings.ts";
import { type Summary, summarise } from "./statistics.ts";

const SERIAL = 40;
const WARM_UP = 5;
const BURST = 100;
/** What is not there by then is lost, ms. */
const LOST_AFTER = 10_000;

interface Line {
  readonly mode: "alternately" | "together" | "burst";
  readonly what: "start → visible" | "kill → gone";
  readonly who: Who;
  readonly times: Summary;
  readonly lost: number;
}

/** Times of one container, ms; null: lost. */
interface Trial {
  readonly who: Who;
  readonly came: number | null;
  readonly went: number | null;
}

const published = ["--publish", "8080"];

async function serial(rig: Rig, count: number, shifts: readonly Workers[]): Promise<readonly Trial[]> {
  const trials: Trial[] = [];
  for (let index = 0; index < count; index++) {
    // In turn, and not always the same one first.
    for (const workers of index % 2 === 0 ? shifts : shifts.toReversed()) {
      const ids = await rig.create(1, workers, published, "lab/web:v1");
      await rig.shift(workers);
      trials.push(...(await run(rig, ids, workers)));
    }
  }
  return trials;
}

async function burst(rig: Rig, workers: Workers): Promise<readonly Trial[]> {
  const ids = await rig.create(BURST, workers, ["--network", "host"], "lab/sleep:v1");
  await rig.shift(workers);
  return await run(rig, ids, workers);
}

/** Starts all at once, waits until all are seen, kills all at once, waits until none is. */
async function run(rig: Rig, ids: readonly string[], workers: Workers): Promise<readonly Trial[]> {
  const { sightings } = rig;
  await Promise.all(ids.map(rig.start));
  await settled(() => workers.every((who) => ids.every((id) => sightings.cameAt(who, id) !== undefined)));
  await Promise.all(ids.map(rig.kill));
  await settled(() => workers.every((who) => ids.every((id) => sightings.wentAt(who, id) !== undefined)));
  const trials = workers.flatMap((who) => ids.map((id) => trialOf(rig, id, who)));
  const done = await Promise.all(trials);
  await rig.removeAll(ids);
  return done;
}

async function trialOf({ sightings, happenedAt }: Rig, id: string, who: Who): Promise<Trial> {
  const [started, killed] = await Promise.all([happenedAt(id, "start"), happenedAt(id, "kill")]);
  const [came, went] = [sightings.cameAt(who, id), sightings.wentAt(who, id)];
  return { who, came: came === undefined ? null : came - started, went: went === undefined ? null : went - killed };
}

/** What does not come about is counted as lost, and no error. */
async function settled(condition: () => boolean): Promise<void> {
  await until(condition, { timeoutMs: LOST_AFTER, everyMs: 5, what: "the containers" }).catch(() => {});
}

function linesOf(mode: Line["mode"], trials: readonly Trial[]): readonly Line[] {
  const all = (["came", "went"] as const).flatMap((way) =>
    (["muster", "bare"] as const).map((who): Line => {
      const times = trials.filter((trial) => trial.who === who).map((trial) => trial[way]);
      const known = times.filter((time) => time !== null);
      const what = way === "came" ? "start → visible" : "kill → gone";
      return { mode, what, who, times: summarise(known), lost: times.length - known.length };
    }),
  );
  return all.filter(({ times, lost }) => times.count + lost > 0);
}

function report(lines: readonly Line[]): string {
  const head = ["MODE", "WHAT", "WHO", "COUNT", "P50 ms", "P95 ms", "MAX ms", "LOST", "P50 / BARE"];
  const rows = lines.map(({ mode, what, who, times, lost }) => [
    ...[mode, what, who, String(times.count)],
    ...[times.p50, times.p95, times.max].map((ms) => ms.toFixed(1)),
    ...[String(lost), who === "muster" ? (ratioOf(lines, mode, what)?.toFixed(2) ?? "") : ""],
  ]);
  const widths = head.map((title, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0), title.length),
  );
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function ratioOf(lines: readonly Line[], mode: Line["mode"], what: Line["what"]): number | undefined {
  const p50 = (who: Who) =>
    lines.find((line) => line.mode === mode && line.what === what && line.who === who)?.times.p50;
  const [muster, bare] = [p50("muster"), p50("bare")];
  return muster === undefined || bare === undefined ? undefined : muster / bare;
}

async function measure(signal: AbortSignal): Promise<{ readonly lines: readonly Line[]; readonly look: Summary }> {
  const folder = await mkdtemp(join(tmpdir(), "muster-bench-"));
  try {
    await using rig = await openRig(folder, signal);
    const both: Workers = ["muster", "bare"];
    await serial(rig, WARM_UP, [both]);
    rig.sightings.takePeriods();
    const alternately = linesOf("alternately", await serial(rig, SERIAL, [["muster"], ["bare"]]));
    const together = linesOf("together", await serial(rig, SERIAL, [both]));
    const look = summarise(rig.sightings.takePeriods());
    // 100 entries take a millisecond to read.
    rig.lookEvery(5);
    const bursts = linesOf("burst", [...(await burst(rig, ["muster"])), ...(await burst(rig, ["bare"]))]);
    return { lines: [...alternately, ...together, ...bursts], look };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns the exit code: 1 if anything was lost */
async function main(): Promise<number> {
  const { values } = parseArgs({ options: { json: { type: "string" } } });
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const)
    process.once(name, () => stop.abort(new Error(`${name} received`)));
  const { lines, look } = await measure(stop.signal);
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, Node ${process.version}`;
  process.stdout.write(
    `${report(lines)}\n\nThe agent was looked into every ${look.p50.toFixed(1)} ms (p50). ${machine}\n`,
  );
  if (values.json !== undefined) {
    const ratios = lines
      .filter(({ who }) => who === "muster")
      .map(({ mode, what }) => ({ mode, what, ratio: ratioOf(lines, mode, what) }));
    await writeFile(values.json, `${JSON.stringify({ machine, lines, ratios, look }, undefined, 2)}\n`);
  }
  return lines.some(({ lost }) => lost > 0) ? 1 : 0;
}

process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});
