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
 * Writes to one holder at a time. An agent does them one after the other, so that more end no sooner (of bursts with 4, 16
 * and 64 none was better, docs/benchmarks.md); without a limit the last of 500 gets near its time limit (1.8.7).
 */
const WRITES = 16;

/** What is to go goes first: an entry of what has died is traffic lost, a new one only traffic not yet sent. */
const URGENT = { priority: 1 };

/** The same holder, given only so many writes at a time as it can well do. */
export function inTurns(holder: Holder): Holder {
  const turns = new PQueue({ concurrency: WRITES });
  return {
    ...holder,
    register: (before, after, signal) => turns.add(() => holder.register(before, after, signal)),
    deregister: (entry, signal) => turns.add(() => holder.deregister(entry, signal), URGENT),
  };
}
