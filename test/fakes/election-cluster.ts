/** Candidates for leadership on a simulated Consul and simulated time, and the record of who worked when. */
import type { LockClient } from "../../adapters/elections/consul/client.ts";
import { createLockElection } from "../../adapters/elections/consul.ts";
import type { Clock } from "../../src/clock.ts";
import { whileLeader } from "../../src/leadership.ts";
import type { AdapterContext } from "../../src/model.ts";
import { createRandom } from "../lab/marathon/random.ts";
import { silent } from "../reconciling.ts";
import { createManualClock } from "./clock.ts";
import { createLockService, type Link, type LinkState } from "./lock-service.ts";

export const TTL = 10_000;
/** The work takes up to this to stop: less than what lies between a leader's end and its successor. */
export const STOPPING = 0.15 * TTL;

export interface Work {
  readonly who: number;
  readonly from: number;
  to: number | null;
}

interface Candidate {
  readonly link: Link;
  readonly stop: AbortController;
  isDead: boolean;
}

/** @param restrict what becomes of each candidate's client */
export function createCluster(seed = 1, restrict = (client: LockClient): LockClient => client) {
  const random = createRandom(seed).next;
  const clock = createManualClock();
  const service = createLockService({ clock, random, ttl: TTL });
  const candidates: Candidate[] = [];
  const works: Work[] = [];

  function join(): number {
    const who = candidates.length;
    const candidate: Candidate = { link: { state: "up" }, stop: new AbortController(), isDead: false };
    candidates.push(candidate);
    // Each process has a clock of its own, which has begun at another time.
    const own = { ...clock, now: () => clock.now() - 1000 * who };
    const election = createLockElection(restrict(service.client(candidate.link)), {
      ttl: TTL,
      context: contextOf(who, own, random),
      clock: own,
    });
    const work = async (signal: AbortSignal) => {
      if (candidate.isDead) return;
      const entry: Work = { who, from: clock.now(), to: null };
      works.push(entry);
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await clock.wait(STOPPING * random(), new AbortController().signal);
      entry.to ??= clock.now();
    };
    const options = { onChange() {}, log: silent, clock: own, random };
    void whileLeader(election, work, options, candidate.stop.signal);
    return who;
  }

  function kill(who: number): void {
    const candidate = candidates[who];
    if (candidate === undefined) return;
    candidate.isDead = true;
    candidate.link.state = "refused";
    candidate.stop.abort(new Error("killed"));
    for (const work of works) if (work.who === who) work.to ??= clock.now();
  }

  return {
    clock,
    service,
    works,
    join,
    kill,
    cut(who: number, state: LinkState) {
      const candidate = candidates[who];
      if (candidate !== undefined && !candidate.isDead) candidate.link.state = state;
    },
    stop: (who: number) => candidates[who]?.stop.abort(new Error("SIGTERM")),
    heal() {
      for (const { link, isDead } of candidates) if (!isDead) link.state = "up";
    },
    leaders: () => works.filter(({ to }) => to === null).map(({ who }) => who),
    async start(count: number) {
      for (let n = 0; n < count; n += 1) join();
      await clock.advance(1000);
    },
  };
}

export function contextOf(who: number, { now }: Clock, random: () => number): AdapterContext {
  const node = { id: `n${who}`, address: "10.0.0.1" };
  return { name: "consul", cluster: "c", node, resync: 0, log: silent, now, random };
}

/** Pairs of works that went on at one time. */
export function overlaps(works: readonly Work[]): readonly (readonly [Work, Work])[] {
  const inOrder = [...works].sort((a, b) => a.from - b.from);
  return inOrder.flatMap((work, index) => {
    const next = inOrder[index + 1];
    return next !== undefined && (work.to ?? Number.POSITIVE_INFINITY) > next.from ? [[work, next] as const] : [];
  });
}
