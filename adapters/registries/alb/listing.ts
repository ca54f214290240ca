/** Which targets of ours the groups hold. */
import type { Logger, Registration } from "../../../src/model.ts";
import type { Book } from "./book.ts";
import type { Elb } from "./elb.ts";
import { hasCode } from "./errors.ts";
import type { Group, Groups } from "./groups.ts";
import type { Memory } from "./memory.ts";
import type { Ownership } from "./ownership.ts";
import type { Timing } from "./pace.ts";

export interface ListingParts {
  readonly elb: Elb;
  readonly groups: Groups;
  readonly book: Book;
  readonly memory: Memory;
  readonly ownership: Ownership;
  /** This machine's instance id; null where nothing of ours can be known by one. */
  instanceId(signal: AbortSignal): Promise<string | null>;
  readonly musters: number;
  readonly timing: Timing;
  readonly random: () => number;
  readonly log: Logger;
}

/** Between two readings of groups in which nothing of ours is or was meant to be, ms. */
const IDLE_MS = 300_000;
/** All Musters together make half of the calls that the account allows: 5 a second. */
const SHARE_MS = 200;

export interface Listing {
  /** Rejects rather than leave out a group that could not be read. */
  list(signal: AbortSignal): Promise<readonly Registration[]>;
}

export function createListing(parts: ListingParts): Listing {
  const { elb, groups, book, memory, ownership, musters, timing } = parts;
  let idleReadAt = Number.NEGATIVE_INFINITY;
  let idlePeriod = IDLE_MS;

  async function read(group: Group, instanceId: string | null, signal: AbortSignal): Promise<void> {
    try {
      const all = await elb.health(group.arn, null, signal);
      const ours = all.flatMap((health) => {
        const address = ownership.addressOf(group.type, health.id, instanceId);
        return address === null ? [] : [{ address, health }];
      });
      book.listed(group, ours);
    } catch (error) {
      signal.throwIfAborted();
      if (!hasCode(error, "TargetGroupNotFound")) throw error;
      // Gone with all that it held.
      parts.log.warn({ group: group.name }, "target group does not exist any more");
      groups.forget(group.name);
      book.gone(group.name);
    }
  }

  /** Nothing can be there but what this node had before it was started: that is looked for, then now and then. */
  function isIdle({ name }: Group): boolean {
    return !memory.groups().has(name) && !book.entries(name).some(({ isRegistered }) => isRegistered);
  }

  function isFresh({ name }: Group, active: number): boolean {
    const at = book.readAt(name);
    return at !== null && musters > 1 && timing.now() - at < musters * active * SHARE_MS;
  }

  return {
    async list(signal) {
      signal.throwIfAborted();
      const usable = (await groups.all(signal)).filter(({ type }) => type === "ip" || ownership.hasMachine);
      const isFull = timing.now() - idleReadAt >= idlePeriod;
      const active = usable.filter((group) => isFull || !isIdle(group));
      const due = active.filter((group) => !isFresh(group, active.length));
      const needsMachine = due.some(({ type }) => type === "instance");
      const instanceId = needsMachine ? await parts.instanceId(signal) : null;
      const readings = await Promise.allSettled(due.map((group) => read(group, instanceId, signal)));
      signal.throwIfAborted();
      for (const reading of readings) if (reading.status === "rejected") throw reading.reason;
      if (isFull) {
        idleReadAt = timing.now();
        idlePeriod = IDLE_MS * (0.8 + 0.4 * parts.random());
      }
      return usable.flatMap(({ name }) =>
        book.entries(name).flatMap(({ isRegistered, spec }) => (isRegistered ? [memory.registration(spec)] : [])),
      );
    },
  };
}
