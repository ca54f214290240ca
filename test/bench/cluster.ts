/**
 * 100 nodes of 100 tasks, a real Muster on each, on virtual time: how many requests the registries get a minute while
 * nothing changes, and how many more for each task that is deployed. A request is one of the registry interface's: a
 * listing, or the write of an entry.
 */
import type { Bench } from "./bench.ts";
import { type Row, rowOf } from "./row.ts";
import { type Calls, createSimulated, type RegistryName, type Simulated } from "./simulated.ts";

const GROUP = "cluster";
/** Of each node; each of a service of its own. */
const TASKS = 100;
/** Minutes of virtual time at rest. */
const REST = 3;
const MINUTE = 60_000;
/** Until what was started or deployed must be registered, ms. */
const SETTLE_MS = 90_000;

interface Counts {
  readonly consul: Calls;
  readonly gateway: Calls;
  readonly lock: number;
}

function countsOf({ calls, lock }: Simulated): Counts {
  return { consul: { ...calls.consul }, gateway: { ...calls.gateway }, lock: lock.calls };
}

interface Measured {
  /** A minute, of all nodes. */
  readonly atRest: Readonly<Record<RegistryName | "lock", number>>;
  /** Written while nothing changed. */
  readonly restWrites: number;
  /** Written for each task that was deployed. */
  readonly perTask: Readonly<Record<RegistryName, number>>;
}

async function measure(nodes: number, note: (text: string) => void): Promise<Measured> {
  const simulated = createSimulated({ nodes, services: TASKS });
  const { reality } = simulated;
  const startAll = (): void => {
    for (const node of reality.nodes) for (const app of reality.apps.slice(0, TASKS)) reality.start(app, node);
  };
  startAll();
  await simulated.pass(2_000);
  note(`${nodes} nodes: ${reality.ready().length} tasks run, their Musters start`);
  simulated.boot();
  await simulated.pass(SETTLE_MS);
  check(simulated, nodes * TASKS);
  const before = countsOf(simulated);
  await simulated.pass(REST * MINUTE);
  const rested = countsOf(simulated);
  note(`${nodes} nodes: one more task on each`);
  for (const [index, node] of reality.nodes.entries()) {
    const app = reality.apps[index % TASKS];
    if (app !== undefined) reality.start(app, node);
  }
  await simulated.pass(SETTLE_MS);
  check(simulated, nodes * (TASKS + 1));
  const deployed = countsOf(simulated);
  await simulated.end();
  const total = ({ lists, writes }: Calls): number => lists + writes;
  const perMinute = (name: RegistryName): number => (total(rested[name]) - total(before[name])) / REST;
  const perTask = (name: RegistryName): number => (deployed[name].writes - rested[name].writes) / nodes;
  const written = (name: RegistryName): number => rested[name].writes - before[name].writes;
  return {
    atRest: { consul: perMinute("consul"), gateway: perMinute("gateway"), lock: (rested.lock - before.lock) / REST },
    restWrites: written("consul") + written("gateway"),
    perTask: { consul: perTask("consul"), gateway: perTask("gateway") },
  };
}

function check({ entries, reality }: Simulated, tasks: number): void {
  const running = reality.ready().length;
  const registered = entries("consul");
  if (running !== tasks || registered !== tasks)
    throw new Error(`${running} of ${tasks} tasks run, and ${registered} are in Consul`);
}

export async function measureCluster({ isQuick, note }: Bench): Promise<readonly Row[]> {
  const nodes = isQuick ? 20 : 100;
  const few = await measure(nodes / 10, note);
  const all = await measure(nodes, note);
  const size = `${nodes} x ${TASKS}`;
  const common = { group: GROUP } as const;
  // Nothing tells of what is changed in a registry but a listing.
  const listings = (name: RegistryName): Row =>
    rowOf({
      ...{
        ...common,
        what: `requests to ${name} at rest, ${size}`,
        unit: "calls/min",
        muster: { value: all.atRest[name] },
      },
      ...{ bound: { what: "one listing a node and minute", value: nodes }, aim: { ratio: 1.5 } },
    });
  const growth = (name: RegistryName | "lock"): Row =>
    rowOf({
      ...{ ...common, what: `requests to ${name} at rest, of each of ${nodes} nodes`, unit: "calls/min" },
      muster: { value: all.atRest[name] / nodes },
      bound: { what: `the same, of each of ${nodes / 10}`, value: few.atRest[name] / (nodes / 10) },
    });
  const writes = (name: RegistryName): Row =>
    rowOf({
      ...{ ...common, what: `writes to ${name} for a deployed task, ${size}`, unit: "calls" },
      ...{ muster: { value: all.perTask[name] }, bound: { what: "one", value: 1 }, aim: { ratio: 1 } },
    });
  return [
    ...[listings("consul"), listings("gateway")],
    ...[growth("consul"), growth("gateway"), growth("lock")],
    rowOf({
      ...{ ...common, what: `writes at rest, ${size}, ${REST} min`, unit: "calls", muster: { value: all.restWrites } },
      ...{ bound: { what: "none", value: 0 }, aim: { value: 0 } },
    }),
    ...[writes("consul"), writes("gateway")],
  ];
}
