/**
 * Names are looked up by a handful of threads that file access needs as well (libuv has 4), and a name server that does
 * not answer holds each of them for 10 s or more. So one name has one look-up under way, however many wait for it: a
 * registry whose name is gone can't keep the others from connecting.
 */
import { lookup } from "node:dns";
import type { LookupFunction } from "node:net";

type Answer = Parameters<LookupFunction>[2];

/** @param ask how a name is looked up; for tests */
export function createSharedLookup(ask: LookupFunction): LookupFunction {
  const waiting = new Map<string, Answer[]>();

  return (hostname, options, answer) => {
    const key = JSON.stringify([hostname, Object.entries(options).sort(byKey)]);
    const others = waiting.get(key);
    if (others !== undefined) {
      others.push(answer);
      return;
    }
    waiting.set(key, [answer]);
    ask(hostname, options, (...result) => {
      const all = waiting.get(key) ?? [];
      waiting.delete(key);
      for (const each of all) each(...result);
    });
  };
}

/** For all connections of this process. */
export const sharedLookup = createSharedLookup((hostname, options, answer) => void lookup(hostname, options, answer));

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1;
}
