import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { engineApi } from "./docker-api.ts";
import type { LabNode } from "./node.ts";
import { cgroupOf } from "./owner.ts";
import type { Tool } from "./packages.ts";
import { CommandError, ended, type RunOptions, run, whileRunning } from "./run.ts";
import { until } from "./wait.ts";

/** The programs an engine needs: `dockerd` first, then the CLI. */
export const engineTools = [
  "dockerd",
  "docker",
  "containerd",
  "runc",
  "docker-proxy",
  "docker-init",
  "iptables",
  "ip",
] as const;

/** `dockerd` and the CLI that speaks with it. */
export interface Daemon {
  /** Starts it in a node and waits up to 30 s until it answers. If it crashes it is started again, as systemd does. */
  start(node: LabNode, signal?: AbortSignal): Promise<void>;
  /** Sends a signal to it alone and waits for its end. */
  end(signal: NodeJS.Signals): Promise<void>;
  /** Resolves when it has ended, for whatever reason; from now on it is not started again by itself. */
  ended(): Promise<void>;
  /** Runs the CLI; once more if the daemon crashed meanwhile. */
  docker(args: readonly string[], options?: RunOptions): Promise<string>;
  log(): Promise<string>;
}

/** What a daemon needs to know. */
export interface DaemonParts {
  readonly name: string;
  /** Data, socket and log; seen by host and node under the same path. */
  readonly folder: string;
  readonly socket: string;
  /** As found for {@link engineTools}. */
  readonly programs: readonly Tool[];
  readonly args: readonly string[];
}

/** Go collects when a heap has grown fivefold, not twofold: a start of the CLI takes 33 ms of the CPU then, and not 41. */
const GOGC = { GOGC: "400" };

/** A daemon, not started yet. */
export function makeDaemon({ name, folder, socket, programs, args }: DaemonParts): Daemon {
  const [dockerd, cli] = programs;
  if (dockerd === undefined || cli === undefined) throw new Error("lab: no dockerd");
  if (Buffer.byteLength(socket) > 107)
    throw new Error(`lab: the path of a socket is too long (set MUSTER_LAB_STATE): ${socket}`);
  const logFile = join(folder, "dockerd.log");
  const log = (): Promise<string> => readFile(logFile, "utf8").catch(() => "");
  const cliPath = cli.path;
  const programEnv = { ...dockerd.env, ...GOGC };
  const cliEnv = { ...cli.env, ...GOGC, DOCKER_CONFIG: join(folder, "cli"), DOCKER_BUILDKIT: "0" };
  const command = [
    ...["sh", "-c", 'rm -f /run/docker.pid; exec "$@"', "dockerd", dockerd.path],
    ...["--data-root", join(folder, "data"), "--exec-root", "/run/docker", "--pidfile", "/run/docker.pid"],
    ...["-H", "unix:///run/docker.sock", "-H", `unix://${socket}`],
    ...["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", cgroupOf(name)],
    ...args,
  ];
  let child: ChildProcess | undefined;
  /** What happened last to a daemon that crashed: its new start. */
  let restart: Promise<void> | undefined;
  let isWanted = false;

  async function launch(node: LabNode, signal?: AbortSignal): Promise<void> {
    const output = openSync(logFile, "a");
    const started = node.serve(command, programEnv, output);
    closeSync(output);
    child = started;
    try {
      const running = whileRunning(started, signal);
      await until(() => answers(socket), { timeoutMs: 30_000, everyMs: 20, what: "dockerd", signal: running });
    } catch (error) {
      throw signal?.aborted === true ? signal.reason : await failed(error);
    }
    started.once("exit", (code, by) => {
      if (!isWanted || started !== child) return;
      restart = crashed(node, `${by ?? code}`);
      // Whoever runs a command next is told.
      restart.catch(() => {});
    });
  }

  /** Engine 20.10 has done so once in a long while (a Go panic); what it said of it is printed. */
  async function crashed(node: LabNode, how: string): Promise<void> {
    const said = (await log()).split("\n");
    const from = said.findLastIndex((line) => /^(panic|fatal error|SIG\w+):/.test(line));
    const why = said.slice(from === -1 ? -5 : from).slice(0, 30);
    process.stderr.write(`lab: dockerd of ${name} crashed (${how}), and is started again:\n${why.join("\n")}\n`);
    await launch(node);
  }

  function runCli(args: readonly string[], options: RunOptions): Promise<string> {
    return run(cliPath, ["-H", `unix://${socket}`, ...args], { ...options, env: { ...cliEnv, ...options.env } });
  }

  async function failed(cause: unknown): Promise<Error> {
    const last = (await log()).trim().split("\n").slice(-3).join("\n");
    return new Error(`lab: dockerd of ${name} does not answer: ${last}`, { cause });
  }

  return {
    log,
    async docker(args, options = {}) {
      try {
        return await runCli(args, options);
      } catch (error) {
        if (!isWanted || !isCutOff(error)) throw error;
        const hasCrashed = (): boolean => restart !== undefined;
        await until(hasCrashed, { timeoutMs: 2000, everyMs: 20, what: "crash" }).catch(() => Promise.reject(error));
        await restart;
        return await runCli(args, options);
      }
    },
    async start(node, signal) {
      if (child !== undefined && !ended(child)) throw new Error(`lab: dockerd of ${name} is running`);
      restart = undefined;
      await launch(node, signal);
      isWanted = true;
    },
    async end(signal) {
      isWanted = false;
      if (child === undefined || ended(child)) throw new Error(`lab: dockerd of ${name} is not running`);
      const exit = once(child, "exit");
      child.ref();
      process.kill(await onlyChild(child), signal);
      await exit;
    },
    async ended() {
      isWanted = false;
      if (child === undefined || ended(child)) return;
      child.ref();
      await once(child, "exit");
    },
  };
}

/** The connection was refused, or broke in the middle of a command. */
function isCutOff(error: unknown): boolean {
  return error instanceof CommandError && /Cannot connect to the Docker daemon|error during connect/.test(error.stderr);
}

async function answers(socket: string): Promise<true> {
  await engineApi(socket, { path: "/_ping" });
  return true;
}

/** `nsenter` waits outside; what it started in the node is its only child. */
async function onlyChild(child: ChildProcess): Promise<number> {
  const pid = Number((await readFile(`/proc/${child.pid}/task/${child.pid}/children`, "utf8")).trim());
  if (!(pid > 0)) throw new Error("lab: the process id of dockerd is unknown");
  return pid;
}
