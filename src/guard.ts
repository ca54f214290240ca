/**
 * The mass-delete guard (safety rule 4): removals concluded from absence, if they are many, need a second look: another
 * full listing of the source, in which the entries are still missing.
 */
import type { Registration } from "./model.ts";

export interface GuardLimits {
  /** More removals than this … */
  readonly max: number;
  /** … and more than this share of what is registered, in percent, are refused at first sight. */
  readonly percent: number;
}

export interface Guard {
  /**
   * @param candidates entries that would be removed because nobody lists them
   * @param registered how many entries the registry holds of ours
   * @param syncs completed listings of a source, by name (of all sources together, for null)
   * @returns the entries that must stay for now; empty when all may go
   */
  refuse(
    candidates: readonly Registration[],
    registered: number,
    syncs: (source: string | null) => number,
  ): readonly Registration[];
}

export function createGuard({ max, percent }: GuardLimits): Guard {
  /** Key → listings of its source at the time when the removal was refused. */
  const refusedAt = new Map<string, number>();
  return {
    refuse(candidates, registered, syncs) {
      forgetOthers(candidates);
      const unconfirmed = candidates.filter((entry) => !isConfirmed(entry, syncs));
      const isMass = candidates.length > max && candidates.length > (registered * percent) / 100;
      if (!isMass || unconfirmed.length === 0) return [];
      for (const entry of unconfirmed) if (!refusedAt.has(entry.key)) refusedAt.set(entry.key, syncs(entry.source));
      return unconfirmed;
    },
  };

  function isConfirmed(entry: Registration, syncs: (source: string | null) => number): boolean {
    const at = refusedAt.get(entry.key);
    return at !== undefined && syncs(entry.source) > at;
  }

  function forgetOthers(candidates: readonly Registration[]): void {
    const keys = new Set(candidates.map(({ key }) => key));
    for (const key of refusedAt.keys()) if (!keys.has(key)) refusedAt.delete(key);
  }
}
