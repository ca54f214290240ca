/** Ids of ours in the hands of others: neither overwritten nor removed, and told once. */
import type { AdapterContext } from "../../../src/model.ts";

export interface Taken {
  /** What the newest listing found: ids (or names of nodes), each with the name of the service that sits there. */
  found(now: ReadonlyMap<string, string>): void;
  has(id: string): boolean;
  /** Throws an Error if another's service sits there. */
  refuse(id: string): void;
}

export function createTaken({ name, log }: Pick<AdapterContext, "name" | "log">): Taken {
  let taken: ReadonlyMap<string, string> = new Map();

  return {
    found(now) {
      for (const [id, service] of now) {
        if (!taken.has(id)) log.warn({ registry: name, id, service }, "another owner's service sits on an id of ours");
      }
      taken = now;
    },
    has: (id) => taken.has(id),
    refuse(id) {
      const service = taken.get(id);
      if (service === undefined) return;
      throw new Error(
        `its id is taken by a service ${JSON.stringify(service)} without our owner mark; deregister that first`,
      );
    },
  };
}
