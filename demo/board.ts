/** What the live table shows: engine events joined with what is seen in the registry. Pure but for the rows it keeps. */
import type { EngineEvent } from "../test/lab/engine-events.ts";
import type { Entry } from "./registry.ts";

/** One container. */
export interface Row {
  readonly name: string;
  readonly service: string;
  /** What the engine says, in a word or two: "running", "unhealthy", "stopping", "gone". */
  readonly engine: string;
  /** `address:port` while it is in the registry. */
  readonly place: string | null;
  /** The last way into the registry, and out of it: what the engine did, and how long after that it was seen. */
  readonly came: Passage | null;
  readonly went: Passage | null;
}

/** From something that the engine did to its effect in the registry. */
export interface Passage {
  /** "start", "healthy", "kill", "unhealthy", "die"; of Marathon "TASK_RUNNING", "TASK_KILLING" … */
  readonly after: string;
  readonly ms: number;
}

/** A change in the registry, as it was seen. */
export interface Sighting {
  readonly name: string;
  readonly way: "in" | "out";
  readonly place: string;
  /** null: it was not the effect of anything that the engine did. */
  readonly passage: Passage | null;
}

export interface Board {
  onEvent(event: EngineEvent): void;
  /**
   * Takes in what the registry holds.
   * @param at ms since the epoch when that was seen
   */
  onEntries(entries: readonly Entry[], at: number): readonly Sighting[];
  rows(): readonly Row[];
}

interface Known extends Row {
  readonly id: string;
  /** The last event that must bring it in, or take it out. */
  readonly rise: Cause | null;
  readonly fall: Cause | null;
}

interface Cause {
  readonly after: string;
  readonly at: number;
}

/** @param initially what the engine is said to say before it says anything */
export function createBoard(initially = "created"): Board {
  const known = new Map<string, Known>();

  return { onEvent, onEntries, rows };

  function rows(): readonly Row[] {
    return [...known.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
  }

  function onEvent({ id, name, labels, action, at }: EngineEvent): void {
    const service = labels["muster.name"] ?? name;
    const fresh = { id, name, service, engine: initially, place: null, came: null, went: null, rise: null, fall: null };
    known.set(id, told(known.get(id) ?? fresh, action, at));
  }

  function onEntries(entries: readonly Entry[], at: number): readonly Sighting[] {
    const places = new Map(entries.map(({ task, address, port }) => [task, `${address}:${port}`]));
    return [...known.values()].flatMap((row) => {
      const place = places.get(row.id) ?? null;
      if ((place === null) === (row.place === null)) return [];
      return place === null ? [left(row, at)] : [arrived(row, place, at)];
    });
  }

  function arrived(row: Known, place: string, at: number): Sighting {
    const passage = passageFrom(row.rise, at);
    known.set(row.id, { ...row, place, came: passage, went: null });
    return { name: row.name, way: "in", place, passage };
  }

  function left(row: Known, at: number): Sighting {
    const passage = passageFrom(row.fall, at);
    known.set(row.id, { ...row, place: null, went: passage });
    return { name: row.name, way: "out", place: row.place ?? "", passage };
  }
}

function passageFrom(cause: Cause | null, at: number): Passage | null {
  return cause === null ? null : { after: cause.after, ms: Math.max(0, at - cause.at) };
}

function told(row: Known, action: string, at: number): Known {
  switch (action) {
    case "start":
    case "TASK_RUNNING":
      return { ...row, engine: "running", rise: { after: action, at }, fall: null };
    case "health_status: healthy":
      return { ...row, engine: "healthy", rise: { after: "healthy", at }, fall: null };
    case "health_status: unhealthy":
      return { ...row, engine: "unhealthy", fall: { after: "unhealthy", at } };
    case "pause":
      return { ...row, engine: "paused", fall: { after: action, at } };
    case "unpause":
      return { ...row, engine: "running", rise: { after: action, at }, fall: null };
    case "kill":
    case "TASK_KILLING":
      return { ...row, engine: "stopping", fall: { after: action, at } };
    case "die":
    case "TASK_KILLED":
    case "TASK_FAILED":
      return { ...row, engine: "ended", fall: row.engine === "stopping" ? row.fall : { after: action, at } };
    case "destroy":
      return { ...row, engine: "removed" };
    default:
      return row;
  }
}
