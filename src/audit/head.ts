/**
 * The head file, `PATH.head`: which records the log must hold. A hash chain can't show that its last lines (or its first
 * files) were cut off; this small file beside it can. It is written after the log is synced and without a sync of its
 * own, so after a crash it may lag behind the log but never runs ahead of it: it is a lower bound, and costs no latency.
 * Whoever can write the log can write the head as well: it shows accidents and careless tampering. Against more, keep
 * `seq` and `hash` somewhere else (Muster logs them when it stops).
 */
import { type FileHandle, open, readFile } from "node:fs/promises";
import type { ChainHead } from "./chain.ts";
import { besideLog, isErrno, syncFolder } from "./files.ts";

/** The oldest and the newest record that the log must hold. */
export interface KeptRange extends ChainHead {
  readonly first: number;
}

export type ReadHead = KeptRange | "missing" | "unreadable";

export interface HeadFile {
  /** Never rejects for a failed write without `durable`: a head that lags behind is still true. */
  write(range: KeptRange, durable?: boolean): Promise<void>;
  close(): Promise<void>;
}

/** Fixed, so that it is overwritten in place, within one disk sector. */
const HEAD_BYTES = 160;

export function headPath(path: string): string {
  return besideLog(path, ".head");
}

export async function readHead(path: string): Promise<ReadHead> {
  try {
    return parseHead(await readFile(headPath(path), "utf8"));
  } catch (error) {
    if (isErrno(error, "ENOENT")) return "missing";
    throw error;
  }
}

function parseHead(text: string): ReadHead {
  const match = /^\{"first":(\d{1,15}),"seq":(\d{1,15}),"hash":"([0-9a-f]{64})"\}\s*$/.exec(text);
  if (match === null) return "unreadable";
  return { first: Number(match[1]), seq: Number(match[2]), hash: match[3] ?? "" };
}

/**
 * Opens the head file for writing; made where it is missing.
 * @param onError told of a failed write that was not `durable`
 */
export async function openHead(path: string, range: KeptRange, onError: (error: unknown) => void): Promise<HeadFile> {
  const handle = await openOrCreate(headPath(path));
  try {
    await writeRange(handle, range);
    await handle.sync();
    await syncFolder(path);
  } catch (error) {
    await handle.close();
    throw error;
  }
  return {
    async write(next, durable = false) {
      try {
        await writeRange(handle, next);
        if (durable) await handle.datasync();
      } catch (error) {
        if (durable) throw error;
        onError(error);
      }
    },
    close: () => handle.close(),
  };
}

async function writeRange(handle: FileHandle, { first, seq, hash }: KeptRange): Promise<void> {
  const text = JSON.stringify({ first, seq, hash }).padEnd(HEAD_BYTES - 1);
  await handle.write(`${text}\n`, 0);
}

async function openOrCreate(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r+");
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
    return await open(path, "wx+", 0o640);
  }
}
