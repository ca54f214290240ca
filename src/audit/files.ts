/** The files of one audit log: `PATH` (being written), `PATH.1` (the one before), `PATH.2`, … */
import { type FileHandle, open, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

const CHUNK_BYTES = 64 * 1024;
const NEWLINE = 0x0a;

export interface LogFile {
  readonly path: string;
  readonly handle: FileHandle;
}

export interface Line {
  /** Without the newline. */
  readonly bytes: Buffer;
  /** Whether a newline ended it; only the last line of a file may lack one. */
  readonly whole: boolean;
}

/** Paths of the log's files, oldest first. Gaps in the numbering (a crash while rotating) do no harm. */
export async function logFiles(path: string): Promise<readonly string[]> {
  const rotated = await rotatedNumbers(path);
  const names = await readdir(dirname(path));
  const current = names.includes(basename(path)) ? [path] : [];
  return [...rotated.toReversed().map((number) => `${path}.${number}`), ...current];
}

/** The numbers of the rotated files, ascending: newest first. */
export async function rotatedNumbers(path: string): Promise<readonly number[]> {
  const prefix = `${basename(path)}.`;
  const names = await readdir(dirname(path));
  return names
    .filter((name) => name.startsWith(prefix) && /^[1-9]\d{0,8}$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
    .sort((a, b) => a - b);
}

/**
 * Opens all files for reading, oldest first. They are opened newest first, and one that a rotation renamed meanwhile is
 * taken once, so that a running Muster can be read without gaps.
 */
export async function openLogFiles(path: string): Promise<readonly LogFile[] & AsyncDisposable> {
  const opened: LogFile[] = [];
  const seen = new Set<string>();
  async function close(): Promise<void> {
    await Promise.all(opened.map(({ handle }) => handle.close()));
  }
  try {
    for (const name of (await logFiles(path)).toReversed()) {
      const handle = await openIfThere(name);
      if (handle === null) continue;
      const { dev, ino } = await handle.stat();
      if (seen.has(`${dev}:${ino}`)) {
        await handle.close();
        continue;
      }
      seen.add(`${dev}:${ino}`);
      opened.unshift({ path: name, handle });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return Object.assign(opened, { [Symbol.asyncDispose]: close });
}

async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

/** All lines from the first on. Memory: one chunk and one line. */
export async function* linesForwards(handle: FileHandle): AsyncGenerator<Line> {
  let rest: Buffer = Buffer.alloc(0);
  for (let position = 0; ; ) {
    const chunk = await readAt(handle, position, CHUNK_BYTES);
    if (chunk.length === 0) break;
    position += chunk.length;
    const text = Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = text.indexOf(NEWLINE); end !== -1; end = text.indexOf(NEWLINE, start)) {
      yield { bytes: text.subarray(start, end), whole: true };
      start = end + 1;
    }
    rest = text.subarray(start);
  }
  if (rest.length > 0) yield { bytes: rest, whole: false };
}

/** All lines from the last on: the end of a large file costs one small read. */
export async function* linesBackwards(handle: FileHandle): AsyncGenerator<Line> {
  let position = (await handle.stat()).size;
  let rest: Buffer = Buffer.alloc(0);
  // what follows the last newline is a line only if it isn't empty
  let whole = false;
  while (position > 0) {
    const length = Math.min(Math.max(CHUNK_BYTES, rest.length), position);
    position -= length;
    const text = Buffer.concat([await readAt(handle, position, length), rest]);
    let end = text.length;
    for (let start = lastNewline(text, end); start !== -1; start = lastNewline(text, end)) {
      if (whole || start + 1 < end) yield { bytes: text.subarray(start + 1, end), whole };
      whole = true;
      end = start;
    }
    rest = text.subarray(0, end);
  }
  if (whole || rest.length > 0) yield { bytes: rest, whole };
}

/** Position of the last newline before `end`; -1 if there is none. */
function lastNewline(text: Buffer, end: number): number {
  return end === 0 ? -1 : text.lastIndexOf(NEWLINE, end - 1);
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
  return buffer.subarray(0, bytesRead);
}

/** Makes renames and creations in the folder of `path` durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** The absolute place of a file that stands beside the log, e.g. `.head`. */
export function besideLog(path: string, suffix: string): string {
  return join(dirname(path), `${basename(path)}${suffix}`);
}
