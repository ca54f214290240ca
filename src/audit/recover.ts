/** Where the chain goes on: looks at the end of the log (never at all of it) and repairs what a crash left there. */
import { truncate } from "node:fs/promises";
import { CHAIN_START, type ChainHead, readLine } from "./chain.ts";
import { type LogFile, linesBackwards, linesForwards, openLogFiles } from "./files.ts";
import type { KeptRange, ReadHead } from "./head.ts";
import type { AuditInput, AuditRecord } from "./record.ts";

/** What the end of the log looks like. */
export interface LogEnd {
  /** Bytes after the last newline of the file being written. */
  readonly torn: number;
  /** Whole lines at the end that are not sound. */
  readonly broken: number;
  /** The last sound record. */
  readonly sound: ChainHead | null;
}

export interface Recovered {
  readonly range: KeptRange;
  /** To be appended first: what was found amiss. */
  readonly findings: readonly AuditInput[];
}

/**
 * Reads the end of the log, cuts off a torn last line, and says where the chain goes on.
 * @param claimed what the log should hold, by its head file or by our own memory
 */
export async function recover(path: string, claimed: ReadHead): Promise<Recovered> {
  await using files = await openLogFiles(path);
  const end = await readEnd(path, files);
  if (end.torn > 0) await cutOff(path, files, end.torn);
  const { head, findings } = judge(end, claimed);
  const first = typeof claimed === "object" ? claimed.first : await firstSeq(files);
  return { range: { ...head, first: first ?? head.seq + 1 }, findings };
}

async function readEnd(path: string, files: readonly LogFile[]): Promise<LogEnd> {
  let torn = 0;
  let broken = 0;
  for (const file of files.toReversed()) {
    for await (const line of linesBackwards(file.handle)) {
      if (!line.whole && file.path === path) {
        torn = line.bytes.length;
        continue;
      }
      const read = readLine(line.bytes);
      if (line.whole && read.sound) return { torn, broken, sound: headOf(read.record) };
      broken += 1;
    }
  }
  return { torn, broken, sound: null };
}

function headOf({ seq, hash }: AuditRecord): ChainHead {
  return { seq, hash };
}

async function cutOff(path: string, files: readonly LogFile[], torn: number): Promise<void> {
  const current = files.find((file) => file.path === path);
  if (current === undefined) return;
  const { size } = await current.handle.stat();
  await truncate(path, size - torn);
}

/** `seq` of the oldest record; null if there is none. */
export async function firstSeq(files: readonly LogFile[]): Promise<number | null> {
  for (const { handle } of files) {
    for await (const line of linesForwards(handle)) {
      const read = readLine(line.bytes);
      if (read.record !== null) return read.record.seq;
    }
  }
  return null;
}

/**
 * Decides, pure, from where the chain goes on. After a loss it goes on from what was lost, so that the gap stays visible
 * to `verify` for ever. One exception: a torn last line that had been synced (a disk that lies, a cut copy) is taken for
 * the crash that it looks like, and only recorded.
 */
export function judge(
  end: LogEnd,
  claimed: ReadHead,
): { readonly head: ChainHead; readonly findings: readonly AuditInput[] } {
  const findings: AuditInput[] = [];
  const log = end.sound ?? CHAIN_START;
  if (end.torn > 0) findings.push(repaired(`a torn last line of ${end.torn} bytes was cut off`, { bytes: end.torn }));
  if (end.broken > 0) findings.push(damage(`${end.broken} line(s) at the end of the log are broken`));
  if (typeof claimed !== "object") {
    const isNew = end.sound === null && end.broken === 0 && claimed === "missing";
    if (!isNew) findings.push(repaired(`the head file was ${claimed}; a new one was begun`, null));
    return { head: { seq: log.seq + end.broken, hash: log.hash }, findings };
  }
  const lost = claimed.seq - log.seq - end.broken;
  if (lost <= 0 && end.broken === 0) {
    if (lost === 0 && claimed.hash !== log.hash) findings.push(damage(`record ${log.seq} is not the one last written`));
    return { head: log, findings };
  }
  if (lost === 1 && end.broken === 0 && end.torn > 0) {
    findings.push(damage(`record ${claimed.seq} was lost with the torn line though it had been synced`));
    return { head: log, findings };
  }
  if (lost > 0)
    findings.push(damage(`the log ends too early: ${rangeOf(claimed.seq - lost + 1, claimed.seq)} missing`));
  return { head: { seq: Math.max(claimed.seq, log.seq + end.broken), hash: claimed.hash }, findings };
}

/** `record 7 is` or `records 7 to 9 are`. */
export function rangeOf(from: number, to: number): string {
  return from === to ? `record ${from} is` : `records ${from} to ${to} are`;
}

function repaired(what: string, after: { readonly bytes: number } | null): AuditInput {
  return { action: "repair", ok: true, cause: [what], after };
}

function damage(what: string): AuditInput {
  return { action: "repair", ok: false, error: what };
}
