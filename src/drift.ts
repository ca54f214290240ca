/** What a listing shows to have been changed behind our back: entries that are not as we last knew them. */
import { sameJson } from "./json.ts";
import type { Registration } from "./model.ts";

export interface Drift {
  /**
   * A listing has come.
   * @param before what the registry was believed to hold; null: nothing was known
   */
  listed(before: ReadonlyMap<string, Registration> | null, now: ReadonlyMap<string, Registration>): void;
  /** The changes that are planned now: what needs none is as it should be, whoever did it. */
  planned(keys: ReadonlySet<string>): void;
  /** Whether a change of this key repairs drift; asked once for each. */
  take(key: string): boolean;
}

export function createDrift(): Drift {
  let keys = new Set<string>();
  return {
    listed(before, now) {
      keys = new Set<string>();
      if (before === null) return;
      for (const [key, { spec }] of before) if (!sameJson(spec, now.get(key)?.spec)) keys.add(key);
      for (const key of now.keys()) if (!before.has(key)) keys.add(key);
    },
    planned(wanted) {
      for (const key of keys) if (!wanted.has(key)) keys.delete(key);
    },
    take: (key) => keys.delete(key),
  };
}
