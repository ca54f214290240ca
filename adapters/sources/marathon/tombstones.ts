/**
 * Tasks that are over, so that a late event does not bring them back. Bounded in number and time: events are known to
 * come an hour late under load (facts/marathon.md §4, allegro#141), which the last listing's moment guards against.
 */
import { createExpiring } from "./expiring.ts";

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
  const stones = createExpiring<Tombstone>(limits, now);
  return {
    put(task, kind) {
      if (stones.get(task) === "ended") return false;
      stones.put(task, kind);
      return true;
    },
    get: (task) => stones.get(task),
    revive: (task) => stones.delete(task),
    size: () => stones.size(),
  };
}
