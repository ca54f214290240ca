/**
 * From the start of Muster's process, as a user starts it, to the first answer of its API, and to the first registration of
 * a container that runs already; and its memory then. On a fake engine and a real Consul agent; beside it a bare program
 * that has an HTTP server and does one listing, one inspect and one PUT (bare-start.ts).
 */
import { setTimeout as delay } from "node:timers/promises";
import { startFakeEngine } from "../fakes/docker-engine.ts";
import { startConsul } from "../lab/consul.ts";
import { freePorts } from "../lab/ports.ts";
import { until } from "../lab/wait.ts";
import type { Bench } from "./bench.ts";
import { configured, launch, librariesMegabytes, megabytes, programOf } from "./processes.ts";
import { type Row, rowOf } from "./row.ts";
import { type Who, watchAgent } from "./sightings.ts";
import { summarise } from "./statistics.ts";

const ADDRESS = "10.0.0.1";
/** Until memory has settled, ms. */
const SETTLE_MS = 3_000;

interface Start {
  readonly answered: number;
  readonly registered: number;
  /** null: not looked at. */
  readonly megabytes: number | null;
}

export async function measureStart({ signal, isQuick, folder, note }: Bench): Promise<readonly Row[]> {
  await using engine = await startFakeEngine();
  await using consul = await startConsul({ signal });
  const task = engine.run();
  const over = new AbortController();
  const sightings = watchAgent(consul.url, () => 1, AbortSignal.any([signal, over.signal]));
  const [port = 0] = await freePorts(1);
  const config = {
    ...{ node: { id: "n1", address: ADDRESS }, sources: { docker: { host: engine.host } } },
    ...{ registries: { consul: { url: consul.url } }, policy: { onExit: "deregister" } },
  };
  const programs: Readonly<Record<Who, readonly string[]>> = {
    muster: await configured(config, folder, port),
    bare: [programOf("bare-start"), engine.socket, consul.url, ADDRESS, String(port)],
  };

  async function start(who: Who, isLast: boolean): Promise<Start> {
    await using program = await launch(programs[who], port, signal);
    const seen = () => sightings.present(who) > 0;
    await until(seen, { timeoutMs: 20_000, everyMs: 1, what: `the registration of ${who}`, signal });
    const registered = (sightings.cameAt(who, task) ?? Number.NaN) - program.at;
    if (isLast) await delay(SETTLE_MS, undefined, { signal });
    if (who === "bare") await consul.request({ method: "PUT", path: `/v1/agent/service/deregister/bare:${task}` });
    return { answered: program.answered, registered, megabytes: isLast ? megabytes(program.pid) : null };
  }

  const starts: Record<Who, Start[]> = { muster: [], bare: [] };
  const count = isQuick ? 3 : 15;
  try {
    for (let index = 0; index < count; index++) {
      note(`start ${index + 1} of ${count}`);
      for (const who of ["muster", "bare"] as const) {
        starts[who].push(await start(who, index === count - 1));
        await until(() => sightings.present(who) === 0, { timeoutMs: 10_000, what: "nothing in Consul", signal });
      }
    }
  } finally {
    over.abort(new Error("measured"));
    await sightings.done;
  }
  return rowsOf(starts, await librariesMegabytes(signal));
}

function rowsOf({ muster, bare }: Readonly<Record<Who, readonly Start[]>>, libraries: number): readonly Row[] {
  const of = (starts: readonly Start[], key: "answered" | "registered") => summarise(starts.map((start) => start[key]));
  const common = { group: "start", unit: "ms" } as const;
  return [
    rowOf({
      ...{ ...common, what: "process start -> API answers", muster: of(muster, "answered"), aim: { value: 250 } },
      bound: { what: "bare Node process with an HTTP server", ...of(bare, "answered") },
    }),
    rowOf({
      ...{ ...common, what: "process start -> first registration", muster: of(muster, "registered") },
      ...{ bound: { what: "bare: 1 listing, 1 inspect, 1 PUT", ...of(bare, "registered") }, aim: { value: 500 } },
    }),
    rowOf({
      ...{
        ...common,
        what: "memory after start",
        unit: "MB",
        muster: { value: muster.at(-1)?.megabytes ?? Number.NaN },
      },
      bound: { what: "idle process with the same libraries", value: libraries },
    }),
  ];
}
