import type { Fact } from "../../../src/model.ts";
import { createBell } from "../waiting.ts";

/**
 * Facts on their way to the consumer. Bounded: when a slow consumer lets it fill up, all of it is dropped, since a new
 * listing says everything that is still true; only the newest word on the connection is kept, as no listing repeats it.
 */
export interface Outbox {
  push(facts: readonly Fact[]): void;
  /** Resolves when it is at most half full: for those who can wait, as the event stream can't. */
  room(signal: AbortSignal): Promise<void>;
  /** How often it has overflowed. A listing that saw this change is no longer whole. */
  overflows(): number;
  /** The facts in order, until `signal` aborts. One consumer at a time. */
  facts(signal: AbortSignal): AsyncGenerator<Fact, void, undefined>;
}

export function createOutbox(limit: number, onOverflow: () => void): Outbox {
  const arrived = createBell();
  const roomy = createBell();
  let waiting: Fact[] = [];
  /** Being handed out; taken as a whole, since shifting a long array is slow. */
  let batch: Fact[] = [];
  let next = 0;
  let overflows = 0;

  return {
    push(facts) {
      if (size() + facts.length > limit) overflow(facts);
      else waiting.push(...facts);
      arrived.ring();
    },
    async room(signal) {
      while (size() > limit / 2 && !signal.aborted) await roomy.wait(Number.POSITIVE_INFINITY, signal);
    },
    overflows: () => overflows,
    async *facts(signal) {
      while (!signal.aborted) {
        const fact = take();
        if (fact !== undefined) yield fact;
        else await arrived.wait(Number.POSITIVE_INFINITY, signal);
      }
    },
  };

  function size(): number {
    return waiting.length + batch.length - next;
  }

  function take(): Fact | undefined {
    if (next === batch.length) {
      batch = waiting;
      waiting = [];
      next = 0;
    }
    if (size() <= limit / 2) roomy.ring();
    const fact = batch[next];
    if (fact !== undefined) next += 1;
    return fact;
  }

  function overflow(facts: readonly Fact[]): void {
    const connection = [...batch.slice(next), ...waiting, ...facts].findLast(({ kind }) => kind === "source");
    batch = [];
    next = 0;
    waiting = connection === undefined ? [] : [connection];
    overflows += 1;
    roomy.ring();
    onOverflow();
  }
}
