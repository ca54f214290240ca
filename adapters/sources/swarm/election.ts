/**
 * Leadership of the Muster on the swarm's leader. Measured with the leader of three managers cut off (engine 20.10.24): it
 * calls itself the leader for 10 s more, but sees after 2.5 s that the others are unreachable; they have a new one after
 * 12 s, never before 10 s, the shortest time after which raft's followers stand for election. So a leader counts only
 * while it reaches a majority of the managers, its term ends 5 s after that was last so, and a new leader waits 5 s: two
 * never lead at once. What can't be helped: a process that stands still in the midst of a request.
 */
import type { Clock } from "../../../src/clock.ts";
import { type Election, monotonicClock, type Term } from "../../../src/leadership.ts";
import type { AdapterContext } from "../../../src/model.ts";
import type { DockerOptions } from "../docker/options.ts";
import { type Look, openWatch, type Watch } from "./standing.ts";
import { holdOutside, holdTerm, LOOK_MS } from "./term.ts";

export interface SwarmElectionOptions {
  readonly docker: DockerOptions;
  readonly context: Pick<AdapterContext, "log">;
  /** Who leads while this engine is in no swarm. */
  readonly outside: Election;
  /** Monotonic. */
  readonly clock?: Clock;
  /** How long the swarm's leader must have been that before a term begins, ms. @default 5000 */
  readonly settle?: number;
  /** How long after the last proof a term lasts, ms. @default 5000 */
  readonly lease?: number;
}

/** A worker seldom becomes a leader, ms. */
const IDLE_MS = 5_000;

export function createSwarmElection(options: SwarmElectionOptions): Election {
  const { docker, outside, context, clock = monotonicClock, settle = 5_000, lease = 5_000 } = options;
  const { log } = context;

  return {
    async campaign(signal) {
      signal.throwIfAborted();
      const watch = await openWatch(docker);
      try {
        return await campaign(watch, signal);
      } catch (error) {
        watch.close();
        throw error;
      }
    },
  };

  async function campaign(watch: Watch, signal: AbortSignal): Promise<Term> {
    const provenAt = await untilLeading(watch, signal);
    if (provenAt !== null) return holdTerm({ watch, clock, lease, provenAt, log });
    return holdOutside(watch, await outside.campaign(signal), clock, log);
  }

  /** @returns when the proof was asked for that it leads; null: it is in no swarm */
  async function untilLeading(watch: Watch, signal: AbortSignal): Promise<number | null> {
    const isSettled = createSettling(settle);
    for (;;) {
      const asked = clock.now();
      const look = await watch.look(signal);
      if (look.standing === "outside") return null;
      if (isSettled(look, asked)) return asked;
      await clock.wait(look.standing === "worker" ? IDLE_MS : LOOK_MS, signal);
    }
  }
}

/** Judges looks, one after the other: whether it has led for long enough that the leader before has stopped. */
function createSettling(settle: number): (look: Look, asked: number) => boolean {
  let since: number | null = null;
  let isFirst = true;

  return ({ standing, isAlone }, asked) => {
    // The only manager there is, since before this campaign, follows nobody.
    const isBorn = isFirst && isAlone;
    isFirst = false;
    since = standing === "leader" ? (since ?? asked) : null;
    return since !== null && (isBorn || asked - since >= settle);
  };
}
