/**
 * Appends to the chain: everything that is waiting goes into one write and one sync. After a failed write the chain is
 * what it was before, and a partly written line is cut off before the next.
 */
import { stat } from "node:fs/promises";
import type { Logger } from "../model.ts";
import type { AppendFile, OpenAppendFile } from "./append-file.ts";
import { type ChainHead, type SealedRecord, seal } from "./chain.ts";
import { isErrno, syncFolder } from "./files.ts";
import { type HeadFile, type KeptRange, openHead, readHead } from "./head.ts";
import type { AuditInput, AuditRecord } from "./record.ts";
import { recover } from "./recover.ts";
import { dropOldest, moveUp } from "./rotate.ts";

export interface WriterOptions {
  readonly path: string;
  /** Bytes after which a new file is begun; what is appended together stays together. */
  readonly maxBytes: number;
  /** How many full files to keep beside the one being written. */
  readonly keep: number;
  readonly node: string;
  readonly log: Logger;
  now(): number;
  readonly openFile: OpenAppendFile;
}

export interface AuditWriter {
  append(records: readonly AuditInput[]): Promise<readonly AuditRecord[]>;
  /** Waits for what was appended, then closes. Twice is fine. */
  close(): Promise<void>;
}

interface Group {
  readonly inputs: readonly AuditInput[];
  readonly at: number;
  resolve(records: readonly AuditRecord[]): void;
  reject(error: Error): void;
}

interface SealedGroup {
  readonly group: Group;
  readonly sealed: readonly SealedRecord[];
}

/** Opens the log, repairs its end and writes what was found there. */
export async function openWriter(options: WriterOptions): Promise<AuditWriter> {
  const { path, log } = options;
  const { range, findings } = await recover(path, await readHead(path));
  const headFile = await openHead(path, range, (err) => log.warn({ err }, "audit head file not written"));
  let file: AppendFile;
  try {
    file = await options.openFile(path);
    await syncFolder(path);
  } catch (error) {
    await headFile.close();
    throw error;
  }
  const writer = createWriter(options, { file, size: (await file.stat()).size, range, headFile });
  try {
    await writer.append(findings);
  } catch (error) {
    await writer.close();
    throw error;
  }
  for (const { error, cause } of findings) log.warn({ path, what: error ?? cause?.[0] }, "audit log repaired");
  return writer;
}

interface Opened {
  readonly file: AppendFile;
  readonly size: number;
  readonly range: KeptRange;
  readonly headFile: HeadFile;
}

function createWriter(options: WriterOptions, opened: Opened): AuditWriter {
  const { path, maxBytes, keep, node, log, now } = options;
  const { headFile } = opened;
  let { file, size, range } = opened;
  /** A failed write may have left bytes behind `size`. */
  let leftovers = false;
  let fileClosed = false;
  let closed = false;
  let queue: Group[] = [];
  let flushing: Promise<void> | null = null;

  function append(inputs: readonly AuditInput[]): Promise<readonly AuditRecord[]> {
    if (closed) return Promise.reject(new Error(`audit log ${path}: closed`));
    if (inputs.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      queue.push({ inputs, at: now(), resolve, reject });
      flushing ??= flushAll();
    });
  }

  async function flushAll(): Promise<void> {
    // one turn of the micro tasks, so that appends made together are synced together
    await Promise.resolve();
    while (queue.length > 0) await flushBatch();
    // here and not in a `finally`: an append between the last look at the queue and that would wait for ever
    flushing = null;
  }

  async function flushBatch(): Promise<void> {
    let batch: readonly SealedGroup[] = [];
    try {
      await ensureSound();
      const next = nextBatch();
      const isFull = size > 0 && size + bytesOf(next[0]?.sealed ?? []) > maxBytes;
      if (isFull) await rotate();
      batch = isFull ? nextBatch() : next;
      await write(batch);
    } catch (error) {
      // where not even a batch could be begun, all that wait fail, or they would wait for ever
      const failed = batch.length > 0 ? batch.map(({ group }) => group) : queue;
      queue = queue.filter((group) => !failed.includes(group));
      const failure = writeError(path, error);
      for (const group of failed) group.reject(failure);
    }
  }

  /** Before each write: no leftovers of a failed one, and the file still the one we know. */
  async function ensureSound(): Promise<void> {
    if (fileClosed) return await reopen();
    await dropLeftovers();
    const known = await file.stat();
    const there = await statOrNull(path);
    if (there !== null && there.ino === known.ino && there.size === size) return;
    log.warn({ path }, "audit log was changed by somebody else");
    await reopen();
  }

  async function dropLeftovers(): Promise<void> {
    if (!leftovers) return;
    await file.truncate(size);
    leftovers = false;
  }

  /** Takes up the log as it is now, holding what we wrote against it. */
  async function reopen(): Promise<void> {
    await closeFile();
    const recovered = await recover(path, range);
    file = await options.openFile(path);
    fileClosed = false;
    await syncFolder(path);
    size = (await file.stat()).size;
    range = recovered.range;
    if (recovered.findings.length > 0) {
      queue.unshift({ inputs: recovered.findings, at: now(), resolve: () => {}, reject: () => {} });
    }
  }

  /** As many waiting groups as fit into the file, at least one. */
  function nextBatch(): readonly SealedGroup[] {
    const batch: SealedGroup[] = [];
    let head: ChainHead = range;
    let end = size;
    for (const group of queue) {
      const sealed = sealGroup(group, head);
      end += bytesOf(sealed);
      if (batch.length > 0 && end > maxBytes) break;
      batch.push({ group, sealed });
      head = sealed.at(-1)?.record ?? head;
    }
    return batch;
  }

  function sealGroup({ inputs, at }: Group, head: ChainHead): readonly SealedRecord[] {
    const sealed: SealedRecord[] = [];
    for (const input of inputs) sealed.push(seal(input, sealed.at(-1)?.record ?? head, node, at));
    return sealed;
  }

  async function write(batch: readonly SealedGroup[]): Promise<void> {
    const data = Buffer.from(batch.flatMap(({ sealed }) => sealed.map(({ line }) => line)).join(""));
    leftovers = true;
    await file.append(data);
    await file.sync();
    leftovers = false;
    size += data.length;
    const last = batch.at(-1)?.sealed.at(-1)?.record;
    if (last !== undefined) range = { seq: last.seq, hash: last.hash, first: range.first };
    await headFile.write(range);
    queue = queue.slice(batch.length);
    for (const { group, sealed } of batch) group.resolve(sealed.map(({ record }) => record));
  }

  async function rotate(): Promise<void> {
    range = await dropOldest(path, keep, range, headFile);
    await closeFile();
    await moveUp(path, keep);
    file = await options.openFile(path);
    fileClosed = false;
    size = 0;
    await syncFolder(path);
  }

  async function closeFile(): Promise<void> {
    if (fileClosed) return;
    fileClosed = true;
    await file.close();
  }

  async function close(): Promise<void> {
    if (closed) return;
    closed = true;
    await flushing;
    await dropLeftovers().catch((err: unknown) => log.warn({ err }, "audit log left with a torn line"));
    await closeFile();
    await headFile.close();
    log.info({ seq: range.seq, hash: range.hash }, "audit log closed");
  }

  return { append, close };
}

function bytesOf(sealed: readonly SealedRecord[]): number {
  return sealed.reduce((sum, { line }) => sum + Buffer.byteLength(line), 0);
}

async function statOrNull(path: string): Promise<{ readonly ino: number; readonly size: number } | null> {
  try {
    return await stat(path);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

function writeError(path: string, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Error(`audit log ${path}: not written: ${reason}`, { cause });
}
