/** Reads the whole audit log and finds every line that was changed, removed, repeated or moved. */
import { CHAIN_START, readLine } from "./chain.ts";
import { type Line, linesForwards, openLogFiles } from "./files.ts";
import { headPath, type ReadHead, readHead } from "./head.ts";
import { isLocked } from "./lock.ts";
import type { AuditRecord } from "./record.ts";
import { rangeOf } from "./recover.ts";

export interface AuditProblem {
  readonly file: string;
  /** 1 for the first; 0 where no line is to blame. */
  readonly line: number;
  /** null where it can't be told. */
  readonly seq: number | null;
  readonly what: string;
}

export interface Verification {
  readonly ok: boolean;
  /** How many sound records there are. */
  readonly records: number;
  readonly problems: readonly AuditProblem[];
  /** Worth knowing, no proof of tampering: repairs on record, a head file that is missing. */
  readonly notes: readonly string[];
}

interface Place {
  readonly file: string;
  readonly line: number;
}

/**
 * Checks all files of the log, oldest first, in one pass and little memory; also while a Muster writes it.
 * @throws the system's error where a file can't be read
 */
export async function verifyAudit(path: string, signal?: AbortSignal): Promise<Verification> {
  // A running Muster moves on while we read: what the log ends with is asked before, what it begins with after.
  const before = await readHead(path);
  await using files = await openLogFiles(path);
  const after = await readHead(path);
  const claimed = typeof before === "object" && typeof after === "object" ? { ...before, first: after.first } : before;
  const check = createCheck(claimed);
  let last: Place = { file: path, line: 0 };
  for (const [index, { path: file, handle }] of files.entries()) {
    let number = 0;
    for await (const line of linesForwards(handle)) {
      signal?.throwIfAborted();
      number += 1;
      if (!line.whole && index === files.length - 1 && (await isLocked(path))) break;
      last = { file, line: number };
      check.line(line, last);
    }
  }
  return check.end(last, headPath(path));
}

/** The last link that was seen, which the next line should continue. */
interface Link {
  readonly seq: number;
  /** null: not known, so any is taken. */
  readonly hash: string | null;
  /** Lines since then that could not be read: each may stand for a record, or have been put in. */
  readonly broken: number;
}

function createCheck(claimed: ReadHead) {
  const problems: AuditProblem[] = [];
  const notes: string[] = [];
  let records = 0;
  let link: Link | null = null;
  let previous: Place | null = null;

  function report(place: Place, seq: number | null, what: string): void {
    problems.push({ ...place, seq, what });
  }

  function line({ bytes, whole }: Line, place: Place): void {
    const read = readLine(bytes);
    if (whole && read.sound) {
      soundLine(read.record, place);
    } else {
      const torn = `torn: the last ${bytes.length} bytes have no end of line; a start of Muster repairs that`;
      report(place, read.record?.seq ?? null, whole && !read.sound ? read.what : torn);
      const before: Link = link ?? firstLink(claimed, null);
      link = { ...before, broken: before.broken + 1 };
    }
    previous = place;
  }

  function soundLine(record: AuditRecord, place: Place): void {
    records += 1;
    const before = link ?? firstLink(claimed, record);
    checkPlace(record, before, place);
    // after a line out of place the chain is expected to go on where it was
    if (record.seq > before.seq) link = { seq: record.seq, hash: record.hash, broken: 0 };
    if (typeof claimed === "object" && record.seq === claimed.seq && record.hash !== claimed.hash) {
      report(place, record.seq, "exchanged: the head file has another hash for this record");
    }
    if (record.action === "repair")
      notes.push(`record ${record.seq}: repair: ${record.error ?? record.cause?.join("; ")}`);
  }

  function checkPlace({ seq, prev }: AuditRecord, before: Link, place: Place): void {
    if (seq === before.seq) report(place, seq, "repeated: a line before has the same number");
    else if (seq < before.seq) report(place, seq, `out of place: repeated or moved here, after record ${before.seq}`);
    else if (seq > before.seq + 1 + before.broken) gap(before.seq + 1 + before.broken, seq, place);
    else if (seq === before.seq + 1 && before.hash !== null && prev !== before.hash) {
      report(place, seq, "does not continue the line before: one of the two was exchanged");
    }
  }

  function gap(from: number, seq: number, place: Place): void {
    const what = `${rangeOf(from, seq - 1)} missing`;
    if (previous !== null && previous.file !== place.file) report(previous, from, `${what}: cut off after this line`);
    else report(place, from, `${what} before this line`);
  }

  function end(last: Place, head: string): Verification {
    if (claimed === "unreadable") report({ file: head, line: 0 }, null, "the head file can't be read");
    if (claimed === "missing") notes.push("no head file: it can't be told whether first or last lines were cut off");
    const { seq, broken } = link ?? firstLink(claimed, null);
    if (typeof claimed === "object" && claimed.seq > seq + broken) {
      const from = seq + broken + 1;
      report(last, from, `${rangeOf(from, claimed.seq)} missing: cut off after this line`);
    }
    return { ok: problems.length === 0, records, problems, notes };
  }

  return { line, end };
}

/** What the first line of all should continue: the beginning, unless older files were rotated away. */
function firstLink(claimed: ReadHead, record: AuditRecord | null): Link {
  const first = typeof claimed === "object" ? claimed.first : (record?.seq ?? 1);
  // a crash while rotating may leave more than the head file asks for
  const seq = Math.min(first, record?.seq ?? first) - 1;
  return seq === CHAIN_START.seq ? { ...CHAIN_START, broken: 0 } : { seq, hash: null, broken: 0 };
}
