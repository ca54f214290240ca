/**
 * Signals that containers were sent while nobody listened: between the end of one Muster and the start of the next, a
 * container may have been told to stop. A listing shows it as running still, so that it would be registered again, and its
 * stop gate would never open. The engine remembers its last 256 events (facts/docker-swarm.md, Loss).
 */
import type { AdapterContext } from "../../../src/model.ts";
import type { Engine } from "./client.ts";
import { type ContainerEvent, createEventReader } from "./stream.ts";

/** A signal to a container that has neither started nor ended since. */
export interface PastKill {
  /** Full container id. */
  readonly container: string;
  /** As in `ContainerEvent`. */
  readonly task: string | null;
  /** As the event has it, e.g. `15`. */
  readonly signal: string;
  /** ms since the epoch, by Muster's clock. */
  readonly at: number;
}

/** It answers from memory. */
const TIMEOUT_MS = 5_000;

/**
 * Never rejects but on abort: without an answer, what was told to stop meanwhile counts as running until it ends.
 * @param time the engine's clock just now, s since the epoch; null: it tells none
 * @returns oldest first
 */
export async function recallKills(
  engine: Engine,
  time: number | null,
  { log, now }: Pick<AdapterContext, "log" | "now">,
  signal: AbortSignal,
): Promise<readonly PastKill[]> {
  if (time === null) return [];
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  try {
    const events = await readPast(engine, time, limit);
    return unfinishedKills(events, (then) => Math.round(now() - Math.max(0, time * 1000 - then)));
  } catch (error) {
    signal.throwIfAborted();
    log.warn({ err: error }, "docker: past events not read, what was told to stop meanwhile counts as running");
    return [];
  }
}

async function readPast(engine: Engine, until: number, signal: AbortSignal): Promise<readonly ContainerEvent[]> {
  const events: ContainerEvent[] = [];
  const reader = createEventReader(
    (event) => events.push(event),
    () => undefined,
  );
  for await (const chunk of await engine.pastKills(until, signal)) reader.push(chunk as Buffer);
  reader.end();
  return events;
}

/** Pure. @param clock the engine's ms since the epoch → Muster's */
function unfinishedKills(events: readonly ContainerEvent[], clock: (time: number) => number): readonly PastKill[] {
  const kills = new Map<string, PastKill[]>();
  for (const { action, container, task, detail, time } of events) {
    if (action !== "kill") kills.delete(container);
    else if (detail !== null && time !== null)
      kills.set(container, [...(kills.get(container) ?? []), { container, task, signal: detail, at: clock(time) }]);
  }
  return [...kills.values()].flat();
}
