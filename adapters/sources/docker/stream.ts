/** The event stream: bytes → events. Pure; one JSON object a line (facts/docker-swarm.md §2). */
import { StringDecoder } from "node:string_decoder";
import * as v from "valibot";
import { taskOf } from "./task.ts";

/** What happened to a container. */
export interface ContainerEvent {
  readonly action: Action;
  /** Full container id. */
  readonly container: string;
  /** Task id as the event's labels have it; null for network events, which carry no labels. */
  readonly task: string | null;
  /** `kill`: the signal; `die`: the exit code; `health_status`: the status; else null. */
  readonly detail: string | null;
  /** By the engine's clock, ms since the epoch; null: not said. */
  readonly time: number | null;
}

const ACTIONS = [
  "start",
  "die",
  "kill",
  "destroy",
  "health_status",
  "rename",
  "pause",
  "unpause",
  "update",
  "connect",
  "disconnect",
] as const;
export type Action = (typeof ACTIONS)[number];

export interface EventReader {
  push(chunk: Uint8Array): void;
  /** The stream is over: what is left without a line end was cut. */
  end(): void;
}

/** Longer than any event (labels may have megabytes): a line beyond it is given up, so that memory stays bounded. */
const MAX_LINE = 8 * 1024 * 1024;

/**
 * @param onEvent called for each event that matters, before `push` returns
 * @param onGarbage called with the reason for each line that is not an event
 */
export function createEventReader(
  onEvent: (event: ContainerEvent) => void,
  onGarbage: (why: string) => void,
): EventReader {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  let skipping = false;
  return {
    push(chunk) {
      const lines = (rest + decoder.write(chunk)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (!skipping) readLine(line);
        skipping = false;
      }
      if (rest.length <= MAX_LINE) return;
      if (!skipping) onGarbage(`a line longer than ${MAX_LINE} characters`);
      skipping = true;
      rest = "";
    },
    end() {
      const cut = rest.trim() !== "";
      rest = "";
      if (cut && !skipping) onGarbage("a line cut at the end of the stream");
    },
  };

  function readLine(line: string): void {
    if (line.trim() === "") return;
    const event = parseEvent(line);
    if (typeof event === "string") onGarbage(event);
    else if (event !== null) onEvent(event);
  }
}

const Message = v.object({
  Type: v.string(),
  Action: v.string(),
  Actor: v.object({
    ID: v.pipe(v.string(), v.nonEmpty()),
    Attributes: v.nullish(v.record(v.string(), v.string()), {}),
  }),
  timeNano: v.fallback(v.nullish(v.number()), null),
});

/** @returns null for an event that says nothing about a container; a string that says why a line is not an event */
export function parseEvent(line: string): ContainerEvent | null | string {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return "a line that is not JSON";
  }
  const { success, output: message, issues } = v.safeParse(Message, json);
  if (!success) return `an event without a proper ${v.getDotPath(issues[0]) ?? "shape"}`;
  const { ID: id, Attributes: attributes } = message.Actor;
  const [name = "", text] = message.Action.split(": ", 2);
  // Rounded by JSON.parse to some hundred ns.
  const time = message.timeNano == null ? null : message.timeNano / 1e6;
  const action = ACTIONS.find((known) => known === name);
  if (action === undefined) return null;
  if (message.Type === "network")
    return attributes["container"]
      ? { action, container: attributes["container"], task: null, detail: null, time }
      : null;
  if (message.Type !== "container") return null;
  const task = taskOf(id, attributes["name"] ?? "", attributes);
  return { action, container: id, task, detail: detailOf(action, attributes, text), time };
}

function detailOf(
  action: Action,
  attributes: Readonly<Record<string, string>>,
  text: string | undefined,
): string | null {
  if (action === "kill") return attributes["signal"] ?? null;
  if (action === "die") return attributes["exitCode"] ?? null;
  return text ?? null;
}
