/** Has sources list all that they have, once. */
import { type Clock, createBell } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Source } from "../model.ts";
import { createWorld, type World } from "../world.ts";

export interface ListingOptions {
  readonly clock: Clock;
  /** For how long a source may be away before it is given up, ms. */
  readonly patience: number;
  /** For how long it is waited for definitions and addresses after all have listed, ms. */
  readonly settling: number;
}

/** Sources that follow what happens, and the world that they tell it to. */
export interface Following {
  readonly world: World;
  /** Ends it; resolves when all of it has ended. */
  stop(): Promise<void>;
  /** Rejects if a source fails of itself. */
  readonly failure: Promise<never>;
}

/** See `WorldOptions`. */
export interface FollowedWorld {
  readonly now: () => number;
  readonly claims: Config["policy"]["claims"];
  readonly awaitsInherited: boolean;
}

/** Begins to take in what the sources say. */
export function follow(
  sources: readonly Source[],
  { now, claims, awaitsInherited }: FollowedWorld,
  signal: AbortSignal,
): Following {
  const world = createWorld({ sources: sources.map(({ name }) => name), now, claims, awaitsInherited });
  const stopped = new AbortController();
  const running = AbortSignal.any([signal, stopped.signal]);
  world.subscribe({
    waiting: (source, task) => sources.find(({ name }) => name === source)?.resolve?.(task),
  });
  const pumps = sources.map(async (source) => {
    for await (const fact of source.events(running)) world.join(fact);
    if (!running.aborted) throw new Error(`source ${source.name} ended by itself`);
  });
  const failure = new Promise<never>((_resolve, reject) => {
    for (const pump of pumps) {
      pump.catch((error: unknown) => {
        if (!running.aborted) reject(error);
      });
    }
  });
  // Whoever listens hears of it; nobody has to.
  failure.catch(() => {});
  return {
    world,
    failure,
    async stop() {
      stopped.abort(new Error("all that was asked for is read"));
      await Promise.allSettled(pumps);
    },
  };
}

/**
 * Waits until every source has listed, and then, for a while, until what the listings refer to is read as well.
 * @throws Error that names the source that can't be read; `signal.reason` on abort
 */
export async function untilListed(
  worlds: readonly World[],
  { clock, patience, settling }: ListingOptions,
  signal: AbortSignal,
): Promise<void> {
  const bell = createBell(clock);
  const ring = () => bell.ring();
  const unsubscribe = worlds.map((world) => world.subscribe({ changed: ring, synced: ring, sourceChanged: ring }));
  try {
    await until(() => allListed(worlds), "list", Number.POSITIVE_INFINITY);
    await until(() => !isWaiting(worlds), "settle", settling);
  } finally {
    for (const end of unsubscribe) end();
  }

  /** Gives up after `limit`, without an error, and after `patience` with one where a source is away. */
  async function until(isDone: () => boolean, phase: "list" | "settle", limit: number): Promise<void> {
    const began = clock.now();
    while (!isDone() && clock.now() - began < limit) {
      signal.throwIfAborted();
      const left = phase === "settle" ? limit - (clock.now() - began) : patience - (clock.now() - began);
      if (phase === "list" && left <= 0) throwIfAway(worlds);
      await bell.wait(Math.max(20, left), signal);
    }
    signal.throwIfAborted();
  }
}

function allListed(worlds: readonly World[]): boolean {
  return worlds.every((world) => world.sources().every(({ syncs }) => syncs > 0));
}

function throwIfAway(worlds: readonly World[]): void {
  for (const { name, syncs, error } of worlds.flatMap((world) => world.sources())) {
    if (syncs === 0 && error !== null) throw new Error(`source ${name} can't be listed: ${error}`);
  }
}

/** Whether a task still waits for what its source can read. */
function isWaiting(worlds: readonly World[]): boolean {
  return worlds.some((world) =>
    [...world.instances()].some(({ missing, state }) => state === "pending" && missing.includes("definition")),
  );
}
