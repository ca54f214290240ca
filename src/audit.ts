/** The audit log (contract 5.5): why something is registered, or not, on disk before its outcome is reported. */
import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type OpenAppendFile, openAppendFile } from "./audit/append-file.ts";
import { lockLog } from "./audit/lock.ts";
import { type AuditQuery, queryAudit, tailAudit } from "./audit/query.ts";
import type { AuditInput, AuditRecord } from "./audit/record.ts";
import { type AuditWriter, openWriter } from "./audit/writer.ts";
import type { Logger } from "./model.ts";

export interface AuditOptions {
  readonly path: string;
  /** Bytes after which a new file is begun. @default 64 MiB */
  readonly maxBytes?: number;
  /** How many full files are kept beside the one being written. @default 10 */
  readonly keep?: number;
  /** ms since the epoch. */
  now(): number;
  /** Id of this node. */
  readonly node: string;
  readonly log: Logger;
  /** How the file is opened for appending; for tests of failing disks. */
  readonly openFile?: OpenAppendFile;
}

export interface Audit extends AsyncDisposable {
  /**
   * Resolves with the finished records once they are on disk (fdatasync); what is appended at the same time shares one
   * write. Rejects with one clear line if they could not be written: then none of them is in the log, and a later append
   * may succeed.
   */
  append(records: readonly AuditInput[]): Promise<readonly AuditRecord[]>;
  /** The last `count` records, oldest of them first. */
  tail(count: number, signal?: AbortSignal): Promise<readonly AuditRecord[]>;
  /** The newest records that match, oldest of them first. */
  query(query: AuditQuery, signal?: AbortSignal): Promise<readonly AuditRecord[]>;
}

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
const DEFAULT_KEEP = 10;

/**
 * Opens the log for writing; its folder is made where it is missing. What a crash left at its end is repaired, and a
 * `repair` record says so. Fast whatever its size: only the end is read. Disposing waits for what was appended.
 * @throws Error in one line where another Muster writes the same file, or where it can't be opened
 */
export async function openAudit(options: AuditOptions, signal?: AbortSignal): Promise<Audit> {
  signal?.throwIfAborted();
  const path = resolve(options.path);
  const lock = await takeLock(path, options.log);
  let writer: AuditWriter;
  try {
    writer = await openWriter({
      path,
      maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
      keep: options.keep ?? DEFAULT_KEEP,
      node: options.node,
      log: options.log,
      now: options.now,
      openFile: options.openFile ?? openAppendFile,
    });
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw openError(path, error);
  }
  return {
    append: writer.append,
    tail: (count, abort) => tailAudit(path, count, abort),
    query: (query, abort) => queryAudit(path, query, abort),
    async [Symbol.asyncDispose]() {
      try {
        await writer.close();
      } finally {
        await lock[Symbol.asyncDispose]();
      }
    },
  };
}

async function takeLock(path: string, log: Logger): Promise<AsyncDisposable> {
  try {
    await mkdir(dirname(path), { recursive: true });
  } catch (error) {
    throw openError(path, error);
  }
  return await lockLog(path, log);
}

function openError(path: string, cause: unknown): Error {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (reason.startsWith("audit log ")) return new Error(reason, { cause });
  return new Error(`audit log ${path}: can't be opened: ${reason}; name a writable file with audit.path`, { cause });
}
