/** What the page knows. Changes are told to those who draw it at most once per frame. */
import type { InstanceView, SourceReport } from "../../../src/http/view.ts";
import type { RegistryView } from "../../../src/registry-view.ts";
import type { History } from "../history.ts";

export interface Known {
  /** `locked`: the API wants a token. */
  readonly connection: "connecting" | "live" | "lost" | "locked";
  /** Why the connection is lost, or the token not taken. */
  readonly error: string | null;
  /** By id; null until they have been listed. */
  readonly instances: ReadonlyMap<string, InstanceView> | null;
  readonly sources: readonly SourceReport[];
  readonly registries: readonly RegistryView[];
  readonly history: History;
  /** ms since the epoch, by the server's clock, when it was last asked. */
  readonly now: number;
}

export interface Store {
  readonly known: Known;
  set(part: Partial<Known>): void;
  /** One that has changed, or is gone. */
  change(instance: InstanceView): void;
  /** A listing: what changes while it is on its way is newer than it. */
  list(listing: () => Promise<readonly InstanceView[]>): Promise<void>;
  subscribe(listener: () => void): () => void;
}

export function createStore(now: number): Store {
  const listeners = new Set<() => void>();
  const journals = new Set<InstanceView[]>();
  let changed = new Map<string, InstanceView>();
  let isDue = false;
  let known: Known = {
    ...{ connection: "connecting", error: null, instances: null, sources: [], registries: [] },
    ...{ history: { deeds: [], since: now }, now },
  };

  function tellSoon(): void {
    if (isDue) return;
    isDue = true;
    // A hidden tab has no frames; it is drawn when it is looked at again.
    requestAnimationFrame(() => {
      isDue = false;
      for (const listener of listeners) listener();
    });
  }

  function merge(): void {
    if (changed.size === 0 || known.instances === null) return;
    const instances = new Map(known.instances);
    for (const [id, instance] of changed) {
      if (instance.state === "gone") instances.delete(id);
      else instances.set(id, instance);
    }
    changed = new Map();
    known = { ...known, instances };
  }

  return {
    get known() {
      merge();
      return known;
    },
    set(part) {
      known = { ...known, ...part };
      tellSoon();
    },
    change(instance) {
      changed.set(instance.id, instance);
      for (const journal of journals) journal.push(instance);
      tellSoon();
    },
    async list(listing) {
      const journal: InstanceView[] = [];
      journals.add(journal);
      try {
        const instances = await listing();
        known = { ...known, instances: new Map(instances.map((instance) => [instance.id, instance])) };
        for (const instance of journal) changed.set(instance.id, instance);
        tellSoon();
      } finally {
        journals.delete(journal);
      }
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
