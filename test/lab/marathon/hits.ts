/** Counts what clients ask, so that a test can say how much asking is too much. */
export interface Hits {
  /** GETs so far, without those of the event stream. @param path only of this pathname (without prefix), or of those that match */
  gets(path?: string | RegExp): number;
  /** GETs by pathname (without prefix and query). */
  byPath(): Readonly<Record<string, number>>;
  /** GETs of the event stream, granted or not. */
  attaches(): number;
  reset(): void;
}

export interface HitCounter extends Hits {
  count(path: string): void;
}

const STREAM = "/v2/events";

export function createHits(): HitCounter {
  const counts = new Map<string, number>();
  return {
    gets(path) {
      let total = 0;
      for (const [known, count] of counts) if (known !== STREAM && matchesPath(path, known)) total += count;
      return total;
    },
    byPath: () => Object.fromEntries([...counts].filter(([path]) => path !== STREAM)),
    attaches: () => counts.get(STREAM) ?? 0,
    reset: () => counts.clear(),
    count(path) {
      counts.set(path, (counts.get(path) ?? 0) + 1);
    },
  };
}

/** @param wanted a pathname or a pattern of them; undefined: any */
export function matchesPath(wanted: string | RegExp | undefined, path: string): boolean {
  if (wanted === undefined) return true;
  return typeof wanted === "string" ? wanted === path : wanted.test(path);
}
