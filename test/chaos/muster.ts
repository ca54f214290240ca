/** One node's Muster: a process of the built program that can be killed, stopped in order and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { end, ended, run } from "../lab/run.ts";

export interface Muster {
  readonly url: string;
  /** Its configuration, log and audit log are in here. */
  readonly folder: string;
  readonly auditPath: string;
  start(): void;
  /** Sends the signal and waits for the end; nothing if it does not run. */
  stop(signal: "SIGKILL" | "SIGTERM"): Promise<void>;
  isRunning(): boolean;
  /** `/readyz` says yes. */
  isReady(): Promise<boolean>;
  /** `muster audit verify`. Throws with what it found. */
  verifyAudit(): Promise<void>;
}

export interface MusterOptions {
  /** For messages: "node 1". */
  readonly name: string;
  /** The built `main.js`. */
  readonly program: string;
  readonly folder: string;
  /** Of its HTTP API, on loopback. */
  readonly port: number;
  /** All but `http` and `audit`. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Told of an end that nobody asked for, and of a stop that was not in order. */
  readonly onFault: (what: string) => void;
}

/** An orderly stop takes at most 10 s (design 5.1); the rest is for a machine that is busy. */
const STOP_MS = 13_000;

const ENV = {
  AWS_ACCESS_KEY_ID: "AKIAEXAMPLEKEYID0000",
  AWS_SECRET_ACCESS_KEY: "a-secret-access-key-of-muster",
  AWS_EC2_METADATA_DISABLED: "true",
};

export async function prepareMuster(options: MusterOptions): Promise<Muster> {
  const { name, program, folder, port, config, onFault } = options;
  const configFile = join(folder, "muster.yaml");
  const auditPath = join(folder, "audit.jsonl");
  const url = `http://127.0.0.1:${port}`;
  await mkdir(folder, { recursive: true });
  await writeFile(
    configFile,
    stringify({ ...config, http: { listen: `127.0.0.1:${port}` }, audit: { path: auditPath } }),
  );
  let child: ChildProcess | undefined;
  /** Ends that were asked for. */
  const asked = new WeakSet<ChildProcess>();

  return {
    ...{ url, folder, auditPath },
    start() {
      const output = openSync(join(folder, "muster.log"), "a");
      const command = ["--pdeathsig", "KILL", "--", process.execPath, program, "run", "-c", configFile];
      const started = spawn("setpriv", command, {
        stdio: ["ignore", output, output],
        env: environment(),
        detached: true,
      });
      closeSync(output);
      started.once("error", (error) => onFault(`${name}: Muster can't be started: ${error.message}`));
      started.once("exit", (code, signal) => {
        if (!asked.has(started)) onFault(`${name}: Muster ended by itself: ${signal ?? `exit code ${code}`}`);
      });
      child = started;
    },
    async stop(signal) {
      const stopping = child;
      if (stopping === undefined || ended(stopping)) return;
      asked.add(stopping);
      const began = performance.now();
      await end(stopping, signal);
      const ms = Math.round(performance.now() - began);
      if (signal === "SIGKILL") return;
      if (stopping.exitCode !== 0)
        onFault(`${name}: SIGTERM ended Muster with exit code ${stopping.exitCode}, after ${ms} ms`);
      else if (ms > STOP_MS) onFault(`${name}: Muster took ${ms} ms to stop`);
    },
    isRunning: () => child !== undefined && !ended(child),
    async isReady() {
      return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) })).ok;
    },
    async verifyAudit() {
      await run(process.execPath, [program, "audit", "verify", auditPath], { env: environment() });
    },
  };
}

/** A variable meant for another Muster must not switch anything on in this one. */
function environment(): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([key]) => !/^(?:MUSTER|AWS|CONSUL|DOCKER)_/.test(key));
  return { ...Object.fromEntries(own), ...ENV };
}
