/** Says everything that is held again, in `resync`…`synced` brackets: a listing for the core, without asking Marathon. */
import type { SyncedFact } from "../../../src/model.ts";
import type { Outbox } from "../docker/outbox.ts";
import type { Stamps } from "../stamps.ts";
import { type Held, sayAll } from "./held.ts";

export interface SayingOptions {
  readonly held: Held;
  readonly outbox: Outbox;
  readonly stamps: Stamps;
}

export interface Saying {
  /**
   * Waits for a slow consumer; what happens meanwhile is said as it happens.
   * @returns whether it is whole; if not, it has not been closed, and another one is needed
   */
  everything(trust: SyncedFact["trust"], signal: AbortSignal): Promise<boolean>;
}

export function createSaying({ held, outbox, stamps }: SayingOptions): Saying {
  /** Overflows until the last whole listing: more than that, and ends of tasks may have been lost on their way. */
  let overflows = 0;

  return { everything };

  async function everything(trust: SyncedFact["trust"], signal: AbortSignal): Promise<boolean> {
    await outbox.room(signal);
    signal.throwIfAborted();
    const before = outbox.overflows();
    const opening = stamps.next("list");
    outbox.push([stamps.fact({ kind: "resync" }, opening)]);
    const ends = held.takeEnds();
    if (before > overflows) for (const end of ends) outbox.push([stamps.fact(end, stamps.next("list"))]);
    held.reopen();
    await forEach(held.definitions.apps(), signal, (app) => held.sayApp(app, "list"));
    await forEach(held.tasks.keys(), signal, (id) => {
      const task = held.tasks.get(id);
      if (task !== undefined) sayAll(held, task, "list");
    });
    if (outbox.overflows() !== before) return false;
    outbox.push([stamps.fact({ kind: "synced", floor: opening.clock, trust }, stamps.next("list"))]);
    if (outbox.overflows() !== before) return false;
    overflows = before;
    return true;
  }

  /** One after the other, as fast as they are taken. */
  async function forEach(ids: Iterable<string>, signal: AbortSignal, sayOne: (id: string) => void): Promise<void> {
    for (const id of [...ids]) {
      await outbox.room(signal);
      signal.throwIfAborted();
      sayOne(id);
    }
  }
}
