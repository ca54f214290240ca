/**
 * The core's loop alone, from a fact to the call of a registry that answers at once, with many instances in it: one change
 * must cost one write and no more time than among few, and no change no write. In process: what is measured is calculation.
 */
import { setImmediate } from "node:timers/promises";
import { steadyClock } from "../../src/clock.ts";
import { sameJson } from "../../src/json.ts";
import type { Fact } from "../../src/model.ts";
import { createReconciler } from "../../src/reconcile.ts";
import { createWorld } from "../../src/world.ts";
import { gone, resync, runningTask, synced } from "../facts.ts";
import { createFakeRegistry } from "../fakes/registry.ts";
import { POLICY, silent } from "../reconciling.ts";
import type { Bench } from "./bench.ts";
import { type Row, rowOf } from "./row.ts";
import { type Figures, summarise } from "./statistics.ts";

const GROUP = "reconcile";
const FEW = 10;

/** A world of so many registered instances, with the loop that keeps them so. */
async function setUp(instances: number, signal: AbortSignal) {
  const world = createWorld({ sources: ["docker"] });
  const registry = createFakeRegistry();
  const reconciler = createReconciler({
    ...{ registry, world, policy: { ...POLICY, resync: 0 }, sink: { audit: async () => {} } },
    ...{ clock: steadyClock, random: Math.random, log: silent },
  });
  const listing = [resync(), ...Array.from({ length: instances }, (_, index) => taskOf(index)).flat(), synced()];
  for (const fact of listing) world.join(fact);
  const running = reconciler.run(signal);
  while (registry.entries.size < instances || !reconciler.isReady) await setImmediate();
  return { world, registry, reconciler, running };
}

function taskOf(index: number): readonly Fact[] {
  return runningTask(`t${index}`, { hostPort: 1024 + index, name: `s${index % 500}` });
}

interface Cost {
  /** From the fact to the write, ms. */
  readonly change: Figures;
  /** Of one change. */
  readonly writes: number;
  readonly lists: number;
  /** A listing compared with what should be, ms: nothing differs. */
  readonly pass: Figures;
  /** The same as a bare loop. */
  readonly barePass: Figures;
  readonly idleWrites: number;
}

async function costOf(instances: number, repetitions: number): Promise<Cost> {
  const stop = new AbortController();
  const { world, registry, reconciler, running } = await setUp(instances, stop.signal);
  const [lists, writes] = [registry.lists, registry.log.length];
  const changes: number[] = [];
  for (let index = 0; index < repetitions; index++) {
    const task = `new${index}`;
    changes.push(await timed(runningTask(task, { hostPort: 50_000 + index, name: "s1" }), 1));
    await timed([gone({ task, clock: 2 })], -1);
  }
  const perChange = (count: number): number => count / (2 * repetitions);
  const [written, listed] = [perChange(registry.log.length - writes), perChange(registry.lists - lists)];
  const before = registry.log.length;
  const passes: number[] = [];
  const barePasses: number[] = [];
  for (let index = 0; index < 10; index++) {
    reconciler.resync();
    const began = performance.now();
    await reconciler.pass(stop.signal);
    passes.push(performance.now() - began);
    barePasses.push(await barePass(new Map(registry.entries), registry));
  }
  const idleWrites = registry.log.length - before;
  stop.abort(new Error("measured"));
  await running;
  return {
    ...{ change: summarise(changes), writes: written, lists: listed },
    ...{ pass: summarise(passes), barePass: summarise(barePasses), idleWrites },
  };

  /** @returns ms from the facts to the write that they lead to */
  async function timed(facts: readonly Fact[], by: 1 | -1): Promise<number> {
    const wanted = registry.entries.size + by;
    const began = performance.now();
    for (const fact of facts) world.join(fact);
    while (registry.entries.size !== wanted) await setImmediate();
    const took = performance.now() - began;
    // What follows a write (the report) is over.
    for (let turn = 0; turn < 5; turn++) await setImmediate();
    return took;
  }
}

/** Lists, and compares each entry with what it should be. */
async function barePass(
  wanted: ReadonlyMap<string, { readonly spec: unknown }>,
  registry: ReturnType<typeof createFakeRegistry>,
): Promise<number> {
  const began = performance.now();
  let differences = 0;
  for (const { key, spec } of await registry.list(new AbortController().signal))
    if (!sameJson(spec, wanted.get(key)?.spec as typeof spec)) differences++;
  if (differences > 0) throw new Error(`the registry differs in ${differences} entries`);
  return performance.now() - began;
}

export async function measureReconcile({ isQuick, note }: Bench): Promise<readonly Row[]> {
  const many = isQuick ? 2_000 : 10_000;
  const repetitions = isQuick ? 100 : 500;
  // The compiler's warm-up belongs to the first second of a process that runs for months.
  await costOf(FEW, repetitions);
  note(`${FEW}, ${many / 10} and ${many} instances`);
  const few = await costOf(FEW, repetitions);
  const tenth = await costOf(many / 10, repetitions);
  const all = await costOf(many, repetitions);
  const each = ({ pass }: Cost, instances: number): Figures => ({ value: (1_000 * pass.value) / instances });
  const common = { group: GROUP } as const;
  return [
    rowOf({
      ...{ ...common, what: `fact -> write, 1 change among ${many}`, unit: "ms", muster: all.change },
      ...{ bound: { what: `the same among ${FEW}`, ...few.change }, aim: { ratio: 1.5 } },
    }),
    rowOf({
      ...{ ...common, what: `writes for 1 change among ${many}`, unit: "calls", muster: { value: all.writes } },
      ...{ bound: { what: "one", value: 1 }, aim: { ratio: 1 } },
    }),
    rowOf({
      ...{ ...common, what: `listings for 1 change among ${many}`, unit: "calls", muster: { value: all.lists } },
      ...{ bound: { what: "none", value: 0 }, aim: { value: 0 } },
    }),
    rowOf({
      ...{ ...common, what: `full pass without a change, ${many}`, unit: "ms", muster: all.pass },
      bound: { what: "bare loop: list, compare each entry", ...all.barePass },
    }),
    rowOf({
      ...{ ...common, what: `writes in a full pass without a change, ${many}`, unit: "calls" },
      ...{ muster: { value: all.idleWrites }, bound: { what: "none", value: 0 }, aim: { value: 0 } },
    }),
    rowOf({
      ...{ ...common, what: `full pass without a change, each of ${many}`, unit: "us", muster: each(all, many) },
      ...{ bound: { what: `the same, each of ${many / 10}`, ...each(tenth, many / 10) }, aim: { ratio: 1.5 } },
    }),
  ];
}
