/**
 * Keeps TTL checks passing while their instances are registered. Muster registers only what is fit and withdraws what
 * is not, so registered means passing; and if Muster dies, its TTL checks expire and its instances leave by themselves.
 */

import { setMaxListeners } from "node:events";
import type { Logger } from "../../../src/model.ts";
import { parseDuration } from "../../../src/schema.ts";

export interface Heartbeat {
  /**
   * From now on exactly these checks of a service are kept alive: id → TTL as Go writes it. Other services stay as they are.
   * @param soon for a check that is new to us: whether its first beat comes soon, since nobody knows when its last one was
   */
  follow(service: string, checks: ReadonlyMap<string, string>, soon: boolean): void;
  forget(service: string): void;
  /** Forgets every service but these. */
  retain(services: ReadonlySet<string>): void;
  /** The next beat of this check comes soon, since it isn't passing. */
  hurry(service: string, check: string): void;
  /** Stops all timers and requests. */
  stop(): void;
}

export interface HeartbeatOptions {
  /** The registry's name, for the log. */
  readonly name: string;
  readonly log: Logger;
  readonly random: () => number;
  /** Reports a check as passing. */
  pass(check: string, signal: AbortSignal): Promise<void>;
}

interface Beat {
  readonly check: string;
  /** ms */
  readonly ttl: number;
  timer: NodeJS.Timeout | undefined;
}

/** Not at once: `muster plan` lists, and writes nothing; it is over by then. ms */
const SOON = 1000;
/** Of repeated failures every so manieth is a warning. */
const EVERY = 10;

export function createHeartbeat({ name, log, random, pass }: HeartbeatOptions): Heartbeat {
  const services = new Map<string, Map<string, Beat>>();
  const stopped = new AbortController();
  // Each beat under way listens to it.
  setMaxListeners(0, stopped.signal);
  let failures = 0;

  /** A third of the TTL, less up to 20 %: two beats may fail before the check expires. */
  function schedule(beat: Beat, soon = false): void {
    clearTimeout(beat.timer);
    const delay = soon ? Math.min(SOON, beat.ttl / 3) : beat.ttl / 3;
    beat.timer = setTimeout(() => void send(beat), delay * (1 - 0.2 * random()));
  }

  async function send(beat: Beat): Promise<void> {
    const sent = beat.timer;
    try {
      await pass(beat.check, stopped.signal);
      if (failures > 0) log.info({ registry: name, failures }, "heartbeats reach the registry again");
      failures = 0;
    } catch (error) {
      if (stopped.signal.aborted) return;
      report(beat, error);
    }
    // Unless it was forgotten or hurried meanwhile.
    if (beat.timer === sent) schedule(beat);
  }

  function report({ check }: Beat, error: unknown): void {
    failures += 1;
    const fields = { registry: name, check, failures, error: error instanceof Error ? error.message : String(error) };
    if (failures === 1 || failures % EVERY === 0) log.warn(fields, "heartbeat failed");
    else log.debug(fields, "heartbeat failed");
  }

  function forget(service: string): void {
    endAll(services.get(service)?.values() ?? []);
    services.delete(service);
  }

  return {
    follow(service, checks, soon) {
      if (stopped.signal.aborted) return;
      const known = services.get(service) ?? new Map<string, Beat>();
      const kept = new Map([...checks].map(([check, ttl]) => [check, beatFor(check, ttl, known.get(check))]));
      endAll([...known.values()].filter((beat) => kept.get(beat.check) !== beat));
      for (const beat of kept.values()) if (beat.timer === undefined) schedule(beat, soon);
      if (kept.size > 0) services.set(service, kept);
      else services.delete(service);
    },
    forget,
    retain(alive) {
      for (const service of services.keys()) if (!alive.has(service)) forget(service);
    },
    hurry(service, check) {
      const beat = services.get(service)?.get(check);
      if (beat !== undefined) schedule(beat, true);
    },
    stop() {
      stopped.abort(new Error("stopped"));
      for (const service of [...services.keys()]) forget(service);
    },
  };
}

function beatFor(check: string, text: string, known: Beat | undefined): Beat {
  const ttl = Math.max(1000, parseDuration(text) ?? 0);
  return known?.ttl === ttl ? known : { check, ttl, timer: undefined };
}

function endAll(beats: Iterable<Beat>): void {
  for (const beat of beats) {
    clearTimeout(beat.timer);
    beat.timer = undefined;
  }
}
