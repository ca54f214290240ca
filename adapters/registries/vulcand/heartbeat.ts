/**
 * Keeps servers alive: each is written again, as it is, at a third of its TTL. So the servers of a node that dies leave by
 * themselves. A beat never brings back what was deregistered: `end` waits for one that is under way.
 */
import { setMaxListeners } from "node:events";
import PQueue from "p-queue";
import type { Logger } from "../../../src/model.ts";
import { RequestError } from "../../failure.ts";
import type { ServerSpec } from "./spec.ts";

export interface Heartbeat {
  /**
   * From now on this server is kept alive as it is here.
   * @param soon whether the first beat comes soon, since nobody knows when its last one was
   */
  follow(key: string, server: ServerSpec, soon: boolean): void;
  /** What a listing found: takes up what is new or other than it was, unless it was ended, and forgets what is gone. */
  found(servers: ReadonlyMap<string, ServerSpec>): void;
  /** No more beats, until `follow` or `found`. Resolves when none is under way; rejects with `signal.reason` on abort. */
  pause(key: string, signal: AbortSignal): Promise<void>;
  /** As `pause`, but a listing that still shows it does not take it up again. */
  end(key: string, signal: AbortSignal): Promise<void>;
  /** Stops all timers and requests. */
  stop(): void;
}

export interface HeartbeatOptions {
  /** The registry's name, for the log. */
  readonly name: string;
  readonly log: Logger;
  readonly random: () => number;
  /** ms */
  readonly ttl: number;
  /** Calls back once after `ms`. @returns a function that takes it back */
  after(ms: number, callback: () => void): () => void;
  /** Writes the server, with its TTL. */
  beat(server: ServerSpec, signal: AbortSignal): Promise<void>;
  /** A server may be lost, or there may be one too many: the registry should be listed. */
  doubt(): void;
}

interface Beat {
  readonly server: ServerSpec;
  cancel: () => void;
  underWay: Promise<void> | null;
}

/** Not at once: `muster plan` lists, and writes nothing; it is over by then. ms */
const SOON = 1000;
/** Beats at once: a thousand servers should not crowd out the writes of changes. */
const CONCURRENCY = 6;
/** Of repeated failures every so manieth is a warning. */
const EVERY = 10;

export function createHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { name, log, random, ttl, after, beat: write, doubt } = options;
  const beats = new Map<string, Beat>();
  /** Deregistered, and perhaps still listed: never taken up from a listing. */
  const ended = new Set<string>();
  const queue = new PQueue({ concurrency: CONCURRENCY });
  const stopped = new AbortController();
  // Each beat under way listens to it.
  setMaxListeners(0, stopped.signal);
  let failures = 0;

  /** A third of the TTL, less up to 20 %: two beats may fail before it runs out. */
  function schedule(key: string, beat: Beat, soon: boolean): void {
    beat.cancel();
    const delay = soon ? Math.min(SOON, ttl / 3) : ttl / 3;
    beat.cancel = after(delay * (1 - 0.2 * random()), () => void queue.add(() => send(key, beat)));
  }

  async function send(key: string, beat: Beat): Promise<void> {
    // It may have been ended while it waited for its turn.
    if (beats.get(key) !== beat || stopped.signal.aborted) return;
    beat.underWay = attempt(key, beat);
    await beat.underWay;
    beat.underWay = null;
    if (beats.get(key) === beat && !stopped.signal.aborted) schedule(key, beat, false);
  }

  /** Never rejects. */
  async function attempt(key: string, { server }: Beat): Promise<void> {
    try {
      await write(server, stopped.signal);
      if (failures > 0) recovered();
    } catch (error) {
      if (stopped.signal.aborted) return;
      report(key, error);
      // Its backend is gone, and so are all its servers.
      if (error instanceof RequestError && error.status === 404) doubt();
    }
  }

  /** What failed may have been done late, and what was there may be gone. */
  function recovered(): void {
    log.info({ registry: name, failures }, "heartbeats reach the registry again");
    failures = 0;
    doubt();
  }

  function report(key: string, error: unknown): void {
    failures += 1;
    const fields = { registry: name, key, failures, error: error instanceof Error ? error.message : String(error) };
    if (failures === 1 || failures % EVERY === 0) log.warn(fields, "heartbeat failed");
    else log.debug(fields, "heartbeat failed");
  }

  function follow(key: string, server: ServerSpec, soon: boolean): void {
    if (stopped.signal.aborted) return;
    ended.delete(key);
    drop(key);
    const beat: Beat = { server, cancel: () => {}, underWay: null };
    beats.set(key, beat);
    schedule(key, beat, soon);
  }

  function drop(key: string): void {
    beats.get(key)?.cancel();
    beats.delete(key);
  }

  async function pause(key: string, signal: AbortSignal): Promise<void> {
    const underWay = beats.get(key)?.underWay ?? null;
    ended.delete(key);
    drop(key);
    if (underWay !== null) await unlessAborted(underWay, signal);
  }

  function take(key: string, server: ServerSpec): void {
    if (ended.has(key) || beats.get(key)?.server.url === server.url) return;
    follow(key, server, true);
  }

  return {
    follow,
    found(servers) {
      const gone = [...beats.keys(), ...ended].filter((key) => !servers.has(key));
      for (const key of gone) drop(key);
      for (const key of gone) ended.delete(key);
      for (const [key, server] of servers) take(key, server);
    },
    pause,
    async end(key, signal) {
      const paused = pause(key, signal);
      ended.add(key);
      await paused;
    },
    stop() {
      stopped.abort(new Error("stopped"));
      for (const key of [...beats.keys()]) drop(key);
    },
  };
}

function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    void work.then(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
  });
}
