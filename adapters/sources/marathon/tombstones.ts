/**
 * Tasks that are over, so that a late event does not bring them back. Bounded in number and time: events are known to
 * come an hour late under load (facts/marathon.md §4, allegro#141), which the last listing's moment guards against.
 */

/** `ended`: its end was seen, for good. `absent`: only concluded from answers that lack it, so an answer may revive it. */
export type Tombstone = "ended" | "absent";

export interface Tombstones {
  /** @returns whether it is new */
  put(task: string, kind: Tombstone): boolean;
  get(task: string): Tombstone | null;
  /** Brings a task back that was only absent. */
  revive(task: string): void;
  size(): number;
}

export function createTombstones(limits: { ttl: number; max: number }, now: () => number): Tombstones {
  /** In order of `until`, since each is put at the end. */
  const stones = new Map<string, { kind: Tombstone; until: number }>();

  return {
    put(task, kind) {
      const isNew = get(task) !== "ended";
      if (!isNew) return false;
      stones.delete(task);
      stones.set(task, { kind, until: now() + limits.ttl });
      sweep();
      return true;
    },
    get,
    revive: (task) => void stones.delete(task),
    size: () => stones.size,
  };

  function get(task: string): Tombstone | null {
    const stone = stones.get(task);
    return stone === undefined || stone.until <= now() ? null : stone.kind;
  }

  function sweep(): void {
    for (const [task, { until }] of stones) {
      if (until > now() && stones.size <= limits.max) return;
      stones.delete(task);
    }
  }
}
