/**
 * From what the engine did (the event's own time) to its effect in the Consul agent, for Muster, run as a user runs it, and
 * for a bare loop of one inspect and one PUT (bare.ts), on the same engine and agent: each on containers of its own, in
 * turn, while the other one rests. One after another, and many at once.
 */
import { until } from "../lab/wait.ts";
import type { Bench } from "./bench.ts";
import { openRig, type Rig, type Workers } from "./rig.ts";
import { type Row, rowOf } from "./row.ts";
import type { Who } from "./sightings.ts";
import { summarise } from "./statistics.ts";

const WARM_UP = 5;
/** What is not there by then is lost, ms. */
const LOST_AFTER = 10_000;
/** Between two looks into the agent in a burst, ms: hundreds of entries take milliseconds to read. */
const LOOK_MS = 5;

const GROUP = "latency";
const BOUND = "bare loop: 1 inspect, 1 PUT";

/** Times of one container, ms since the epoch; null: lost. */
interface Trial {
  readonly who: Who;
  readonly started: number;
  readonly came: number | null;
  readonly killed: number;
  readonly went: number | null;
}

/** @returns the trials of `count` containers of each, one after another */
async function serial(rig: Rig, count: number, shifts: readonly Workers[]): Promise<readonly Trial[]> {
  const trials: Trial[] = [];
  for (let index = 0; index < count; index++) {
    // In turn, and not always the same one first.
    for (const workers of index % 2 === 0 ? shifts : shifts.toReversed()) {
      const ids = await rig.create(1, workers, "web");
      await rig.shift(workers);
      trials.push(...(await run(rig, ids, workers)));
    }
  }
  return trials;
}

async function burst(rig: Rig, workers: Workers, count: number): Promise<readonly Trial[]> {
  const ids = await rig.create(count, workers, "sleep");
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
  const done = await Promise.all(workers.flatMap((who) => ids.map((id) => trialOf(rig, id, who))));
  await rig.removeAll(ids);
  return done;
}

async function trialOf({ sightings, happenedAt }: Rig, id: string, who: Who): Promise<Trial> {
  const [started, killed] = await Promise.all([happenedAt(id, "start"), happenedAt(id, "kill")]);
  return { who, started, came: sightings.cameAt(who, id) ?? null, killed, went: sightings.wentAt(who, id) ?? null };
}

/** What does not come about is counted as lost, and no error. */
async function settled(condition: () => boolean): Promise<void> {
  await until(condition, { timeoutMs: LOST_AFTER, everyMs: 5, what: "the containers" }).catch(() => {});
}

/** Rows of trials of both. */
function rowsOf(how: string, trials: readonly Trial[], isBurst: boolean): readonly Row[] {
  const of = (who: Who) => trials.filter((trial) => trial.who === who);
  const [muster, bare] = [of("muster"), of("bare")];
  const came = (all: readonly Trial[]) =>
    summarise(all.map(({ came: at, started }) => (at === null ? null : at - started)));
  const went = (all: readonly Trial[]) =>
    summarise(all.map(({ went: at, killed }) => (at === null ? null : at - killed)));
  const common = { group: GROUP, unit: "ms" };
  return [
    rowOf({
      ...{ ...common, what: `start -> in Consul, ${how}`, muster: came(muster), bound: { what: BOUND, ...came(bare) } },
      aim: isBurst ? { lost: 0 } : { ratio: 1.2, lost: 0 },
    }),
    ...(isBurst
      ? [
          rowOf({
            ...{ ...common, what: `first start -> all in Consul, ${how}`, muster: { value: whole(muster) } },
            ...{ bound: { what: BOUND, value: whole(bare) }, aim: { ratio: 1.3 } },
          }),
        ]
      : []),
    rowOf({
      ...{
        ...common,
        what: `kill -> out of Consul, ${how}`,
        muster: went(muster),
        bound: { what: BOUND, ...went(bare) },
      },
      aim: isBurst ? { lost: 0 } : { value: 5, lost: 0 },
    }),
  ];
}

/** From the first start to the last entry, ms. */
function whole(trials: readonly Trial[]): number {
  return Math.max(...trials.map(({ came }) => came ?? Number.NaN)) - Math.min(...trials.map(({ started }) => started));
}

export async function measureLatency({ signal, isQuick, folder, note }: Bench): Promise<readonly Row[]> {
  await using rig = await openRig(folder, signal);
  const count = isQuick ? 10 : 40;
  note(`${count} containers of each, one after another`);
  await serial(rig, WARM_UP, [["muster", "bare"]]);
  rig.sightings.takePeriods();
  const rows = [...rowsOf("one by one", await serial(rig, count, [["muster"], ["bare"]]), false)];
  note(`looked into the agent every ${summarise(rig.sightings.takePeriods()).value.toFixed(1)} ms (p50)`);
  rig.lookEvery(LOOK_MS);
  for (const size of isQuick ? [50] : [100, 300]) {
    note(`${size} containers of each at once`);
    const trials = [...(await burst(rig, ["muster"], size)), ...(await burst(rig, ["bare"], size))];
    rows.push(...rowsOf(`${size} at once`, trials, true));
  }
  return rows;
}
