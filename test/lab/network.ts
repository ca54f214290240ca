import type { ChildProcess } from "node:child_process";
import { readlink } from "node:fs/promises";
import { type Tool, tool } from "./packages.ts";
import { CommandError, end, run, serve } from "./run.ts";
import { until } from "./wait.ts";

/** The network all engines of this process are on: one Ethernet segment, 198.18.{number}.0/24 (RFC 2544: never routed). */
export interface Network {
  /** Unique on this machine while this process runs. */
  readonly number: number;
  /** The address of this host on it. */
  readonly gateway: string;
  /** Connects a network namespace, as its `eth0` with this address. `link` names the cable. */
  plug(link: string, pid: number, address: string): Promise<void>;
  /** Takes the cable away, if it is there. */
  unplug(link: string): Promise<void>;
  /** Cuts the cable (both ends stay where they are), or mends it. */
  cut(link: string, isCut: boolean): Promise<void>;
  /** An IPv4 address nobody else on it has had. */
  nextAddress(): string;
}

/** A bridge in a namespace that lives as long as a process: nothing is in a file, so a crash leaves nothing behind. */
interface Hub extends Network {
  users: number;
  close(): Promise<void>;
}

let current: Promise<Hub> | undefined;

/** Opens the network of this process, or joins it. Each call needs one {@link leaveNetwork}. */
export async function joinNetwork(): Promise<Network> {
  current ??= openHub();
  try {
    const hub = await current;
    hub.users += 1;
    return hub;
  } catch (error) {
    current = undefined;
    throw error;
  }
}

/** The last one to leave takes the network down. */
export async function leaveNetwork(): Promise<void> {
  const hub = await current;
  if (hub === undefined) return;
  hub.users -= 1;
  if (hub.users > 0) return;
  current = undefined;
  await hub.close();
}

async function openHub(): Promise<Hub> {
  const ip = await tool("ip");
  const holder = serve("unshare", ["--net", "sleep", "infinity"], { stdio: "ignore" });
  const pid = await until(() => inOwnNamespace(holder), { timeoutMs: 5000, everyMs: 2, what: "a network namespace" });
  const inHub = (lines: readonly string[]): Promise<string> => ipBatch(ip, lines, pid);
  await inHub(["link add br0 type bridge", "link set br0 up", "link set lo up"]);
  const number = await firstFree(ip, pid);
  const host = `mlab${number}`;
  const gateway = `198.18.${number}.1`;
  await inHub(["link set host master br0", "link set host up"]);
  await ipBatch(ip, [`address add ${gateway}/24 dev ${host}`, `link set ${host} up`]);
  let last = 10;
  return {
    number,
    gateway,
    users: 0,
    async plug(link, pidInside, address) {
      await inHub([
        `link add ${link} type veth peer name eth0 netns ${pidInside}`,
        `link set ${link} master br0`,
        `link set ${link} up`,
      ]);
      const inside = [
        "link set lo up",
        `link set eth0 address ${hardwareAddress(address)}`,
        `address add ${address}/24 dev eth0`,
        "link set eth0 up",
      ];
      await ipBatch(ip, [...inside, `route add default via ${gateway}`], pidInside);
    },
    async unplug(link) {
      await inHub([`link delete ${link}`]).catch(ignoreAbsent);
    },
    async cut(link, isCut) {
      await inHub([`link set ${link} ${isCut ? "down" : "up"}`]);
    },
    nextAddress() {
      last += 1;
      if (last > 254) throw new Error("lab: more than 244 engines in one process");
      return `198.18.${number}.${last}`;
    },
    async close() {
      await ipBatch(ip, [`link delete ${host}`]).catch(ignoreAbsent);
      await end(holder, "SIGKILL");
    },
  };
}

/** The pid, as soon as `unshare` has left our own network namespace. */
async function inOwnNamespace(child: ChildProcess): Promise<number | undefined> {
  const pid = child.pid ?? 0;
  const [own, other] = await Promise.all([readlink("/proc/self/ns/net"), readlink(`/proc/${pid}/ns/net`)]);
  return own === other ? undefined : pid;
}

/** The same after a power loss, as with a real machine: others have it in their ARP tables. */
function hardwareAddress(address: string): string {
  return ["02", "4c", ...address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"))].join(":");
}

/** The kernel refuses a second link of the same name, so the name of the link is also the lock on the number. */
async function firstFree(ip: Tool, hubPid: number): Promise<number> {
  for (let number = 0; number < 256; number += 1) {
    try {
      await ipBatch(ip, [`link add mlab${number} type veth peer name host netns ${hubPid}`]);
      return number;
    } catch (error) {
      if (!(error instanceof CommandError && error.stderr.includes("File exists"))) throw error;
    }
  }
  throw new Error("lab: all 256 networks are in use");
}

function ipBatch(ip: Tool, lines: readonly string[], pid?: number): Promise<string> {
  const command = [ip.path, "-batch", "-"];
  const [program = "", ...args] = pid === undefined ? command : ["nsenter", "--target", `${pid}`, "--net", ...command];
  return run(program, args, { env: ip.env, input: `${lines.join("\n")}\n` });
}

function ignoreAbsent(error: unknown): void {
  if (!(error instanceof CommandError && /Cannot find device|No such device|No such process/.test(error.stderr)))
    throw error;
}
