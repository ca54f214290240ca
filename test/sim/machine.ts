/**
 * Virtual time and one queue of steps. A step belongs to a process (a Muster) or to the world; after each one everything
 * that it made ready runs to its end, so that the order of steps is the order of everything. The same steps give the same
 * hash.
 */
import { createRandom, type Random } from "../lab/marathon/random.ts";
import { enter, leave } from "./globals.ts";

/** A Muster's life, from its start to its end; whatever is due to a dead one is dropped. */
export interface Process {
  readonly name: string;
  alive: boolean;
  /** How far its wall clock is ahead, ms; its monotonic clock is right. */
  skew: number;
  readonly bornAt: number;
  /** `skew` when it started. */
  readonly bornSkew: number;
  /** Steps of a process that stands still (SIGSTOP) wait until then, ms since the start of the run. */
  stillUntil: number;
}

export interface Machine {
  /** ms since the start of the run, with fractions. */
  now(): number;
  readonly random: Random;
  /**
   * Runs `step` after `delay` ms, in a process or (null) in the world.
   * @returns takes it back
   */
  after(delay: number, process: Process | null, label: string, step: () => void): () => void;
  spawn(name: string, skew: number): Process;
  /** Runs until there is nothing left to do before `until`, or `isOver`. */
  run(until: number, isOver: () => boolean): Promise<void>;
  /**
   * The run is over: lets go of what these processes still hold. Whatever they do then has no effect.
   * @param letGo run in each of them
   */
  dissolve(processes: readonly { readonly process: Process; letGo(): void }[]): Promise<void>;
  /** Called whenever somebody looks at the time; throws if that is done without end, and nothing else. */
  look(): void;
  /** Takes part in the hash. */
  note(text: string): void;
  /** The process whose step runs. */
  readonly current: Process | null;
  readonly hash: string;
  readonly steps: number;
  /** What was thrown in the middle of nowhere: a real Muster would have crashed. */
  readonly crashes: unknown[];
}

interface Step {
  readonly at: number;
  readonly order: number;
  readonly process: Process | null;
  readonly label: string;
  run: (() => void) | null;
}

/** Makes everything run that is ready (promises and ticks), without going back to the event loop. */
const drain = (process as unknown as { _tickCallback(): void })._tickCallback;
/** Steps between two turns of the real event loop, so that others get theirs. */
const TURN = 5_000;
/** Looks at the time within one step: whoever looks more often than that waits for nothing, and for ever. */
const LOOKS = 20_000;

/** @param frames of each error's stack */
export function createMachine(seed: number, frames = Error.stackTraceLimit): Machine {
  const queue = createQueue();
  const random = createRandom(seed);
  const crashes: unknown[] = [];
  let now = 0;
  let order = 0;
  let steps = 0;
  let looks = 0;
  let hash = 0x811c9dc5;
  let current: Process | null = null;

  const machine: Machine = {
    now: () => now,
    random,
    after,
    spawn: (name, skew) => ({ name, alive: true, skew, bornSkew: skew, bornAt: now, stillUntil: 0 }),
    run,
    dissolve,
    look,
    note,
    get current() {
      return current;
    },
    get hash() {
      return (hash >>> 0).toString(16).padStart(8, "0");
    },
    get steps() {
      return steps;
    },
    crashes,
  };
  return machine;

  function after(delay: number, process: Process | null, label: string, step: () => void): () => void {
    const entry: Step = { at: now + Math.max(0, delay), order: order++, process, label, run: step };
    queue.push(entry);
    return () => {
      entry.run = null;
    };
  }

  function look(): void {
    if (++looks <= LOOKS) return;
    const error = new Error("goes round and round without waiting for anything");
    if (looks === LOOKS + 1) crashes.push(error);
    throw error;
  }

  function note(text: string): void {
    for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }

  async function run(until: number, isOver: () => boolean): Promise<void> {
    const onRejection = (reason: unknown) => void crashes.push(reason);
    process.on("unhandledRejection", onRejection);
    try {
      while (await turn(until, isOver));
    } finally {
      process.off("unhandledRejection", onRejection);
    }
  }

  /** A part of the run, from a fresh turn of the event loop, where nothing else is half done. @returns whether there is more */
  function turn(until: number, isOver: () => boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      setImmediate(() => {
        enter(machine, frames);
        try {
          resolve(advance(until, isOver));
        } catch (error) {
          reject(error);
        } finally {
          current = null;
          leave();
        }
      });
    });
  }

  function dissolve(processes: readonly { readonly process: Process; letGo(): void }[]): Promise<void> {
    return new Promise((resolve) => {
      setImmediate(() => {
        enter(machine, frames);
        for (const { process, letGo } of processes) {
          looks = 0;
          current = process;
          letGo();
          drain();
        }
        current = null;
        leave();
        resolve();
      });
    });
  }

  function advance(until: number, isOver: () => boolean): boolean {
    for (let left = TURN; left > 0; left--) {
      const next = queue.peek();
      if (next === undefined || next.at > until || isOver()) {
        if (!isOver()) now = Math.max(now, until);
        return false;
      }
      queue.pop();
      perform(next);
    }
    return true;
  }

  function perform(step: Step): void {
    const { process, run: action } = step;
    if (action === null || process?.alive === false) return;
    now = Math.max(now, step.at);
    if (process !== null && process.stillUntil > now) {
      queue.push({ ...step, at: process.stillUntil, order: order++ });
      return;
    }
    steps++;
    looks = 0;
    note(`${now}${process?.name}${step.label}`);
    current = process;
    try {
      action();
    } catch (error) {
      crashes.push(error);
    }
    drain();
    current = null;
  }
}

/** A heap, by time and then by age. */
function createQueue() {
  const heap: Step[] = [];
  return { peek: () => heap[0], push, pop };

  function isBefore(a: Step | undefined, b: Step | undefined): boolean {
    if (a === undefined || b === undefined) return false;
    return a.at < b.at || (a.at === b.at && a.order < b.order);
  }

  function swap(a: number, b: number): void {
    const held = heap[a] as Step;
    heap[a] = heap[b] as Step;
    heap[b] = held;
  }

  function push(step: Step): void {
    let at = heap.push(step) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[at], heap[parent])) return;
      swap(at, parent);
      at = parent;
    }
  }

  function pop(): void {
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    let at = 0;
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) if (isBefore(heap[child], heap[least])) least = child;
      if (least === at) return;
      swap(at, least);
      at = least;
    }
  }
}
