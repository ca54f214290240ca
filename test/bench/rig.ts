/** What both are measured on: an engine, a Consul agent, Muster and the bare loop, each a process of its own. */
import { type ChildProcess, fork } from "node:child_process";
import { once, setMaxListeners } from "node:events";
import { fileURLToPath } from "node:url";
import { type Consul, startConsul } from "../lab/consul.ts";
import { engineApi } from "../lab/docker-api.ts";
import { type Engine, startEngine } from "../lab/engine.ts";
import { type EngineEvent, watchEngine } from "../lab/engine-events.ts";
import { type MusterProcess, startMusterProcess } from "../lab/muster-process.ts";
import { freePorts } from "../lab/ports.ts";
import { until } from "../lab/wait.ts";
import { type Sightings, type Who, watchAgent } from "./sightings.ts";

/** Who is at work on a container. */
export type Workers = readonly Who[];

export interface Rig extends AsyncDisposable {
  readonly sightings: Sightings;
  /** Makes containers, not started; @returns their full ids. */
  create(count: number, workers: Workers, options: readonly string[], image: string): Promise<readonly string[]>;
  start(id: string): Promise<unknown>;
  kill(id: string): Promise<unknown>;
  /** When the engine did it, ms since the epoch with fractions; waits for the event. */
  happenedAt(id: string, action: "start" | "kill"): Promise<number>;
  /** Lets these work only: the other one is stopped (SIGSTOP). The bare loop gets no events of what is not its own. */
  shift(workers: Workers): Promise<void>;
  removeAll(ids: readonly string[]): Promise<unknown>;
  /** Between two looks into the agent, ms. */
  lookEvery(ms: number): void;
}

// Not `muster.…`: a key that Muster does not know would cost it a note each.
const LABEL = "bench.muster=true";
const FOR_BARE = "bench.bare=true";
/** For one that was stopped to catch up, ms. */
const SETTLE_MS = 150;

/** @param folder a temporary one */
export async function openRig(folder: string, signal: AbortSignal): Promise<Rig> {
  // A hundred requests at once listen to it.
  setMaxListeners(0, signal);
  const engine = await startEngine({ signal });
  try {
    return await withConsul(engine, await startConsul({ signal }), folder, signal);
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
}

async function withConsul(engine: Engine, consul: Consul, folder: string, signal: AbortSignal): Promise<Rig> {
  const [port = 0] = await freePorts(1);
  const config = {
    node: { address: engine.address },
    sources: { docker: { host: `unix://${engine.socket}` } },
    registries: { consul: { url: consul.url } },
  };
  const muster = await startMusterProcess({ config, folder, port, signal });
  const program = fileURLToPath(new URL("./bare.js", import.meta.url));
  const bare = fork(program, [engine.socket, consul.url, FOR_BARE, engine.address]);
  await once(bare, "message", { signal });
  const events = new Map<string, EngineEvent>();
  const remember = (event: EngineEvent): void => void events.set(`${event.id} ${event.action}`, event);
  const watching = await watchEngine(`unix://${engine.socket}`, LABEL, remember);
  return assemble({ engine, consul, muster, bare, events, watching }, signal);
}

interface Parts {
  readonly engine: Engine;
  readonly consul: Consul;
  readonly muster: MusterProcess;
  readonly bare: ChildProcess;
  readonly events: ReadonlyMap<string, EngineEvent>;
  readonly watching: Disposable;
}

function assemble({ engine, consul, muster, bare, events, watching }: Parts, signal: AbortSignal): Rig {
  const over = new AbortController();
  let pause = 1;
  let lastPort = 10_000;
  const sightings = watchAgent(consul.url, () => pause, over.signal);
  const post = (path: string): Promise<string> => engineApi(engine.socket, { method: "POST", path, signal });

  async function createOne(workers: Workers, options: readonly string[], image: string): Promise<string> {
    lastPort += 1;
    const labels = [
      ...["--label", LABEL],
      ...(options.includes("host") ? ["--label", `muster.port=${lastPort}`] : []),
      ...(workers.includes("bare") ? ["--label", FOR_BARE] : []),
      ...(workers.includes("muster") ? [] : ["--label", "muster.enable=false"]),
    ];
    return (await engine.docker(["create", ...labels, ...options, image], { signal })).trim();
  }

  return {
    sightings,
    async create(count, workers, options, image) {
      const ids: string[] = [];
      for (let index = 0; index < count; index++) ids.push(await createOne(workers, options, image));
      return ids;
    },
    start: (id) => post(`/containers/${id}/start`),
    kill: (id) => post(`/containers/${id}/kill`),
    happenedAt: (id, action) => {
      const what = `the event ${action} of ${id}`;
      return until(() => events.get(`${id} ${action}`)?.at, { timeoutMs: 10_000, everyMs: 2, what, signal });
    },
    async shift(workers) {
      process.kill(muster.pid, workers.includes("muster") ? "SIGCONT" : "SIGSTOP");
      bare.kill(workers.includes("bare") ? "SIGCONT" : "SIGSTOP");
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    },
    removeAll: (ids) => engine.docker(["rm", "-f", ...ids], { signal }),
    lookEvery(ms) {
      pause = ms;
    },
    async [Symbol.asyncDispose]() {
      over.abort(new Error("the bench is over"));
      await sightings.done;
      watching[Symbol.dispose]();
      bare.kill("SIGKILL");
      process.kill(muster.pid, "SIGCONT");
      await muster[Symbol.asyncDispose]();
      await consul[Symbol.asyncDispose]();
      await engine[Symbol.asyncDispose]();
    },
  };
}
