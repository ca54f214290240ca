/** Health that was heard before the task that it is about. Bounded in number and time. */
import { createExpiring } from "./expiring.ts";
import { isOlder, type Moment } from "./moment.ts";
import type { CheckResults } from "./task.ts";

export interface ParkedHealth {
  /** null: not known. */
  readonly results: CheckResults | null;
  readonly at: Moment;
}

export interface Parking {
  park(instance: string, health: ParkedHealth): void;
  /** What was heard last; stays parked, since a pod's instance has several tasks. */
  of(instance: string): ParkedHealth | null;
  size(): number;
}

export function createParking(limits: { ttl: number; max: number }, now: () => number): Parking {
  const parked = createExpiring<ParkedHealth>(limits, now);
  return {
    park(instance, health) {
      const held = parked.get(instance);
      if (held === null || !isOlder(health.at, held.at)) parked.put(instance, health);
    },
    of: (instance) => parked.get(instance),
    size: () => parked.size(),
  };
}
