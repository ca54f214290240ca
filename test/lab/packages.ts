import { existsSync } from "node:fs";
import { open, rename, rm, symlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { type PackageSet, unpack } from "./apt.ts";
import { cacheFolder } from "./folders.ts";
import { withLock } from "./lock.ts";

/** Which Debian packages have what (facts/lab.md). Consul is in Debian 11 only: a static 1.8.7. */
const sets = {
  engine: { packages: ["docker.io", "iptables", "iproute2", "busybox-static"] },
  consul: { packages: ["consul"], release: "bullseye" },
  debootstrap: { packages: ["debootstrap"] },
  haproxy: { packages: ["haproxy"] },
  chromium: { packages: ["chromium", "fonts-inter"] },
  moto: { packages: ["python3-moto"], release: "trixie" },
  // What moto imports: pure Python, or in step with the machine's own Python.
  python: {
    packages: ["boto3", "cryptography", "flask", "flask-cors", "responses", "xmltodict", "yaml"].map(
      (name) => `python3-${name}`,
    ),
  },
} as const satisfies Record<string, PackageSet>;

type SetName = keyof typeof sets;

/** The programs the lab can find or fetch, and the package set that has each. */
const origin = {
  dockerd: "engine",
  docker: "engine",
  containerd: "engine",
  runc: "engine",
  "docker-init": "engine",
  "docker-proxy": "engine",
  iptables: "engine",
  ip: "engine",
  busybox: "engine",
  consul: "consul",
  debootstrap: "debootstrap",
  haproxy: "haproxy",
  chromium: "chromium",
} as const satisfies Record<string, SetName>;

/** A program that {@link tool} knows. */
export type ToolName = keyof typeof origin;

/** A program that can be run. */
export interface Tool {
  readonly path: string;
  /** The environment to run it with: this process's own, and what unpacked programs need to find each other. */
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Finds a program: on PATH, else in the cache, else in Debian packages that are fetched into the cache (some
 * 6 s; see {@link cacheFolder}). Safe in several processes at once.
 * Throws one line that says what is missing if it cannot be had here.
 */
export async function tool(name: ToolName, signal?: AbortSignal): Promise<Tool> {
  const [found] = await tools([name], signal);
  if (found === undefined) throw new Error(`lab: ${name} not found`);
  return found;
}

/** Like {@link tool}, for several that must find each other: all share one environment. In the order of `names`. */
export async function tools(names: readonly ToolName[], signal?: AbortSignal): Promise<Tool[]> {
  const paths = new Map<ToolName, string>();
  const needed = new Set<SetName>();
  for (const name of names) {
    const path = await onPath(name);
    if (path === undefined) needed.add(origin[name]);
    else paths.set(name, path);
  }
  const missing = (set: SetName) => names.filter((name) => origin[name] === set).join(", ");
  const roots = await Promise.all([...needed].map((set) => unpacked(set, missing(set), signal)));
  const env = environment(roots);
  return names.map((name) => ({ path: paths.get(name) ?? inside(roots, name), env }));
}

/** Packages of which no program is run by its name; as {@link tool} finds them, but for the machine's own. */
export async function packageSet(
  set: "moto" | "python",
  signal?: AbortSignal,
): Promise<{ readonly root: string; readonly env: NodeJS.ProcessEnv }> {
  const root = await unpacked(set, sets[set].packages.join(", "), signal);
  return { root, env: environment([root]) };
}

async function onPath(name: ToolName): Promise<string | undefined> {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  for (const folder of folders.filter((each) => each !== "")) {
    const path = join(folder, name);
    if (existsSync(path) && (name !== "busybox" || (await isStatic(path)))) return path;
  }
  return undefined;
}

/** A dynamically linked busybox is of no use in an image that has nothing else. */
async function isStatic(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(4096) });
    return !buffer.subarray(0, bytesRead).includes("/ld-");
  } finally {
    await file.close();
  }
}

async function unpacked(set: SetName, missing: string, signal?: AbortSignal): Promise<string> {
  const root = join(cacheFolder(), set);
  if (existsSync(root)) return root;
  const reason = whyNot();
  if (reason !== undefined) throw new Error(`lab: ${missing} not on PATH, and ${reason}`);
  await withLock(join(cacheFolder(), `${set}.lock`), () => fetch(set, root, missing, signal), signal);
  return root;
}

function whyNot(): string | undefined {
  if (process.platform !== "linux") return `packages can only be fetched on Debian, not on ${process.platform}`;
  if (!existsSync("/usr/bin/apt-get") || !existsSync("/usr/bin/dpkg")) return "there is no apt to fetch packages with";
  return undefined;
}

async function fetch(set: SetName, root: string, missing: string, signal?: AbortSignal): Promise<void> {
  if (existsSync(root)) return; // another process was faster
  try {
    const half = `${root}.half`;
    await rm(half, { recursive: true, force: true });
    await unpack(sets[set], half, signal);
    await linkIptables(join(half, "usr", "sbin"));
    await rename(half, root);
  } catch (error) {
    signal?.throwIfAborted();
    throw new Error(`lab: ${missing} not on PATH, and fetching packages failed: ${firstLine(error)}`, { cause: error });
  }
}

/** Makes the names that Debian's "alternatives" would make at installation. */
async function linkIptables(folder: string): Promise<void> {
  if (!existsSync(join(folder, "xtables-nft-multi"))) return;
  for (const name of [
    "iptables",
    "iptables-save",
    "iptables-restore",
    "ip6tables",
    "ip6tables-save",
    "ip6tables-restore",
  ]) {
    await symlink("xtables-nft-multi", join(folder, name));
  }
}

function inside(roots: readonly string[], name: ToolName): string {
  const path = roots
    .flatMap(programFolders)
    .map((folder) => join(folder, name))
    .find((each) => existsSync(each));
  if (path === undefined)
    throw new Error(`lab: the package set "${origin[name]}" has no ${name}: remove it from the cache`);
  return path;
}

function programFolders(root: string): string[] {
  // Debian's usr/bin/chromium is a script that knows the installed program only.
  return ["usr/lib/chromium", "usr/sbin", "usr/bin", "sbin", "bin"].map((folder) => join(root, folder));
}

function environment(roots: readonly string[]): NodeJS.ProcessEnv {
  if (roots.length === 0) return process.env;
  const triplet = `${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;
  const libraries = roots.flatMap((root) =>
    // The last is where one library of Chromium's has its own.
    [`usr/lib/${triplet}`, `lib/${triplet}`, `usr/lib/${triplet}/pulseaudio`].map((folder) => join(root, folder)),
  );
  const plugins = roots.map((root) => join(root, "usr/lib", triplet, "xtables")).find((folder) => existsSync(folder));
  return {
    ...process.env,
    PATH: [process.env["PATH"] ?? "", "/usr/sbin", "/sbin", ...roots.flatMap(programFolders)].join(delimiter),
    LD_LIBRARY_PATH: [...libraries, ...(process.env["LD_LIBRARY_PATH"]?.split(delimiter) ?? [])].join(delimiter),
    ...(plugins === undefined ? {} : { XTABLES_LIBDIR: plugins }),
  };
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n").find((line) => line.includes("E:")) ?? text.split("\n")[0] ?? "";
}
