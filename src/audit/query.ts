/** Reads the audit log from its end, also while a Muster writes it. What can't be read is `verify`'s matter. */
import { parseRecord } from "./chain.ts";
import { linesBackwards, openLogFiles } from "./files.ts";
import type { AuditRecord } from "./record.ts";

export interface AuditQuery {
  /** ms since the epoch; older records are left out. */
  readonly since?: number;
  readonly service?: string;
  readonly registry?: string;
  /** Only what was tried and did not succeed. */
  readonly failed?: boolean;
  /** The newest so many. @default 100 */
  readonly limit?: number;
}

const DEFAULT_LIMIT = 100;
/** A clock that was set back leaves newer times before older ones; so far beyond `since` is looked. */
const CLOCK_SLACK_MS = 5 * 60_000;

/**
 * The newest records that match, oldest of them first.
 * @throws the reason of `signal`, or the system's error where the folder can't be read
 */
export async function queryAudit(
  path: string,
  query: AuditQuery,
  signal?: AbortSignal,
): Promise<readonly AuditRecord[]> {
  const limit = query.limit ?? DEFAULT_LIMIT;
  const since = query.since ?? Number.NEGATIVE_INFINITY;
  const found: AuditRecord[] = [];
  for await (const record of recordsBackwards(path)) {
    signal?.throwIfAborted();
    const time = Date.parse(record.time);
    if (found.length >= limit || time < since - CLOCK_SLACK_MS) break;
    if (time >= since && matches(record, query)) found.push(record);
  }
  return found.toReversed();
}

/** The last `count` records, oldest of them first. */
export function tailAudit(path: string, count: number, signal?: AbortSignal): Promise<readonly AuditRecord[]> {
  return queryAudit(path, { limit: count }, signal);
}

async function* recordsBackwards(path: string): AsyncGenerator<AuditRecord> {
  await using files = await openLogFiles(path);
  for (const { handle } of files.toReversed()) {
    for await (const line of linesBackwards(handle)) {
      const record = line.whole ? parseRecord(line.bytes) : null;
      if (record !== null) yield record;
    }
  }
}

function matches(record: AuditRecord, { service, registry, failed }: AuditQuery): boolean {
  if (service !== undefined && record.service !== service) return false;
  if (registry !== undefined && record.registry !== registry) return false;
  return failed !== true || record.ok === false;
}
