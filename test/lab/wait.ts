import { setTimeout as delay } from "node:timers/promises";

/** How to wait for a condition. */
export interface UntilOptions {
  /** Gives up after this many milliseconds. */
  readonly timeoutMs: number;
  /** Milliseconds between two attempts. @default 50 */
  readonly everyMs?: number;
  /** What is awaited, as a noun phrase for the error message: "web-1 in the catalog". */
  readonly what: string;
  /** Ends the wait early with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks again and again until `condition` gives something other than `undefined` or `false`, and returns that.
 * An attempt that throws counts as "not yet". At the deadline it throws an Error that says what was awaited and
 * what the last attempt gave; the last error is its `cause`. An attempt that never ends is not cut short.
 */
export async function until<T>(
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  options: UntilOptions,
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const last = await attempt(condition);
    if ("value" in last && last.value !== undefined && last.value !== false) return last.value;
    if (performance.now() >= deadline) throw tooLate(options, last);
    await delay(options.everyMs ?? 50, undefined, options.signal ? { signal: options.signal } : {});
  }
}

type Attempt<T> = { readonly value: T | undefined | false } | { readonly error: unknown };

async function attempt<T>(
  condition: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<Attempt<T>> {
  try {
    return { value: await condition() };
  } catch (error) {
    return { error };
  }
}

function tooLate<T>(options: UntilOptions, last: Attempt<T>): Error {
  const start = `waited ${options.timeoutMs} ms for ${options.what}`;
  if (!("error" in last)) return new Error(`${start}; last value: ${String(last.value)}`);
  const text = last.error instanceof Error ? last.error.message : String(last.error);
  return new Error(`${start}; last error: ${text}`, { cause: last.error });
}
