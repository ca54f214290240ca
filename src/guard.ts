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
   * @param syncs completed listings of the sources that could own an entry of this source (all of them, for null)
   * @param isAll whether the candidates are all that there are, or only those of the keys that a pass looks at: then what
   *   was refused before counts as well
   * @returns the entries that must stay for now; empty when all may go
   */
  refuse(
    candidates: readonly Registration[],
    registered: number,
    syncs: (source: string | null) => readonly number[],
    isAll: boolean,
  ): readonly Registration[];
  /** What it holds back, as far as is known: `refuse` looks at it again only where the registry answers. */
  refused(): Iterable<Registration>;
  /** The entry is missing no more: if it is missing again, that is a first sight. */
  forget(key: string): void;
}

interface Refusal {
  readonly entry: Registration;
  /** Listings of its sources at the time when the removal was refused. */
  readonly syncs: readonly number[];
}

export function createGuard({ max, percent }: GuardLimits): Guard {
  const refusals = new Map<string, Refusal>();
  return {
    refuse(candidates, registered, syncs, isAll) {
      if (isAll) forgetOthers(candidates);
      const held = new Set([...refusals.keys(), ...candidates.map(({ key }) => key)]);
      const unconfirmed = candidates.filter((entry) => !isConfirmed(entry, syncs));
      const isMass = held.size > max && held.size > (registered * percent) / 100;
      if (!isMass || unconfirmed.length === 0) return [];
      for (const entry of unconfirmed) {
        if (!refusals.has(entry.key)) refusals.set(entry.key, { entry, syncs: syncs(entry.source) });
      }
      return unconfirmed;
    },
    *refused() {
      for (const { entry } of refusals.values()) yield entry;
    },
    forget: (key) => void refusals.delete(key),
  };

  /** Each of them has listed again, not just any. */
  function isConfirmed(entry: Registration, syncs: (source: string | null) => readonly number[]): boolean {
    const refusal = refusals.get(entry.key);
    return refusal !== undefined && syncs(entry.source).every((count, index) => count > (refusal.syncs[index] ?? 0));
  }

  function forgetOthers(candidates: readonly Registration[]): void {
    const keys = new Set(candidates.map(({ key }) => key));
    for (const key of refusals.keys()) if (!keys.has(key)) refusals.delete(key);
  }
}
