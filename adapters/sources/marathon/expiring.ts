/** A map whose entries go by themselves: each some time after it was put, and the oldest ones when there are too many. */
export interface Expiring<V> {
  /** Replaces what was put under this key, and counts as new. */
  put(key: string, value: V): void;
  get(key: string): V | null;
  delete(key: string): void;
  /** Those that are too old and have not been swept out count as well. */
  size(): number;
}

/** Looking for old ones costs more than keeping a few, as a map is slow to find the first after many were taken out. */
const SWEEP_EVERY = 256;

/** @param limits time to live in ms, and how many at most */
export function createExpiring<V>(limits: { ttl: number; max: number }, now: () => number): Expiring<V> {
  /** In order of `until`, since each is put at the end. */
  const entries = new Map<string, { readonly value: V; readonly until: number }>();
  let puts = 0;

  return {
    put(key, value) {
      entries.delete(key);
      entries.set(key, { value, until: now() + limits.ttl });
      puts += 1;
      if (entries.size > limits.max || puts % SWEEP_EVERY === 0) sweep();
    },
    get(key) {
      const entry = entries.get(key);
      return entry === undefined || entry.until <= now() ? null : entry.value;
    },
    delete: (key) => void entries.delete(key),
    size: () => entries.size,
  };

  /** Above the limit a sixteenth goes at once, so that the next ones find room. */
  function sweep(): void {
    const room = entries.size > limits.max ? limits.max - Math.floor(limits.max / 16) : limits.max;
    for (const [key, { until }] of entries) {
      if (until > now() && entries.size <= room) return;
      entries.delete(key);
    }
  }
}
