/**
 * Time, timers and chance of this whole process, so that the program runs as it is, from its wiring on, and not as a test
 * puts it together. While a machine runs they are the machine's, and those of the process whose step runs; else the real
 * ones. To be imported before the program, which remembers some of them.
 */
import { createRequire } from "node:module";
import type { Machine } from "./machine.ts";

const real = {
  now: Date.now,
  performanceNow: performance.now.bind(performance),
  random: Math.random,
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setImmediate: globalThis.setImmediate,
  timeout: AbortSignal.timeout,
  stackTraceLimit: Error.stackTraceLimit,
};

let machine: Machine | null = null;

/** Wall time at the start of a run, ms since the epoch. */
export const EPOCH = 1_700_000_000_000;

/** @param frames of the stacks of all errors until `leave`; to keep none saves much time: each ended wait makes an error */
export function enter(next: Machine, frames: number): void {
  machine = next;
  Error.stackTraceLimit = frames;
}

export function leave(): void {
  machine = null;
  Error.stackTraceLimit = real.stackTraceLimit;
}

/** A timer of the machine. */
interface VirtualTimer {
  cancel(): void;
  ref(): VirtualTimer;
  unref(): VirtualTimer;
}

const virtual = new WeakSet<object>();

/** Only the program's own calls: whoever runs the test has the real ones, also between two steps. */
function here(): Machine | null {
  return machine?.current == null ? null : machine;
}

function later(at: Machine, ms: number, label: string, callback: () => void): VirtualTimer {
  const timer: VirtualTimer = {
    cancel: at.after(Math.max(0, ms), at.current, label, callback),
    ref: () => timer,
    unref: () => timer,
  };
  virtual.add(timer);
  return timer;
}

Object.assign(globalThis, {
  setTimeout: Object.assign((callback: (...all: unknown[]) => void, ms = 0, ...all: unknown[]) => {
    const at = here();
    if (at === null) return real.setTimeout(callback, ms, ...all);
    return later(at, Math.max(1, ms), "timer", () => callback(...all));
  }, real.setTimeout),
  clearTimeout(timer: unknown) {
    if (typeof timer === "object" && timer !== null && virtual.has(timer)) (timer as VirtualTimer).cancel();
    else real.clearTimeout(timer as NodeJS.Timeout);
  },
  setImmediate: Object.assign((callback: (...all: unknown[]) => void, ...all: unknown[]) => {
    const at = here();
    if (at === null) return real.setImmediate(callback, ...all);
    return later(at, 0, "immediate", () => callback(...all));
  }, real.setImmediate),
});

Date.now = () => {
  const at = here();
  at?.look();
  return at === null ? real.now() : Math.floor(EPOCH + at.now() + (at.current?.skew ?? 0));
};

performance.now = () => {
  const at = here();
  at?.look();
  return at === null ? real.performanceNow() : at.now() - (at.current?.bornAt ?? 0);
};

const { timeOrigin } = performance;
Object.defineProperty(performance, "timeOrigin", {
  get() {
    const current = here()?.current;
    return current == null ? timeOrigin : EPOCH + current.bornAt + current.bornSkew;
  },
});

Math.random = () => here()?.random.next() ?? real.random();

AbortSignal.timeout = (ms) => {
  const at = here();
  if (at === null) return real.timeout(ms);
  const controller = new AbortController();
  later(at, ms, "time limit", () => controller.abort(new DOMException("out of time", "TimeoutError")));
  return controller.signal;
};

// Each set of default metrics has native handles (event loop, GC) that nothing ever closes: too many for thousands of Musters.
const metrics = createRequire(import.meta.url)("prom-client") as { collectDefaultMetrics: () => void };
metrics.collectDefaultMetrics = () => {};
