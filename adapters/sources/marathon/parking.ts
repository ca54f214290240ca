/** Health that was heard before the task that it is about. Bounded in number and time. */
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
}

export function createParking(limits: { ttl: number; max: number }, now: () => number): Parking {
  const parked = new Map<string, ParkedHealth & { readonly until: number }>();

  return {
    park(instance, health) {
      const held = parked.get(instance);
      if (held !== undefined && isOlder(health.at, held.at)) return;
      parked.delete(instance);
      parked.set(instance, { ...health, until: now() + limits.ttl });
      sweep();
    },
    of(instance) {
      const held = parked.get(instance);
      return held === undefined || held.until <= now() ? null : held;
    },
  };

  function sweep(): void {
    for (const [instance, { until }] of parked) {
      if (until > now() && parked.size <= limits.max) return;
      parked.delete(instance);
    }
  }
}
