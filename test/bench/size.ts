/**
 * Muster, run as a user runs it, with many containers on a fake engine and a real Consul agent: its memory, how long one
 * more start takes to be in Consul, and its CPU while nothing changes but that health checks report.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { FakeContainer } from "../fakes/docker-container.ts";
import { type FakeEngine, startFakeEngine } from "../fakes/docker-engine.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { freePorts } from "../lab/ports.ts";
import { end } from "../lab/run.ts";
import { until } from "../lab/wait.ts";
import type { Bench } from "./bench.ts";
import {
  configured,
  cpuTime,
  type Launched,
  launch,
  librariesMegabytes,
  megabytes,
  programOf,
  startBare,
} from "./processes.ts";
import { type Row, rowOf } from "./row.ts";
import type { Who } from "./sightings.ts";
import { summarise } from "./statistics.ts";

const GROUP = "size";
const ADDRESS = "10.0.0.1";
/** With how many containers memory and CPU have aims. */
const AIMED = 1_000;
/** Between two reports of health checks, ms. */
const REPORT_MS = 100;
/** Until what a registration leaves behind is over, ms. */
const SETTLE_MS = 150;

interface Rig {
  readonly engine: FakeEngine;
  readonly consul: Consul;
  readonly muster: Launched;
  readonly bench: Bench;
}

export async function measureSize(bench: Bench): Promise<readonly Row[]> {
  const libraries = await librariesMegabytes(bench.signal);
  const rows: Row[] = [];
  for (const containers of bench.isQuick ? [AIMED] : [AIMED, 10_000]) {
    bench.note(`${containers} containers`);
    rows.push(...(await measureWith(containers, libraries, bench)));
  }
  return rows;
}

async function measureWith(containers: number, libraries: number, bench: Bench): Promise<readonly Row[]> {
  const { signal, isQuick, folder } = bench;
  await using engine = await startFakeEngine();
  const ids = Array.from({ length: containers }, (_, index) => engine.run(containerOf(index)));
  for (const id of ids) engine.health(id, "healthy");
  const bareAll = await bareRegistration(engine, containers, signal);
  await using consul = await startConsul({ signal });
  const own = join(folder, String(containers));
  await mkdir(own);
  const config = {
    ...{ node: { id: "n1", address: ADDRESS }, sources: { docker: { host: engine.host } } },
    registries: { consul: { url: consul.url } },
  };
  const [port = 0] = await freePorts(1);
  await using muster = await launch(await configured(config, own, port), port, signal);
  const all = await registered(consul, containers, muster);
  const rig = { engine, consul, muster, bench };
  await delay(isQuick ? 2_000 : 15_000, undefined, { signal });
  const used = megabytes(muster.pid);
  const aim = containers === AIMED ? { aim: { value: 90 } } : {};
  const common = { group: GROUP } as const;
  return [
    rowOf({
      ...{ ...common, what: `memory, ${containers} containers`, unit: "MB", muster: { value: used } },
      ...{ bound: { what: "idle process with the same libraries", value: libraries }, ...aim },
    }),
    rowOf({
      ...{ ...common, what: `process start -> ${containers} registered`, unit: "ms", muster: { value: all } },
      bound: { what: "bare: inspect and PUT each", value: bareAll },
    }),
    await idle(rig, ids),
    await oneMore(rig, containers),
  ];
}

function containerOf(index: number): FakeContainer {
  const labels = { "muster.name": `s${index % 100}` };
  return { labels, healthCheck: true, ports: { "8080/tcp": 1_024 + index } };
}

/** @returns ms from the program's start until so many services are in Consul */
async function registered({ request }: Consul, count: number, { at, signal }: Launched): Promise<number> {
  const areThere = async () => Object.keys((await request({ path: "/v1/agent/services" })) as object).length >= count;
  // To list 10,000 is work for Consul, at which it would register less.
  const everyMs = count / 10;
  await until(areThere, { timeoutMs: 600_000, everyMs, what: `${count} services in Consul`, signal });
  return performance.timeOrigin + performance.now() - at;
}

