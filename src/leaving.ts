/** What is left, in one registry, of instances that are not ready any more: whoever drains waits for its end. */
import type { Desired } from "./desired.ts";
import type { Instance, Json, Registration, Registry } from "./model.ts";

/** An entry of an instance that is not ready any more. */
export interface LeavingEntry {
  readonly key: string;
  /** Whether the registry is still known to send it traffic: its write is not done (yet). */
  readonly serving: boolean;
  /** See `Registry.detail`; null: nothing. */
  readonly detail: Json;
}

export interface Leaving {
  /** Takes in an instance's new state, before `desired` does; null when it is over. */
  took(id: string, instance: Instance | null): void;
  /**
   * Empty for what is ready, or never was.
   * @param mirror what the registry holds, as far as is known; null: nothing is known
   */
  of(
    instance: Pick<Instance, "id" | "state">,
    mirror: ReadonlyMap<string, Registration> | null,
  ): readonly LeavingEntry[];
}

export function createLeaving(
  registry: Pick<Registry, "detail">,
  desired: Pick<Desired, "keysOf" | "entries">,
): Leaving {
  /** The keys that they had when it began: a registry that can't drain has none for them any more. */
  const keys = new Map<string, readonly string[]>();

  function isOf(id: string, entry: Registration | undefined): boolean {
    return entry?.instance === id;
  }

  return {
    took(id, instance) {
      if (instance === null || instance.state === "ready" || instance.awaitsRegistry === true) keys.delete(id);
      else if (!keys.has(id)) {
        keys.set(
          id,
          desired.keysOf(id).filter((key) => isOf(id, desired.entries.get(key))),
        );
      }
    },
    of({ id, state }, mirror) {
      // What drains by what is held as well: an earlier Muster may have registered it.
      const all = state === "draining" ? [...(mirror?.values() ?? [])] : [];
      const held = all.filter((entry) => isOf(id, entry)).map(({ key }) => key);
      return [...new Set([...(keys.get(id) ?? []), ...held])].map((key) => {
        const entry = mirror?.get(key);
        const serving = mirror === null || (isOf(id, entry) && entry?.draining !== true);
        return { key, serving, detail: registry.detail?.(key) ?? null };
      });
    },
  };
}
