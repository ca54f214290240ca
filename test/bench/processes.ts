/** Processes as the kernel sees them, and as they are started. Linux only. */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { end, ended, whileRunning } from "../lab/run.ts";

/** Resident memory, MB (10^6 bytes). */
export function megabytes(pid: number): number {
  const [, kilobytes = ""] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return (Number(kilobytes) * 1024) / 1e6;
}

/** CPU time so far, of user and system, ms. */
export function cpuTime(pid: number): number {
  // The name may hold spaces; after it come the state and then numbers. The kernel's tick is 10 ms wherever Node runs.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Path of another program of this folder. */
export function programOf(name: string): string {
  return fileURLToPath(new URL(`./${name}.js`, import.meta.url));
}

/** Starts a program of this folder, and waits for its first word. */
export async function startBare(name: string, args: readonly string[], signal: AbortSignal): Promise<ChildProcess> {
  const child = fork(programOf(name), args);
  await once(child, "message", { signal: whileRunning(child, signal) });
  return child;
}

/** Memory of a process that has loaded the same libraries, MB. */
export async function librariesMegabytes(signal: AbortSignal): Promise<number> {
  const child = await startBare("libraries", [], signal);
  await delay(2_000, undefined, { signal });
  const used = megabytes(child.pid ?? 0);
  await end(child, "SIGKILL");
  return used;
}

export interface Launched extends AsyncDisposable {
  readonly pid: number;
  /** Aborts when it ends, or with the signal that was given. */
  readonly signal: AbortSignal;
  /** When it was started, ms since the epoch, with fractions. */
  readonly at: number;
  /** From its start until it answered HTTP, ms. */
  readonly answered: number;
}

/** Starts a Node program and waits until `/healthz` at this port of 127.0.0.1 answers. Disposal ends it in order. */
export async function launch(args: readonly string[], port: number, signal: AbortSignal): Promise<Launched> {
  const at = performance.timeOrigin + performance.now();
  const child = spawn(process.execPath, args, { stdio: "ignore" });
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  while (!(await answers(port))) {
    signal.throwIfAborted();
    if (ended(child)) throw new Error(`${args[0]} has ended instead of answering`);
    await delay(1);
  }
  return {
    ...{
      pid: child.pid ?? 0,
      signal: whileRunning(child, signal),
      at,
      answered: performance.timeOrigin + performance.now() - at,
    },
    async [Symbol.asyncDispose]() {
      await end(child, "SIGTERM");
      process.off("exit", kill);
    },
  };
}

/** Writes a configuration whose `http` and `audit` are set here; @returns the arguments with which Node runs Muster by it. */
export async function configured(config: object, folder: string, port: number): Promise<readonly string[]> {
  const file = join(folder, "muster.yaml");
  const own = { http: { listen: `127.0.0.1:${port}` }, audit: { path: join(folder, "audit.jsonl") } };
  await writeFile(file, stringify({ ...config, ...own }));
  return [fileURLToPath(new URL("../../src/main.js", import.meta.url)), "run", "-c", file];
}

const agent = new Agent({ keepAlive: false });

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    request({ host: "127.0.0.1", port, path: "/healthz", agent }, (answer) => {
      answer.resume().on("end", () => resolve(answer.statusCode === 200));
    })
      .on("error", () => resolve(false))
      .end();
  });
}
