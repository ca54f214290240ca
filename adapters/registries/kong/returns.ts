/** Of several servers: whichever may have been away. */
import { returns } from "../../presence.ts";

/** Yields each time that one of them is back (see `returns`). Ends without an error when `signal` aborts. */
export async function* returnsOfAny(urls: readonly string[], signal: AbortSignal): AsyncGenerator<void> {
  const watches = urls.map((url) => returns(url, signal));
  const pending = new Map(watches.map((watch) => [watch, watch.next().then((result) => ({ watch, result }))]));
  while (pending.size > 0) {
    const { watch, result } = await Promise.race(pending.values());
    if (result.done === true) {
      pending.delete(watch);
      continue;
    }
    pending.set(
      watch,
      watch.next().then((next) => ({ watch, result: next })),
    );
    yield;
  }
}
