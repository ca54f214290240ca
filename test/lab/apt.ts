import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "./run.ts";

/** The archive keys, on every Debian machine (package debian-archive-keyring). */
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Debian packages to unpack together. */
export interface PackageSet {
  readonly packages: readonly string[];
  /**
   * A Debian release that is not the machine's own. Then only the packages themselves are fetched, without what they
   * depend on: right for static programs.
   */
  readonly release?: string;
}

/**
 * Downloads packages and what they need that is not installed here, and unpacks all of it into the folder `target`.
 * Uses an apt configuration of its own: the mirror is the machine's, but nothing is installed and no system-wide list,
 * cache or state is written.
 */
export async function unpack(set: PackageSet, target: string, signal?: AbortSignal): Promise<void> {
  const work = `${target}.apt`;
  const apt = await privateApt(set.release, work);
  await run("apt-get", [...apt, "update"], { signal });
  const debs = join(work, "cache", "archives");
  if (set.release === undefined) {
    const args = ["--yes", "--no-install-recommends", "--download-only", "install", ...set.packages];
    await run("apt-get", [...apt, ...args], { signal });
  } else {
    await run("apt-get", [...apt, "download", ...set.packages], { cwd: debs, signal });
  }
  await mkdir(target, { recursive: true });
  for (const name of await readdir(debs)) {
    if (name.endsWith(".deb")) await run("dpkg", ["-x", join(debs, name), target], { signal });
  }
  await rm(work, { recursive: true, force: true });
}

/** Writes the private configuration and returns the options that select it. */
async function privateApt(release: string | undefined, work: string): Promise<string[]> {
  await rm(work, { recursive: true, force: true });
  await mkdir(join(work, "lists", "partial"), { recursive: true });
  await mkdir(join(work, "cache", "archives", "partial"), { recursive: true });
  const sources = join(work, "sources.list");
  await writeFile(sources, await sourceLines(release));
  const options = {
    "Dir::Etc::sourcelist": sources,
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::State": work,
    "Dir::State::lists": join(work, "lists"),
    "Dir::State::status": "/var/lib/dpkg/status", // read only: tells which packages are missing
    "Dir::Cache": join(work, "cache"),
    "Acquire::Languages": "none",
    "APT::Sandbox::User": "root", // the cache may be below a folder that the user _apt cannot enter
    "Debug::NoLocking": "1",
  };
  const config = join(work, "apt.conf");
  await writeFile(config, "#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n");
  return ["-q", "-c", config, ...Object.entries(options).flatMap(([key, value]) => ["-o", `${key}=${value}`])];
}

interface Source {
  readonly uri: string;
  readonly suite: string;
}

/** The address of the Debian archive that this machine's apt uses. Throws if this is not a Debian machine. */
export async function debianMirror(): Promise<string> {
  const { archive } = await ownSources();
  return archive.uri;
}

async function sourceLines(release: string | undefined): Promise<string> {
  const { own, archive } = await ownSources();
  const wanted = release === undefined ? own : [{ uri: archive.uri, suite: release }];
  return wanted.map(({ uri, suite }) => `deb [signed-by=${keyring}] ${uri} ${suite} main\n`).join("");
}

/** The sources for the Debian release that runs here, and its main archive. */
async function ownSources(): Promise<{ readonly own: readonly Source[]; readonly archive: Source }> {
  const codename = /^VERSION_CODENAME=(\w+)$/m.exec(await readFile("/etc/os-release", "utf8"))?.[1];
  if (codename === undefined || !existsSync(keyring))
    throw new Error("lab: not a Debian machine, cannot fetch packages");
  const own = (await machineSources()).filter(({ suite }) => suite === codename || suite.startsWith(`${codename}-`));
  const archive = own.find(({ suite }) => suite === codename);
  if (archive === undefined) throw new Error(`lab: the apt configuration names no mirror for ${codename}`);
  return { own, archive };
}

/** The machine's package sources, from both file formats (man page sources.list(5)). */
async function machineSources(): Promise<Source[]> {
  const folder = "/etc/apt/sources.list.d";
  const parts = existsSync(folder) ? (await readdir(folder)).map((name) => join(folder, name)) : [];
  const found: Source[] = [];
  for (const file of ["/etc/apt/sources.list", ...parts].filter((name) => existsSync(name))) {
    const text = (await readFile(file, "utf8")).replace(/^#.*\n/gm, "");
    if (file.endsWith(".list")) found.push(...lineFormat(text));
    if (file.endsWith(".sources")) found.push(...text.split(/\n\s*\n/).flatMap(stanzaFormat));
  }
  return found;
}

function lineFormat(text: string): Source[] {
  const lines = text.matchAll(/^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)/gm);
  return [...lines].map(([, uri = "", suite = ""]) => ({ uri, suite }));
}

function stanzaFormat(stanza: string): Source[] {
  const field = (name: string): string[] =>
    new RegExp(`^${name}:(.*(?:\\n[ \\t].*)*)`, "im").exec(stanza)?.[1]?.trim().split(/\s+/) ?? [];
  if (!field("Types").includes("deb") || field("Enabled")[0] === "no") return [];
  return field("URIs").flatMap((uri) => field("Suites").map((suite) => ({ uri, suite })));
}
