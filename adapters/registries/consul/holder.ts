import PQueue from "p-queue";
import type { Registration } from "../../../src/model.ts";

/** What holds entries of ours: an agent, or the catalog. Its methods reject with `signal.reason` on abort. */
export interface Holder extends AsyncDisposable {
  /** Its URL. */
  readonly where: string;
  /** All that it holds of ours. Rejects rather than give a part of it. */
  list(signal: AbortSignal): Promise<readonly Registration[]>;
  /** @param before what it holds under this key; null if nothing, as far as we know */
  register(before: Registration | null, after: Registration, signal: AbortSignal): Promise<void>;
  /** An entry that is gone already is fine. */
  deregister(entry: Registration, signal: AbortSignal): Promise<void>;
}

/**
 * Writes to one holder at a time. An agent does them one after the other: 16 at a time end no sooner than 4, and on a busy
 * machine each waits up to five times as long, close to its time limit (1.8.7: 500 writes, slowest 320 to 740 ms, with
 * 4 at a time 160).
 */
const WRITES = 4;

/** The same holder, given only so many writes at a time as it can well do. */
export function inTurns(holder: Holder): Holder {
  const turns = new PQueue({ concurrency: WRITES });
  return {
    ...holder,
    register: (before, after, signal) => turns.add(() => holder.register(before, after, signal)),
    deregister: (entry, signal) => turns.add(() => holder.deregister(entry, signal)),
  };
}
