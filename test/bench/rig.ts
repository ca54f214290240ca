/** What both are measured on: an engine, a Consul agent, Muster and the bare loop, each a process of its own. */
import type { ChildProcess } from "node:child_process";
import { setMaxListeners } from "node:events";
import { type Consul, startConsul } from "../lab/consul.ts";
import { engineApi } from "../lab/docker-api.ts";
import { type Engine, startEngine } from "../lab/engine.ts";
import { type EngineEvent, watchEngine } from "../lab/engine-events.ts";
import { type MusterProcess, startMusterProcess } from "../lab/muster-process.ts";
import { freePorts } from "../lab/ports.ts";
import { until } from "../lab/wait.ts";
import { startBare } from "./processes.ts";
import { type Sightings, type Who, watchAgent } from "./sightings.ts";

/** Who is at work on a container. */
export type Workers = readonly Who[];

/** `web`: with a published port of its own. `sleep`: on the host's network, so that hundreds start quickly. */
export type Kind = "web" | "sleep";

export interface Rig extends AsyncDisposable {
  readonly sightings: Sightings;
  /** Makes containers, not started; @returns their full ids. */
  create(count: number, workers: Workers, kind: Kind): Promise<readonly string[]>;
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
const LABEL = { "bench.muster": "true" };
const FOR_BARE = { "bench.bare": "true" };
const CREATED = {
  web: { Image: "lab/web:v1", ExposedPorts: { "8080/tcp": {} }, HostConfig: { PublishAllPorts: true } },
  sleep: { Image: "lab/sleep:v1", HostConfig: { NetworkMode: "host" } },
} as const;
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
  const bare = await startBare("bare", [engine.socket, consul.url, "bench.bare=true", engine.address], signal);
  const events = new Map<string, EngineEvent>();
  const remember = (event: EngineEvent): void => void events.set(`${event.id} ${event.action}`, event);
  const watching = await watchEngine(`unix://${engine.socket}`, "bench.muster=true", remember);
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

  async function createOne(workers: Workers, kind: Kind): Promise<string> {
    lastPort += 1;
    const Labels = {
      ...LABEL,
      ...(kind === "sleep" ? { "muster.port": String(lastPort) } : {}),
      ...(workers.includes("bare") ? FOR_BARE : {}),
      ...(workers.includes("muster") ? {} : { "muster.enable": "false" }),
    };
    const body = JSON.stringify({ ...CREATED[kind], Labels });
    const answer = await engineApi(engine.socket, { method: "POST", path: "/containers/create", body, signal });
    return (JSON.parse(answer) as { readonly Id: string }).Id;
  }

  return {
    sightings,
    async create(count, workers, kind) {
      const ids: string[] = [];
      for (let index = 0; index < count; index++) ids.push(await createOne(workers, kind));
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
