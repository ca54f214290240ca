/**
 * From the engine's `kill` event to the call that ends the traffic, at Kong, Vulcand and an ALB: Muster with that registry
 * alone, run as a user runs it, and a bare loop that has its call ready (bare-call.ts), in turn on the same engine, while
 * the other one rests. Engine and registries are fakes in this process, so the times are of one clock.
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type FakeEngine, startFakeEngine } from "../fakes/docker-engine.ts";
import { type MusterProcess, startMusterProcess } from "../lab/muster-process.ts";
import { freePorts } from "../lab/ports.ts";
import { until } from "../lab/wait.ts";
import type { Bench } from "./bench.ts";
import { ADDRESS, type LeavingRegistry, SERVICE, startAlb, startKong, startVulcand } from "./leaving-registries.ts";
import { startBare } from "./processes.ts";
import { type Row, rowOf } from "./row.ts";
import { summarise } from "./statistics.ts";

const WARM_UP = 5;
/** What has not gone by then is lost, ms. */
const LOST_AFTER = 10_000;
/** For one that was stopped to catch up, and for what follows a removal to be over, ms. */
const SETTLE_MS = 150;

interface Rig {
  readonly engine: FakeEngine;
  readonly registry: LeavingRegistry;
  readonly muster: MusterProcess;
  readonly bare: ChildProcess;
  readonly signal: AbortSignal;
}

export async function measureLeaving(bench: Bench): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const start of [startKong, startVulcand, startAlb]) {
    await using registry = await start();
    bench.note(registry.name);
    rows.push(await measureOne(registry, bench));
  }
  return rows;
}

async function measureOne(registry: LeavingRegistry, { signal, isQuick, folder }: Bench): Promise<Row> {
  await using engine = await startFakeEngine();
  const own = join(folder, registry.name);
  await mkdir(own);
  const config = {
    node: { id: "n1", address: ADDRESS },
    sources: { docker: { host: engine.host } },
    registries: { [registry.name]: registry.options },
  };
  const [port = 0] = await freePorts(1);
  await using muster = await startMusterProcess({ config, folder: own, port, signal });
  const bare = await startBare("bare-call", [engine.socket, "kill"], signal);
  try {
    const rig = { engine, registry, muster, bare, signal };
    await trials(rig, WARM_UP);
    return rowFor(registry, await trials(rig, isQuick ? 10 : 40));
  } finally {
    process.kill(muster.pid, "SIGCONT");
    bare.kill("SIGKILL");
  }
}

interface Times {
  readonly muster: readonly (number | null)[];
  readonly bare: readonly (number | null)[];
}

/** @param count of each */
async function trials(rig: Rig, count: number): Promise<Times> {
  const { engine, registry, muster, bare, signal } = rig;
  const ids = Array.from({ length: 2 * count + 1 }, () => engine.run({ labels: { "muster.name": SERVICE } }));
  const ports = engine.running();
  const portOf = (id: string): number => ports.get(id) ?? 0;
  const isIn = () => ids.every((id) => registry.has(portOf(id)));
  await until(isIn, { timeoutMs: 30_000, what: `all targets in ${registry.name}`, signal });
  const times: { muster: (number | null)[]; bare: (number | null)[] } = { muster: [], bare: [] };
  // One stays, so that the service does.
  for (const [index, id] of ids.slice(1).entries()) {
    const isBare = index % 2 === 1;
    if (isBare) {
      bare.send({ id, ...registry.removal(portOf(id)) });
      await once(bare, "message", { signal });
    }
    process.kill(isBare ? muster.pid : (bare.pid ?? 0), "SIGSTOP");
    await pause(SETTLE_MS);
    times[isBare ? "bare" : "muster"].push(await leave(rig, id, portOf(id)));
    for (const pid of [muster.pid, bare.pid ?? 0]) process.kill(pid, "SIGCONT");
    engine.stop(id);
    engine.remove(id);
    await pause(SETTLE_MS);
  }
  engine.remove(ids[0] ?? "");
  return times;
}

/** @returns ms until it is out; null: lost */
async function leave({ engine, registry, signal }: Rig, id: string, port: number): Promise<number | null> {
  const told = performance.now();
  engine.signal(id, 15);
  while (registry.has(port)) {
    signal.throwIfAborted();
    if (performance.now() - told > LOST_AFTER) return null;
    // Whatever comes in is served before the next look.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return performance.now() - told;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function rowFor({ name }: LeavingRegistry, { muster, bare }: Times): Row {
  return rowOf({
    ...{ group: "leaving", what: `kill event -> out of ${name}`, unit: "ms", muster: summarise(muster) },
    ...{ bound: { what: "bare loop: 1 call, known beforehand", ...summarise(bare) }, aim: { value: 5, lost: 0 } },
  });
}
