/** What one registry should hold: the projections of all ready instances, kept up to date instance by instance. */
import type { Instance, Registration, Registry } from "./model.ts";

export interface Desired {
  /** All that should be registered, by key. */
  readonly entries: ReadonlyMap<string, Registration>;
  /**
   * Takes in an instance's new state; null when it is over.
   * @returns the keys that this may have changed
   */
  set(id: string, instance: Instance | null): readonly string[];
  /** Why the instance can't be registered here at all; null if it can. */
  rejection(id: string): string | null;
  /** The keys that the instance is registered under; empty if it isn't wanted or not applicable here. */
  keysOf(id: string): readonly string[];
  /** How many instances can't be registered here. */
  readonly rejected: number;
}

export function createDesired(registry: Pick<Registry, "project">): Desired {
  const entries = new Map<string, Registration>();
  const keys = new Map<string, readonly string[]>();
  const rejections = new Map<string, string>();

  return {
    entries,
    set(id, instance) {
      const before = keys.get(id) ?? [];
      const now = instance?.state === "ready" ? projected(id, instance) : [];
      if (instance?.state !== "ready") rejections.delete(id);
      for (const key of before) entries.delete(key);
      for (const registration of now) entries.set(registration.key, registration);
      if (now.length === 0) keys.delete(id);
      else
        keys.set(
          id,
          now.map(({ key }) => key),
        );
      return [...new Set([...before, ...now.map(({ key }) => key)])];
    },
    rejection: (id) => rejections.get(id) ?? null,
    keysOf: (id) => keys.get(id) ?? [],
    get rejected() {
      return rejections.size;
    },
  };

  function projected(id: string, instance: Instance): readonly Registration[] {
    try {
      const registrations = registry.project(instance);
      rejections.delete(id);
      return registrations;
    } catch (error) {
      // One instance that can't be registered harms no other (rule 9).
      rejections.set(id, error instanceof Error ? error.message : String(error));
      return [];
    }
  }
}
