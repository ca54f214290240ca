/** Looks again at targets that are on their way: new ones until they are healthy, old ones until they are drained. */
import type { Logger } from "../../../src/model.ts";
import { messageOf } from "../../failure.ts";
import type { Book } from "./book.ts";
import type { Elb } from "./elb.ts";
import type { Groups } from "./groups.ts";
import type { Ownership } from "./ownership.ts";
import type { Timing } from "./pace.ts";

export interface WatchParts {
  readonly elb: Elb;
  readonly groups: Groups;
  readonly book: Book;
  readonly ownership: Ownership;
  instanceId(signal: AbortSignal): Promise<string | null>;
  /** ms between two looks, where the account's limits allow it; 0: never */
  readonly period: number;
  readonly musters: number;
  readonly timing: Timing;
  readonly random: () => number;
  readonly log: Logger;
}

export interface Watch {
  /** There may be something to look at. */
  wake(): void;
  stop(): void;
}

/** See listing.ts: all Musters together make half of the calls that the account allows. */
const SHARE_MS = 200;

export function createWatch(parts: WatchParts): Watch {
  const { elb, groups, book, ownership, period, timing, random } = parts;
  const stopped = new AbortController();
  const { signal } = stopped;
  let isRunning = false;

  /** Only what is on its way, of groups where something is. */
  async function look(): Promise<void> {
    for (const [name, entries] of book.unsettled()) {
      const group = await groups.find(name, null, signal);
      if ("why" in group) {
        book.gone(name);
        continue;
      }
      const instanceId = group.type === "instance" ? await parts.instanceId(signal) : null;
      const targets = entries.flatMap(({ spec: { address, port } }) => {
        const id = ownership.targetIdOf(group.type, address, instanceId);
        return id === null ? [] : [{ id, port }];
      });
      const seen = await elb.health(group.arn, targets, signal);
      const some = seen.flatMap((health) => {
        const address = ownership.addressOf(group.type, health.id, instanceId);
        return address === null ? [] : [{ address, health }];
      });
      book.seen(group, some);
    }
  }

  function pause(): number {
    const fair = book.unsettled().size * parts.musters * SHARE_MS;
    return Math.max(period, fair) * (0.8 + 0.4 * random());
  }

  async function run(): Promise<void> {
    while (book.unsettled().size > 0) {
      await timing.wait(pause(), signal);
      await look().catch((error: unknown) => {
        signal.throwIfAborted();
        parts.log.debug({ error: messageOf(error) }, "target health not read");
      });
    }
  }

  return {
    wake() {
      if (isRunning || period === 0 || signal.aborted) return;
      isRunning = true;
      void run()
        .catch(() => {})
        .finally(() => {
          isRunning = false;
        });
    },
    stop: () => stopped.abort(new Error("the registry is closed")),
  };
}
