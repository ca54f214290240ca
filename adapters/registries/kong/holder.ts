import type { Change, Outcome, Registration } from "../../../src/model.ts";

/** What holds the registrations: a database behind one Kong, or the memory of several without one. */
export interface Holder {
  /** Rejects with an Error without the registry's name. */
  list(signal: AbortSignal): Promise<readonly Registration[]>;
  /** See `Registry.listOthers`; rejects like `list`. */
  listOthers(signal: AbortSignal): Promise<readonly Registration[]>;
  /** See `Registry.apply`. */
  apply(changes: readonly Change[], signal: AbortSignal): Promise<readonly Outcome[]>;
}
