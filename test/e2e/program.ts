/** The built program as a child process, as a user runs it. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { until } from "../lab/wait.ts";

const MAIN = "dist/src/main.js";

export interface Program {
  readonly url: string;
  ready(): Promise<void>;
  /** SIGKILL, and waits for its end. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** What it has written to standard error so far. */
  readonly log: string;
}

/** Starts `muster run`; `http.listen` must be set in the environment or file to the given port. */
export function runProgram(args: readonly string[], port: number, env: Record<string, string> = {}): Program {
  const child = spawn(process.execPath, [MAIN, "run", ...args], {
    env: { ...process.env, MUSTER_HTTP__LISTEN: `127.0.0.1:${port}`, ...env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log += chunk.toString();
  });
  const ended = once(child, "exit");
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    get log() {
      return log;
    },
    async ready() {
      await until(
        async () => {
          if (child.exitCode !== null) throw new Error(`muster ended with ${child.exitCode}: ${log}`);
          return (await fetch(`${url}/readyz`)).ok;
        },
        { timeoutMs: 20_000, everyMs: 20, what: "muster to be ready" },
      );
    },
    kill: () => end(child, ended, "SIGKILL").then(() => {}),
    stop: () => end(child, ended, "SIGTERM"),
  };
}

async function end(child: ChildProcess, ended: Promise<unknown[]>, signal: NodeJS.Signals): Promise<number | null> {
  child.kill(signal);
  await ended;
  return child.exitCode;
}

/** Runs a command to its end. @returns exit code and output */
export async function muster(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; out: string; err: string }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [MAIN, ...args], {
      env: { ...process.env, ...env },
    });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}
