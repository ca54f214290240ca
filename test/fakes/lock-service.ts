/**
 * Consul's sessions and one lock, as measured on 1.8.7, on manual time, with a link to each candidate that can be cut:
 * a session lives from one to two TTLs after its last renewal, as documented.
 */

import * as v from "valibot";
import type { LockClient } from "../../adapters/elections/consul/client.ts";
import { type Lock, Mark } from "../../adapters/elections/consul/lock.ts";
import { RequestError } from "../../adapters/failure.ts";
import type { Clock } from "../../src/clock.ts";

/** What becomes of requests: `refused` at once; `hanging` till the time limit; `deaf`: carried out, the answer is lost. */
export type LinkState = "up" | "refused" | "hanging" | "deaf";

export interface Link {
  state: LinkState;
}

export interface LockService {
  /** @param link of this candidate to the service */
  client(link: Link): LockClient;
  /** As an operator does who ends whatever session holds the lock. */
  destroyHolder(): void;
  /** As an operator does who deletes the key. */
  deleteKey(): void;
  /** Forgets everything; whoever waits is cut off. */
  wipe(): void;
  readonly sessions: number;
  readonly holder: string | null;
}

interface Options {
  readonly clock: Clock;
  readonly random: () => number;
  /** ms */
  readonly ttl: number;
}

export function createLockService({ clock, random, ttl }: Options): LockService {
  const sessions = new Map<string, number>();
  const watchers = new Set<() => void>();
  /** Takes back what will look after a session's end. */
  const expiries = new Map<string, () => void>();
  const broken = new Set<(error: Error) => void>();
  let key: { session: string | null; lockIndex: number; value: string; modified: number } | null = null;
  let index = 1;
  let made = 0;

  function touch(): void {
    index += 1;
    for (const wake of [...watchers]) wake();
  }

  function end(session: string): void {
    sessions.delete(session);
    if (key?.session !== session) return;
    touch();
    key.session = null;
    key.modified = index;
  }

  function expire(): void {
    for (const [session, until] of [...sessions]) if (until <= clock.now()) end(session);
  }

  /** Consul's own expiry must be noticed by who waits as well. */
  function renew(session: string): void {
    const until = clock.now() + ttl * (1 + random());
    sessions.set(session, until);
    expiries.get(session)?.();
    expiries.set(session, clock.after(until - clock.now(), expire));
  }

  function state(): Lock {
    expire();
    if (key === null) return { index, modified: 0, session: null, lockIndex: 0, value: null, mark: null };
    return { index, ...key, mark: v.parse(Mark, JSON.parse(key.value)) };
  }

  function write(mark: Mark, session: string | null, lockIndex: number): void {
    const value = JSON.stringify(mark);
    if (key !== null && key.session === session && key.value === value) return;
    touch();
    key = { session, lockIndex, value, modified: index };
  }

  function acquire(mark: Mark): boolean {
    expire();
    if (!sessions.has(mark.session)) throw fault(`invalid session "${mark.session}"`);
    const holder = key?.session ?? null;
    if (holder !== null && holder !== mark.session) return false;
    write(mark, mark.session, (key?.lockIndex ?? 0) + (holder === null ? 1 : 0));
    return true;
  }

  function take(mark: Mark, seen: Lock): boolean {
    expire();
    return (key?.modified ?? 0) === seen.modified && acquire(mark);
  }

  function changed(since: number, ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (since !== index) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => () => {
        cancel();
        watchers.delete(wake);
        signal.removeEventListener("abort", stop);
        settle();
      };
      const wake = end(resolve);
      const stop = end(() => reject(signal.reason));
      const cancel = clock.after(ms, wake);
      watchers.add(wake);
      signal.addEventListener("abort", stop, { once: true });
    });
  }

  async function unlessWiped<T>(answer: Promise<T>): Promise<T> {
    let forget = (): void => {};
    const wiped = new Promise<never>((_, reject) => {
      broken.add(reject);
      forget = () => void broken.delete(reject);
    });
    return await Promise.race([answer, wiped]).finally(forget);
  }

  function client(link: Link): LockClient {
    /** A request on its way there and back; what the link is like is looked at on both. */
    async function call<T>(action: () => T | Promise<T>, signal: AbortSignal, limit = ttl / 6): Promise<T> {
      signal.throwIfAborted();
      const late = clock.now() + limit;
      await transit(signal, late, link.state !== "refused" && link.state !== "hanging");
      const answer = action();
      const result = answer instanceof Promise ? await unlessWiped(answer) : answer;
      await transit(signal, late, link.state === "up");
      return result;
    }

    async function transit(signal: AbortSignal, late: number, passes: boolean): Promise<void> {
      if (link.state === "refused") throw fault("connection refused");
      await clock.wait(passes ? 1 + 80 * random() * random() : Math.max(0, late - clock.now()), signal);
      if (!passes || clock.now() > late) throw fault("no answer in time");
    }

    return {
      read: (signal) => call(state, signal),
      changed: (since, ms, signal) => call(() => changed(since, ms, signal), signal, ms + ttl / 6),
      createSession: (signal) =>
        call(() => {
          made += 1;
          renew(`session-${made}`);
          return `session-${made}`;
        }, signal),
      renewSession: (session, signal) =>
        call(() => {
          expire();
          if (sessions.has(session)) renew(session);
          return sessions.has(session);
        }, signal),
      destroySession: (session, signal) => call(() => end(session), signal),
      take: (mark, seen, signal) => call(() => take(mark, seen), signal),
      acquire: (mark, signal) => call(() => acquire(mark), signal),
      place: (mark, signal) =>
        call(() => {
          if (key === null) write(mark, null, 0);
        }, signal),
      release: (mark, signal) =>
        call(() => {
          if (state().session === mark.session) write(mark, null, key?.lockIndex ?? 0);
        }, signal),
      async [Symbol.asyncDispose]() {},
    };
  }

  return {
    client,
    destroyHolder: () => end(key?.session ?? ""),
    deleteKey() {
      key = null;
      touch();
    },
    wipe() {
      key = null;
      sessions.clear();
      index = 1;
      for (const reject of [...broken]) reject(fault("connection reset"));
    },
    get sessions() {
      expire();
      return sessions.size;
    },
    get holder() {
      return state().session;
    },
  };
}

function fault(message: string): RequestError {
  return new RequestError(message, { retry: true, ambiguous: true });
}
