/** Rotation by renaming: `PATH` becomes `PATH.1`, that one `PATH.2`, and so on. */
import { rename, rm } from "node:fs/promises";
import { openLogFiles, rotatedNumbers } from "./files.ts";
import type { HeadFile, KeptRange } from "./head.ts";
import { firstSeq } from "./recover.ts";

/**
 * Removes the files that are too many once the current one is moved up. The head file says first that they may be
 * missing: a crash in between must not look like a loss.
 * @returns the range that the log holds from now on
 */
export async function dropOldest(path: string, keep: number, range: KeptRange, headFile: HeadFile): Promise<KeptRange> {
  const doomed = (await rotatedNumbers(path)).slice(Math.max(keep - 1, 0)).map((number) => `${path}.${number}`);
  const leaving = keep === 0 ? [...doomed, path] : doomed;
  if (leaving.length === 0) return range;
  const first = await firstSeqWithout(path, leaving);
  const left = { ...range, first: first ?? range.seq + 1 };
  await headFile.write(left, true);
  for (const name of doomed) await rm(name, { force: true });
  return left;
}

/** Leaves no file at `path`. */
export async function moveUp(path: string, keep: number): Promise<void> {
  for (const number of (await rotatedNumbers(path)).toReversed()) {
    await rename(`${path}.${number}`, `${path}.${number + 1}`);
  }
  if (keep === 0) await rm(path);
  else await rename(path, `${path}.1`);
}

async function firstSeqWithout(path: string, names: readonly string[]): Promise<number | null> {
  await using files = await openLogFiles(path);
  return await firstSeq(files.filter((file) => !names.includes(file.path)));
}
