/** Which signals a container was sent, and whether one of them is the beginning of its end (facts/docker-swarm.md §2). */
import type { Container } from "./container.ts";
import type { Snapshot } from "./facts.ts";
import { isStop } from "./signals.ts";

/** A signal that it was sent. */
export interface Kill {
  readonly signal: number;
  /** `startedAt` of the run that it was sent to; null until inspected. */
  run: string | null;
  /** ms since the epoch. */
  readonly at: number;
}

/** The part of a container that this is about. */
type Killed = Pick<Container, "kills" | "snapshot">;

/** More than an engine remembers of all containers. */
const MAX_KILLS = 256;
/** One signal, told twice, may differ by this much, ms. */
const SAME_MS = 1_000;

/** The last signal that means its end; null: it was sent none. Until the first inspect the stop signal is a guess. */
export function stopOf({ kills, snapshot }: Killed): Kill | null {
  return kills.findLast(({ signal }) => isStop(signal, snapshot?.stopSignal ?? null)) ?? null;
}

/** Whether it was told to stop and has not ended yet. */
export function isStopping(container: Killed): boolean {
  return stopOf(container) !== null;
}

/** When it was told to stop, ms since the epoch; null: it was not. */
export function stoppingSince({ kills, snapshot }: Killed): number | null {
  return kills.find(({ signal }) => isStop(signal, snapshot?.stopSignal ?? null))?.at ?? null;
}

/** Whether this one is known already, from another telling. */
export function isKnown({ kills }: Killed, { signal, at }: Pick<Kill, "signal" | "at">): boolean {
  return kills.some((kill) => kill.signal === signal && Math.abs(kill.at - at) < SAME_MS);
}

/** Whether it was sent this signal after it was told to stop. */
export function wasSent({ kills, snapshot }: Killed, number: number | null): boolean {
  const told = kills.findIndex(({ signal }) => isStop(signal, snapshot?.stopSignal ?? null));
  return told >= 0 && kills.slice(told + 1).some(({ signal }) => signal === number);
}

/**
 * Takes a signal in, if it can matter: before the first inspect any may be its stop signal, and is kept and judged then.
 * @returns whether it says (again) that the container stops
 */
export function noteKill(container: Container, kill: Kill): boolean {
  const { snapshot, kills } = container;
  const stops = isStop(kill.signal, snapshot?.stopSignal ?? null);
  if ((stops || snapshot === null || isStopping(container)) && kills.length < MAX_KILLS) kills.push(kill);
  return stops;
}

/**
 * Drops what the inspect of a run tells not to matter: signals to an earlier run, and those that were not its end.
 * @param grace on top of its stop time, before it counts as a survivor, ms
 * @returns whether it seemed to stop, but does not
 */
export function judgeKills(container: Container, snapshot: Snapshot, grace: number, now: number): boolean {
  const seemed = container.kills.length > 0;
  for (const kill of container.kills) kill.run ??= snapshot.startedAt;
  container.kills = container.kills.filter(({ run }) => run === snapshot.startedAt);
  if (!isStopping(container) || deadlineOf(container, grace) <= now) container.kills = [];
  return seemed && container.kills.length === 0;
}

/**
 * ms since the epoch after which it counts as a survivor; Infinity: never, or not known before its first inspect. Swarm
 * ends what it began, so its tasks are none.
 * @param grace on top of its stop time, ms
 */
export function deadlineOf(container: Container, grace: number): number {
  const stop = stopOf(container);
  const isSwarm = (container.task ?? container.id) !== container.id;
  if (stop === null || isSwarm || container.snapshot === null) return Number.POSITIVE_INFINITY;
  return stop.at + container.snapshot.stopTime + grace;
}
