import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { ended, type RunOptions, run, serve } from "./run.ts";

/**
 * Process 1 of an engine. It stays in our file system but gets its own /proc, /sys, /run and name servers: then a
 * look-up of an image fails at once and a local image is used (facts/lab.md). What it writes to /etc stays with it:
 * engine 20.10 keeps its key there, of which its id is made, so engines would share one, and leave it on this machine. Prints its process id as the host sees it
 * (the /proc of before is still mounted then), and then only reaps orphans.
 */
const init = `set -e
read -r pid rest < /proc/self/stat
mount -t proc proc /proc
echo "$1" > /proc/sys/kernel/hostname
resolv=$(readlink -m /etc/resolv.conf)
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/cgroup "\${resolv%/*}"
mount --rbind /sys/fs/cgroup /run/cgroup
mount -t sysfs sysfs /sys
mount --rbind /run/cgroup /sys/fs/cgroup
umount -l /run/cgroup
mkdir -p /run/etc/upper /run/etc/work
mount -t overlay overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work /etc
mkdir -p /etc/docker
mount --bind "$3" /etc/docker
[ -e "$resolv" ] || : > "$resolv"
mount --bind "$2" "$resolv"
echo 1 > /proc/sys/net/ipv4/ip_forward
echo "$pid"
trap : TERM INT HUP
while :; do sleep 1000000 & wait $!; done
`;

/** A machine of its own made of namespaces: what an engine runs on. */
export interface LabNode {
  /** Its process 1, as the host sees it. */
  readonly pid: number;
  /** Runs a program in all its namespaces; see {@link run}. */
  run(command: readonly string[], options?: RunOptions): Promise<string>;
  /** Starts a program in all its namespaces that runs on, with its output in a file (an open descriptor). */
  serve(command: readonly string[], env: NodeJS.ProcessEnv, output: number): ChildProcess;
  /** Power loss: everything in it is killed. Resolves when all of it has ended. */
  kill(): Promise<void>;
}

/** Files of a node's own: its /etc/resolv.conf, and the folder that it has as /etc/docker. */
export interface NodeFiles {
  readonly resolvConf: string;
  readonly dockerConf: string;
}

/** Starts a node. It has only a loopback interface, which is down. */
export async function startNode(hostname: string, { resolvConf, dockerConf }: NodeFiles): Promise<LabNode> {
  const spaces = ["--net", "--mount", "--uts", "--ipc", "--pid"];
  const namespaces = [...spaces, "--fork", "--kill-child", "--propagation", "private"];
  const script = ["sh", "-c", init, "init", hostname, resolvConf, dockerConf];
  const child = serve("unshare", [...namespaces, "--", ...script], { stdio: ["ignore", "pipe", "pipe"] });
  const pid = await firstLine(child);
  const enter = ["--target", `${pid}`, ...spaces, "--"];
  return {
    pid,
    run: (command, runOptions) => run("nsenter", [...enter, ...command], runOptions),
    serve: (command, env, output) =>
      serve("nsenter", [...enter, ...command], { env, stdio: ["ignore", output, output] }),
    kill: () => killNode(child, pid),
  };
}

/** `unshare` ends when process 1 has ended, and that one when the kernel has ended all the others. */
async function killNode(child: ChildProcess, pid: number): Promise<void> {
  if (ended(child)) return;
  const exit = once(child, "exit");
  child.ref();
  process.kill(pid, "SIGKILL");
  await exit;
}

/** What process 1 prints when it is ready; throws its errors if it ends instead. */
async function firstLine(child: ChildProcess): Promise<number> {
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("lab: a node without pipes");
  let errors = "";
  stderr.on("data", (part: Buffer) => {
    errors += part.toString();
  });
  const line = await Promise.race([
    once(stdout, "data").then(([part]) => String(part)),
    once(child, "close").then(() => ""),
  ]);
  stdout.destroy();
  stderr.destroy();
  const pid = Number(line);
  if (line === "" || !(pid > 0) || ended(child)) throw new Error(`lab: cannot make namespaces: ${errors.trim()}`);
  return pid;
}
