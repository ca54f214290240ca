/** A Muster in this process, on real adapters, for tests against real servers. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { schemas } from "../../src/adapters.ts";
import { runAgent } from "../../src/agent.ts";
import { type Config, parseConfig } from "../../src/config.ts";
import type { InstanceView } from "../../src/http/view.ts";
import { partsOf } from "../../src/parts.ts";
import { until } from "../lab/wait.ts";

export interface Muster extends AsyncDisposable {
  readonly url: string;
  readonly auditPath: string;
  get<T>(path: string): Promise<T>;
  instances(query?: string): Promise<readonly InstanceView[]>;
  ready(): Promise<void>;
}

export interface MusterOptions {
  /** `http.listen`. @default a free port on loopback */
  readonly listen?: string;
  readonly level?: string;
}

/** @param yaml configuration; `http.listen`, `audit.path` and `log.level` are set here */
export async function startMuster(yaml: string, options: MusterOptions = {}): Promise<Muster> {
  const { listen = "127.0.0.1:0", level = process.env["MUSTER_TEST_LOG"] ?? "silent" } = options;
  const folder = await mkdtemp(join(tmpdir(), "muster-e2e-"));
  const auditPath = join(folder, "audit.jsonl");
  const fixed = { MUSTER_HTTP__LISTEN: listen, MUSTER_AUDIT__PATH: auditPath, MUSTER_LOG__LEVEL: level };
  const config = read(yaml, fixed);
  const stop = new AbortController();
  const parts = partsOf(config);
  const { promise: listening, resolve } = withResolvers();
  const done = runAgent(
    config,
    {
      ...parts,
      async serve(agent) {
        const server = await parts.serve(agent);
        resolve(server.port);
        return server;
      },
    },
    stop.signal,
  );
  const port = await Promise.race([listening, done.then(() => Promise.reject(new Error("muster ended at once")))]);
  const url = `http://127.0.0.1:${port}`;
  const get = async <T>(path: string) => (await (await fetch(url + path)).json()) as T;
  return {
    url,
    auditPath,
    get,
    instances: async (query = "") => (await get<{ instances: InstanceView[] }>(`/v1/instances${query}`)).instances,
    async ready() {
      await until(async () => (await fetch(`${url}/readyz`)).ok, {
        timeoutMs: 20_000,
        everyMs: 20,
        what: "muster to be ready",
      });
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("test over"));
      await done;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function read(text: string, env: Record<string, string>): Config {
  const loaded = parseConfig({ text, file: "test.yaml", env, schemas });
  if ("problems" in loaded) throw new Error(loaded.problems.join("\n"));
  return loaded.config;
}

// Promise.withResolvers needs Node 22.
function withResolvers(): { promise: Promise<number>; resolve: (value: number) => void } {
  let resolve: (value: number) => void = () => {};
  const promise = new Promise<number>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
