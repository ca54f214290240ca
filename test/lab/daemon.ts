import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { engineApi } from "./docker-api.ts";
import type { LabNode } from "./node.ts";
import { cgroupOf } from "./owner.ts";
import type { Tool } from "./packages.ts";
import { ended, type RunOptions, run, whileRunning } from "./run.ts";
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
  /** Starts it in a node and waits up to 30 s until it answers. */
  start(node: LabNode, signal?: AbortSignal): Promise<void>;
  /** Sends a signal to it alone and waits for its end. */
  end(signal: NodeJS.Signals): Promise<void>;
  /** Resolves when it has ended, for whatever reason. */
  ended(): Promise<void>;
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

/** A daemon, not started yet. */
export function makeDaemon({ name, folder, socket, programs, args }: DaemonParts): Daemon {
  const [dockerd, cli] = programs;
  if (dockerd === undefined || cli === undefined) throw new Error("lab: no dockerd");
  if (Buffer.byteLength(socket) > 107)
    throw new Error(`lab: the path of a socket is too long (set MUSTER_LAB_STATE): ${socket}`);
  const logFile = join(folder, "dockerd.log");
  const log = (): Promise<string> => readFile(logFile, "utf8").catch(() => "");
  const cliEnv = { ...cli.env, DOCKER_CONFIG: join(folder, "cli"), DOCKER_BUILDKIT: "0" };
  const command = [
    ...["sh", "-c", 'rm -f /run/docker.pid; exec "$@"', "dockerd", dockerd.path],
    ...["--data-root", join(folder, "data"), "--exec-root", "/run/docker", "--pidfile", "/run/docker.pid"],
    ...["-H", "unix:///run/docker.sock", "-H", `unix://${socket}`],
    ...["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", cgroupOf(name)],
    ...args,
  ];
  let child: ChildProcess | undefined;

  async function failed(cause: unknown): Promise<Error> {
    const last = (await log()).trim().split("\n").slice(-3).join("\n");
    return new Error(`lab: dockerd of ${name} does not answer: ${last}`, { cause });
  }

  return {
    log,
    docker: (args, run_ = {}) =>
      run(cli.path, ["-H", `unix://${socket}`, ...args], { ...run_, env: { ...cliEnv, ...run_.env } }),
    async start(node, signal) {
      if (child !== undefined && !ended(child)) throw new Error(`lab: dockerd of ${name} is running`);
      const output = openSync(logFile, "a");
      child = node.serve(command, dockerd.env, output);
      closeSync(output);
      try {
        const running = whileRunning(child, signal);
        await until(() => answers(socket), { timeoutMs: 30_000, everyMs: 20, what: "dockerd", signal: running });
      } catch (error) {
        throw signal?.aborted === true ? signal.reason : await failed(error);
      }
    },
    async end(signal) {
      if (child === undefined || ended(child)) throw new Error(`lab: dockerd of ${name} is not running`);
      const exit = once(child, "exit");
      child.ref();
      process.kill(await onlyChild(child), signal);
      await exit;
    },
    async ended() {
      if (child === undefined || ended(child)) return;
      child.ref();
      await once(child, "exit");
    },
  };
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