/** On a Consul of its own. @returns ms from the start of the bare program until all is registered */
async function bareRegistration(engine: FakeEngine, containers: number, signal: AbortSignal): Promise<number> {
  await using consul = await startConsul({ signal });
  const [port = 0] = await freePorts(1);
  const args = [programOf("bare-start"), engine.socket, consul.url, ADDRESS, String(port)];
  await using program = await launch(args, port, signal);
  return await registered(consul, containers, program);
}

/** CPU while health checks report what is known already; `exec_*`, which each of them has as well, are filtered out by the engine. */
async function idle({ engine, muster, bench: { signal, isQuick } }: Rig, ids: readonly string[]): Promise<Row> {
  const reader = await startBare("bare-call", [engine.socket, "health_status"], signal);
  const pids = [muster.pid, reader.pid ?? 0];
  const before = pids.map(cpuTime);
  const began = performance.now();
  for (let at = 0; performance.now() - began < (isQuick ? 5_000 : 30_000); at++) {
    engine.health(ids[at % ids.length] ?? "", "healthy");
    await delay(REPORT_MS, undefined, { signal });
  }
  const elapsed = performance.now() - began;
  const [own = Number.NaN, bare = Number.NaN] = pids.map((pid, at) => cpuTime(pid) - (before[at] ?? 0));
  await end(reader, "SIGKILL");
  const percent = (ms: number) => ({ value: (100 * ms) / elapsed });
  return rowOf({
    ...{
      group: GROUP,
      what: `CPU, ${ids.length} containers, ${1_000 / REPORT_MS} health events/s`,
      unit: "% of a core",
    },
    ...{ muster: percent(own), bound: { what: "bare loop: reads the same events", ...percent(bare) } },
  });
}

/** One more container's start: Muster and the bare loop in turn, while the other one rests. */
async function oneMore(rig: Rig, containers: number): Promise<Row> {
  const { engine, consul, muster, bench } = rig;
  const bare = await startBare("bare", [engine.socket, consul.url, "", ADDRESS], bench.signal);
  const pids = { muster: muster.pid, bare: bare.pid ?? 0 };
  const times: Record<Who, (number | null)[]> = { muster: [], bare: [] };
  try {
    for (let index = 0; index < (bench.isQuick ? 20 : 80); index++) {
      const who = index % 2 === 0 ? "muster" : "bare";
      process.kill(pids[who], "SIGCONT");
      process.kill(pids[who === "muster" ? "bare" : "muster"], "SIGSTOP");
      await delay(SETTLE_MS);
      times[who].push(await startOne(rig, who, `more-${index}`, 20_000 + containers + index));
    }
  } finally {
    process.kill(pids.muster, "SIGCONT");
    await end(bare, "SIGKILL");
  }
  return rowOf({
    ...{
      group: GROUP,
      what: `start -> in Consul, with ${containers} others`,
      unit: "ms",
      muster: summarise(times.muster),
    },
    ...{ bound: { what: "bare loop: 1 inspect, 1 PUT", ...summarise(times.bare) }, aim: { lost: 0 } },
  });
}

/** @returns ms; null: lost */
async function startOne({ engine, consul, bench }: Rig, who: Who, name: string, port: number): Promise<number | null> {
  const began = performance.now();
  const id = engine.run({ labels: { "muster.name": name }, ports: { "8080/tcp": port } });
  const path = who === "bare" ? `/v1/agent/service/bare:${id}` : `/v1/agent/health/service/name/${name}`;
  const isThere = () => consul.request({ path }).then(() => true);
  const came = await until(isThere, { timeoutMs: 10_000, everyMs: 1, what: name, signal: bench.signal }).catch(
    () => false,
  );
  return came ? performance.now() - began : null;
}
