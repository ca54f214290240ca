/**
 * Leader election by a lock in Consul's KV store, for Musters without a swarm.
 *
 * The holder writes a sign of life into the lock at a third of the TTL. It acts only while its last sign is young; a
 * candidate follows only when it has seen none for longer than that, or the holder said that it has stopped (see
 * `consul/lock.ts`). So a dead leader is followed within one TTL, where Consul alone lets its session live for two, and
 * nobody has to trust Consul's memory: a restart, a wipe or a session destroyed by hand make no two leaders.
 *
 * What it can't help: a process that stands still for seconds in the midst of a request (SIGSTOP, a suspended machine); and a
 * Muster that starts on a Consul that was wiped less than a TTL ago, finds no trace of a leader, and begins before that one
 * has noticed (it does within a second of reaching Consul again).
 */
import { randomUUID } from "node:crypto";
import type { Clock } from "../../src/clock.ts";
import { type Election, monotonicClock, type Term } from "../../src/leadership.ts";
import type { AdapterContext } from "../../src/model.ts";
import { messageOf } from "../failure.ts";
import { type ConsulAccess, createLockClient, type LockClient } from "./consul/client.ts";
import { createPatience, type Lock, type Mark, type Own } from "./consul/lock.ts";
import { holdTerm } from "./consul/term.ts";

export interface ConsulElectionSettings {
  /** @default "muster/CLUSTER/leader" */
  readonly key?: string;
  /** For how long a leader is believed after its last sign of life, ms. @default 10000, the least that Consul takes */
  readonly ttl?: number;
  /** Monotonic. */
  readonly clock?: Clock;
}

const TTL_MS = 10_000;

/**
 * Who holds the lock now, without any attempt to take it.
 * Rejects with one line if Consul does not answer, or refuses.
 * @returns the node's id; null: nobody, so that whoever asks could
 */
export async function leaderInConsul(
  consul: ConsulAccess,
  { cluster, node }: Pick<AdapterContext, "cluster" | "node">,
  signal: AbortSignal,
): Promise<string | null> {
  await using client = createLockClient({ consul, key: keyOf(cluster), ttl: TTL_MS, node: node.id });
  const { session, mark } = await client.read(signal);
  return session === null ? null : (mark?.node ?? "unknown");
}

function keyOf(cluster: string): string {
  return `muster/${cluster}/leader`;
}

/** Between two looks at the lock, if Consul answers blocking queries at once for whatever reason, ms. */
const PAUSE_MS = 50;
/** When to try again to take a lock that is free but can't be had (Consul's lock delay of a foreign session), ms. */
const REFUSED_MS = 1_000;

/**
 * Disposing of it closes its connections. Throws an Error that names a file that can't be used.
 * @param consul the agent, as in `registries.consul`; its token needs `key:write` on the key and `session:write` on the
 *   nodes of all candidates' agents (without that on the others', a dead leader is followed within two TTLs)
 */
export function createConsulElection(
  consul: ConsulAccess,
  context: AdapterContext,
  { key = keyOf(context.cluster), ttl = TTL_MS, clock = monotonicClock }: ConsulElectionSettings = {},
): Election & AsyncDisposable {
  const client = createLockClient({ consul, key, ttl, node: context.node.id });
  const election = createLockElection(client, { ttl, context, clock });
  return { ...election, [Symbol.asyncDispose]: client[Symbol.asyncDispose] };
}

export interface LockElectionOptions {
  /** ms */
  readonly ttl: number;
  readonly context: AdapterContext;
  /** Monotonic. */
  readonly clock: Clock;
}

export function createLockElection(client: LockClient, { ttl, context, clock }: LockElectionOptions): Election {
  const { name, node, log, now, random } = context;
  const patience = createPatience(ttl);
  let own: Own | null = null;
  let leader: string | null = null;

  /** Abandons what it took where the campaign was aborted meanwhile. */
  async function take(seen: Lock, signal: AbortSignal): Promise<Term | null> {
    // Not cut short, so that no session is made that nobody knows of.
    const whole = new AbortController().signal;
    const began = clock.now();
    const session = await client.createSession(whole);
    own = { session, provenAt: Number.NEGATIVE_INFINITY };
    const mark = markOf("leading", session);
    try {
      if (!(await client.take(mark, seen, whole))) return await abandon(session, null);
    } catch (error) {
      // Perhaps we have it; then it's freed.
      await abandon(session, null);
      throw error;
    }
    own.provenAt = began;
    const term = holdTerm({ client, mark, own, clock, random, log, name });
    if (!signal.aborted) return term;
    await term[Symbol.asyncDispose]();
    throw signal.reason;
  }

  function markOf(state: Mark["state"], session: string): Mark {
    return { state, node: node.id, since: new Date(now()).toISOString(), session, ttl, beat: 0 };
  }

  async function abandon<T>(session: string, result: T): Promise<T> {
    try {
      await client.destroySession(session, new AbortController().signal);
    } catch (error) {
      log.debug({ election: name, session, error: messageOf(error) }, "session is left to expire");
    }
    return result;
  }

  /** Frees the lock of a holder that no longer acts. Not a stranger's: who knows what that one's silence means. */
  async function oust({ session, mark }: Lock, signal: AbortSignal): Promise<void> {
    if (session === null || mark === null) return;
    await client.destroySession(session, signal);
    if (mark.session !== own?.session)
      log.warn({ election: name, leader: mark.node }, "leader is silent, following it");
  }

  function noteLeader({ session, mark }: Lock): void {
    const holder = session === null ? null : (mark?.node ?? "unknown");
    if (holder === leader) return;
    leader = holder;
    if (holder !== null) log.info({ election: name, leader: holder }, "another Muster leads, waiting");
  }

  /** One look at the lock, and what can be done now. */
  async function attempt(signal: AbortSignal): Promise<Term | null> {
    const lock = await client.read(signal);
    if (patience.isForgotten(lock, own, clock.now())) {
      await client.place(markOf("vacant", randomUUID()), signal);
      return null;
    }
    const left = patience.left(lock, own, clock.now());
    noteLeader(lock);
    if (left === 0 && lock.session === null) {
      const term = await take(lock, signal);
      if (term !== null) return term;
    }
    if (left === 0) await oust(lock, signal);
    await client.changed(lock.index, left === 0 ? REFUSED_MS : left, signal);
    await clock.wait(PAUSE_MS, signal);
    return null;
  }

  return {
    async campaign(signal) {
      for (;;) {
        signal.throwIfAborted();
        const term = await attempt(signal);
        if (term !== null) return term;
      }
    },
  };
}
