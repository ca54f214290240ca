import { readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stateFolder } from "./folders.ts";
import { withLock } from "./lock.ts";
import { until } from "./wait.ts";

/** The cgroup below which an engine puts its containers. */
export function cgroupOf(name: string): string {
  return `/muster-lab-${name}`;
}

/** Kinds of servers that have a folder below `.lab/state`. */
export type Kind = "engines" | "consul";

/**
 * Makes the folder of a server. First takes away what servers left behind whose process has died, of any name, and
 * throws if a living process has one of this name.
 */
export async function claim(kind: Kind, name: string, signal?: AbortSignal): Promise<string> {
  const all = join(stateFolder(), kind);
  const folder = join(all, name);
  const work = async (): Promise<string> => {
    await mkdir(all, { recursive: true });
    for (const other of await readdir(all)) await removeIfDead(kind, other, name);
    await mkdir(folder);
    await writeFile(join(folder, "owner"), identity(process.pid) ?? "");
    return folder;
  };
  return await withLock(join(stateFolder(), "lock"), work, signal);
}

/** Removes the data and the cgroups of a server that runs no longer. */
export async function release(kind: Kind, name: string): Promise<void> {
  if (kind === "engines") await removeCgroups(name);
  await rm(join(stateFolder(), kind, name), { recursive: true, force: true });
}

async function removeIfDead(kind: Kind, other: string, wanted: string): Promise<void> {
  const owner = await readFile(join(stateFolder(), kind, other, "owner"), "utf8").catch(() => "");
  const pid = Number(owner.split(" ")[0]);
  if (owner === "" || identity(pid) !== owner) await release(kind, other);
  else if (other === wanted) throw new Error(`lab: process ${pid} already has a server "${wanted}"`);
}

/** Pid and start time: together never the same for two processes. */
function identity(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    return `${pid} ${started}`;
  } catch {
    return undefined;
  }
}

/** Removes the (empty) cgroups of an engine in every hierarchy: one with cgroup v2, several with v1. */
export async function removeCgroups(name: string): Promise<void> {
  const top = "/sys/fs/cgroup";
  const hierarchies = [top, ...(await readdir(top)).map((each) => join(top, each))];
  for (const hierarchy of hierarchies) {
    const gone = (): Promise<boolean> => removeTree(join(hierarchy, cgroupOf(name)));
    await until(gone, { timeoutMs: 5000, everyMs: 10, what: `removal of the cgroup ${hierarchy}${cgroupOf(name)}` });
  }
}

/** The files in a cgroup cannot and need not be removed: only the folders, innermost first. Throws while it is in use. */
async function removeTree(folder: string): Promise<boolean> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return true;
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  await rmdir(folder);
  return true;
}
