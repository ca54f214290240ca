/** What the page keeps of the audit log, and what it counts in it. Pure. */
import type { AuditRecord } from "../../src/audit/record.ts";

/** A record without what it wrote. */
export interface Deed extends Omit<AuditRecord, "cause" | "before" | "after" | "prev" | "hash"> {
  /** ms since the epoch. */
  readonly at: number;
  /** From the fact that led to it to its outcome, ms; null where no fact did. */
  readonly sinceFact: number | null;
}

export interface History {
  /** Oldest first. */
  readonly deeds: readonly Deed[];
  /** ms since the epoch; all deeds since then are there. */
  readonly since: number;
}

/** How far back the page looks. */
export const WINDOW_MS = 30 * 60_000;
/** Of one answer, and of what is kept. */
export const MAX_DEEDS = 1_000;
const MAX_KEPT = 5_000;

export function deedOf(record: AuditRecord): Deed {
  const { cause, before: _before, after: _after, prev: _prev, hash: _hash, ...rest } = record;
  const at = Date.parse(record.time);
  const causes = (cause ?? []).map(causeTime).filter((time) => !Number.isNaN(time));
  const isFirst = record.attempt === 1 && record.ok === true;
  return { ...rest, at, sinceFact: isFirst && causes.length > 0 ? Math.max(0, at - Math.max(...causes)) : null };
}

function causeTime(cause: NonNullable<AuditRecord["cause"]>[number]): number {
  if (typeof cause !== "object" || cause === null || !("time" in cause)) return Number.NaN;
  return Date.parse(String(cause["time"]));
}

/** @param records the newest {@link MAX_DEEDS} that were written since `asked`, oldest first; some may be known already */
export function withRecords(history: History, records: readonly AuditRecord[], asked: number, now: number): History {
  const first = records[0];
  // So many came that those in between are not known.
  const isGap = records.length >= MAX_DEEDS && first !== undefined;
  const kept = isGap ? [] : history.deeds;
  const last = kept.at(-1)?.seq ?? 0;
  const fresh = records.filter(({ seq }) => seq > last).map(deedOf);
  const start = isGap ? Date.parse(first.time) : Math.min(history.since, asked);
  const since = Math.max(start, now - WINDOW_MS);
  const deeds = [...kept, ...fresh].filter(({ at }) => at >= since);
  if (deeds.length <= MAX_KEPT) return { deeds, since };
  const newest = deeds.slice(-MAX_KEPT);
  return { deeds: newest, since: newest[0]?.at ?? since };
}

/** Writes that failed, and that no later one of the same entry made good; newest first. */
export function unresolved(deeds: readonly Deed[]): readonly Deed[] {
  const last = new Map<string, Deed>();
  for (const deed of deeds) {
    const key = `${deed.registry}\n${deed.id}`;
    last.delete(key);
    if (deed.ok !== null) last.set(key, deed);
  }
  return [...last.values()].filter(({ ok }) => ok === false).toReversed();
}

export interface Slot {
  /** ms since the epoch. */
  readonly from: number;
  readonly done: number;
  readonly failed: number;
}

/** Writes over time, oldest slot first; the last one ends at or after `now`. */
export function slotsOf(deeds: readonly Deed[], now: number, count: number): readonly Slot[] {
  const width = WINDOW_MS / count;
  const end = Math.ceil(now / width) * width;
  const slots = Array.from({ length: count }, (_, index) => ({
    from: end - (count - index) * width,
    done: 0,
    failed: 0,
  }));
  for (const { at, ok, registry } of deeds) {
    const slot = slots[count - Math.ceil((end - at) / width)];
    if (slot === undefined || ok === null || registry === null) continue;
    if (ok) slot.done++;
    else slot.failed++;
  }
  return slots;
}

export interface Bucket {
  /** ms; null: no upper bound. */
  readonly upTo: number | null;
  readonly count: number;
}

export interface Latency {
  readonly buckets: readonly Bucket[];
  readonly count: number;
  /** ms; null while there is nothing to measure. */
  readonly median: number | null;
  readonly p95: number | null;
}

const BOUNDS = [2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000] as const;

/** From fact to outcome, of registrations and withdrawals that went well at once. */
export function latencyOf(deeds: readonly Deed[]): Latency {
  const times = deeds.flatMap(({ sinceFact }) => (sinceFact === null ? [] : [sinceFact])).toSorted((a, b) => a - b);
  const counts = [...BOUNDS, null].map((upTo, index) => {
    const above = BOUNDS[index - 1] ?? -1;
    return { upTo, count: times.filter((ms) => ms > above && (upTo === null || ms <= upTo)).length };
  });
  const at = (share: number) => times[Math.max(0, Math.ceil(times.length * share) - 1)] ?? null;
  return { buckets: counts, count: times.length, median: at(0.5), p95: at(0.95) };
}
