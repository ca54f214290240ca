import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { end, ended, whileRunning } from "./run.ts";
import { until } from "./wait.ts";

/** A Muster of its own process, run as a user would: `node dist/src/main.js run -c muster.yaml`. */
export interface MusterProcess extends AsyncDisposable {
  /** Of its HTTP API. */
  readonly url: string;
  readonly pid: number;
  /** Paths of its configuration and its log. */
  readonly configFile: string;
  readonly logFile: string;
  /** Aborts when it ends, for whatever reason. */
  readonly ended: AbortSignal;
}

/** How to run it. */
export interface MusterProcessOptions {
  /** The configuration but for `http` and `audit`, which are set here. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Where its configuration, its log and its audit log go. */
  readonly folder: string;
  /** Port of its HTTP API, on 127.0.0.1. */
  readonly port: number;
  /** Ends the start; not Muster. */
  readonly signal?: AbortSignal;
}

/** In the build, beside which this file is built as well. */
const program = fileURLToPath(new URL("../../src/main.js", import.meta.url));

/**
 * Starts it and waits until it is ready. Disposing sends SIGTERM and waits for its orderly stop. It has a process group
 * of its own, so that Ctrl-C reaches it through us only, in our order.
 */
export async function startMusterProcess(options: MusterProcessOptions): Promise<MusterProcess> {
  const { config, folder, port, signal } = options;
  if (!existsSync(program)) throw new Error(`there is no ${program}: run "npm run build" first`);
  const [configFile, logFile] = [join(folder, "muster.yaml"), join(folder, "muster.log")];
  const own = { http: { listen: `127.0.0.1:${port}` }, audit: { path: join(folder, "audit.jsonl") } };
  await writeFile(configFile, stringify({ ...config, ...own }));
  const output = openSync(logFile, "a");
  const [command = "", ...args] = [...untilOurEnd(), process.execPath, program, "run", "-c", configFile];
  const child = spawn(command, args, {
    stdio: ["ignore", output, output],
    env: withoutMusters(process.env),
    detached: true,
  });
  closeSync(output);
  child.on("error", () => {}); // seen by whileRunning
  const killAtExit = (): void => void child.kill("SIGKILL");
  process.once("exit", killAtExit);
  const running = whileRunning(child);
  const url = `http://127.0.0.1:${port}`;
  async function dispose(): Promise<void> {
    await end(child, "SIGTERM");
    process.off("exit", killAtExit);
  }
  try {
    const either = signal === undefined ? running : AbortSignal.any([running, signal]);
    const ready = async (): Promise<boolean> => (await fetch(`${url}/readyz`)).ok;
    await until(ready, { timeoutMs: 20_000, everyMs: 20, what: "Muster to be ready", signal: either });
  } catch (cause) {
    await dispose();
    signal?.throwIfAborted();
    throw new Error(`Muster did not start: ${await lastLine(logFile)}`, { cause });
  }
  return {
    ...{ url, pid: child.pid ?? 0, configFile, logFile, ended: running },
    async [Symbol.asyncDispose]() {
      if (!ended(child)) await dispose();
    },
  };
}

/** Where the kernel can see to it, it ends with this process, whatever that one dies of. */
function untilOurEnd(): readonly string[] {
  const setpriv = "/usr/bin/setpriv";
  return existsSync(setpriv) ? [setpriv, "--pdeathsig", "KILL", "--"] : [];
}

/** A variable meant for another Muster must not switch anything on in this one. */
function withoutMusters(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("MUSTER_")));
}

async function lastLine(file: string): Promise<string> {
  const text = (await readFile(file, "utf8").catch(() => "")).trim();
  return text.split("\n").at(-1) || "it wrote nothing";
}
