/** One term: leadership is held by signs of life in the lock, and ends at the first doubt. */
import { backoff, jittered } from "../../../src/backoff.ts";
import type { Clock } from "../../../src/clock.ts";
import type { Term } from "../../../src/leadership.ts";
import type { Logger } from "../../../src/model.ts";
import { messageOf } from "../../failure.ts";
import type { LockClient } from "./client.ts";
import { ACTS, type Mark, type Own } from "./lock.ts";

export interface TermOptions {
  readonly client: LockClient;
  /** Of the session that holds the lock. */
  readonly mark: Mark;
  /** Of that session as well; its `provenAt` is kept up to date. */
  readonly own: Own;
  /** Monotonic. */
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** Names the election, for messages. */
  readonly name: string;
}

const RETRY = { base: 100, max: 1_000 };
/** To give the lock back; an orderly stop doesn't wait any longer for a Consul that is away, ms. */
const RESIGN_WITHIN_MS = 2_000;

/** Begins the term of a session that has just taken the lock. */
export function holdTerm({ client, mark, own, clock, random, log, name }: TermOptions): Term {
  const { session, ttl } = mark;
  const over = new AbortController();
  let beat = mark.beat;
  let lastError = "no answer";
  let resignation: Promise<void> | null = null;
  const running = Promise.all([guard(), beats(), watch()]);

  return {
    signal: over.signal,
    [Symbol.asyncDispose]() {
      resignation ??= resign();
      return resignation;
    },
  };

  function lose(reason: string): void {
    over.abort(new Error(`${name}: ${reason}`));
  }

  /** Ends the term when it can no longer be proven, whatever else goes on. */
  async function guard(): Promise<void> {
    do {
      const left = own.provenAt + ACTS * ttl - clock.now();
      if (left <= 0) return lose(`leadership could not be renewed in time: ${lastError}`);
      await pause(left);
    } while (!over.signal.aborted);
  }

  async function beats(): Promise<void> {
    let failures = 0;
    while (!over.signal.aborted) {
      await pause(failures === 0 ? jittered(ttl / 3, random) : backoff(failures, { ...RETRY, random }));
      if (over.signal.aborted) return;
      failures = (await proven()) ? 0 : failures + 1;
      if (failures === 1) log.warn({ election: name, error: lastError }, "leadership not renewed, trying again");
    }
  }

  /** Not cut short when the term ends: half a write might be carried out after we have given the lock back. */
  async function proven(): Promise<boolean> {
    const at = clock.now();
    const whole = new AbortController().signal;
    beat += 1;
    try {
      if (!(await client.renewSession(session, whole))) lose("the session is gone");
      else if (!(await client.acquire({ ...mark, beat }, whole))) lose("the lock was taken away");
      else own.provenAt = at;
      return true;
    } catch (error) {
      lastError = messageOf(error);
      return false;
    }
  }

  /** Sees at once that the lock was taken away, or that Consul has forgotten it. */
  async function watch(): Promise<void> {
    let failures = 0;
    while (!over.signal.aborted) {
      failures = (await looked()) ? 0 : failures + 1;
      if (failures > 0) await pause(backoff(failures, { ...RETRY, random }));
    }
  }

  /** @returns false if Consul failed */
  async function looked(): Promise<boolean> {
    try {
      const lock = await client.read(over.signal);
      if (lock.session === session) await client.changed(lock.index, ttl, over.signal);
      else lose(lock.session === null ? "the lock was freed" : "the lock is another's");
      return true;
    } catch {
      return over.signal.aborted;
    }
  }

  /** Resolves early when the term ends. */
  async function pause(ms: number): Promise<void> {
    await clock.wait(ms, over.signal).catch(() => {});
  }

  async function resign(): Promise<void> {
    over.abort(new Error(`${name}: resigned`));
    const done = new AbortController();
    const late = clock.wait(RESIGN_WITHIN_MS, done.signal).catch(() => {});
    await Promise.race([giveBack(), late]);
    done.abort(new Error("resigned"));
  }

  async function giveBack(): Promise<void> {
    await running;
    const whole = new AbortController().signal;
    try {
      await client.release({ ...mark, beat: beat + 1, state: "resigned" }, whole);
      await client.destroySession(session, whole);
    } catch (error) {
      // Nothing is lost but time: others follow when our signs have ceased, and the session expires.
      log.warn({ election: name, error: messageOf(error) }, "could not resign, the lock is left to expire");
    }
  }
}
