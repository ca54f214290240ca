import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildImage, importNodeImage } from "./base-image.ts";
import type { Engine } from "./engine.ts";
import { cacheFolder } from "./folders.ts";
import { withLock } from "./lock.ts";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
/** What the Dockerfile copies, and itself. */
const CONTEXT = ["Dockerfile", "package.json", "package-lock.json", "tsconfig.json", "LICENSE"];
const FOLDERS = ["src", "adapters", "page"];
const BUILT = "lab/muster-built";

/**
 * Gives engines Muster's image, by the unchanged Dockerfile. It is built once, in the first engine, for all test files
 * that need it: the next one, with the same content of the repository, loads what the first one has built.
 */
export async function importMuster(engines: readonly Engine[], tag: string): Promise<void> {
  const key = (await contentHash()).slice(0, 12);
  const name = `muster-${key}.tar`;
  const file = join(cacheFolder(), name);
  // Also while it is loaded: another content's build would delete it.
  await withLock(join(cacheFolder(), "muster.tar.lock"), async () => {
    const isBuilt = existsSync(file);
    if (!isBuilt) await build(engines[0], name);
    const others = isBuilt ? engines : engines.slice(1);
    await Promise.all(others.map((engine) => engine.docker(["load", "--input", file])));
  });
  await Promise.all(engines.map((engine) => engine.docker(["tag", BUILT, tag])));
}

/** Leaves it in the engine and as a file in the cache. */
async function build(engine: Engine | undefined, name: string): Promise<void> {
  if (engine === undefined) throw new Error("lab: no engine to build in");
  const file = join(cacheFolder(), name);
  await forgetOthers(name);
  await importNodeImage(engine);
  await buildImage(engine, REPOSITORY, BUILT);
  await engine.docker(["save", "--output", `${file}.half`, BUILT]);
  await rename(`${file}.half`, file);
}

async function contentHash(): Promise<string> {
  const nested = await Promise.all(FOLDERS.map((folder) => filesIn(folder)));
  const hash = createHash("sha256");
  for (const file of [...CONTEXT, ...nested.flat()].sort((a, b) => (a < b ? -1 : 1)))
    hash.update(`${file}\n`).update(await readFile(join(REPOSITORY, file)));
  return hash.digest("hex");
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(join(REPOSITORY, folder), { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) =>
    entry.isFile() ? [join(entry.parentPath, entry.name).slice(REPOSITORY.length)] : [],
  );
}

async function forgetOthers(name: string): Promise<void> {
  for (const other of await readdir(cacheFolder()))
    if (/^muster-[0-9a-f]{12}\.tar/.test(other) && other !== name)
      await rm(join(cacheFolder(), other), { force: true });
}
