/**
 * Server-sent events: bytes → (type, data). Pure.
 *
 * Jetty's heart-beat is a CR and an LF in two flushes, so that a line end may be split over chunks; an event cut off by
 * the end of the stream is none (facts/marathon.md §1). Marathon up to 1.6 sends events of megabytes.
 */
import { StringDecoder } from "node:string_decoder";

export interface SseReader {
  /** Calls `onEvent` for each event that is complete, before it returns. */
  push(chunk: Uint8Array): void;
}

const MAX_EVENT = 16 * 1024 * 1024;

/**
 * @param onEvent type (`message` where none is given) and data
 * @param onTooLarge an event longer than `maxEvent` characters was skipped
 */
export function createSseReader(
  onEvent: (type: string, data: string) => void,
  onTooLarge: () => void,
  maxEvent = MAX_EVENT,
): SseReader {
  const decoder = new StringDecoder("utf8");
  /** The line that is not complete yet; in pieces, since joining them at every chunk would cost the square. */
  let pieces: string[] = [];
  /** Characters of the event so far. */
  let size = 0;
  let type = "";
  let data: string[] = [];
  let isTooLarge = false;
  let skipLf = false;
  let isFirst = true;

  return {
    push(chunk) {
      const text = decoder.write(chunk);
      if (text !== "") read(isFirst && text.startsWith("\uFEFF") ? text.slice(1) : text);
    },
  };

  function read(text: string): void {
    isFirst = false;
    let from = skipLf && text.startsWith("\n") ? 1 : 0;
    skipLf = text.endsWith("\r");
    for (let end = lineEnd(text, from); end !== -1; end = lineEnd(text, from)) {
      add(text.slice(from, end));
      closeLine();
      from = end + (text[end] === "\r" && text[end + 1] === "\n" ? 2 : 1);
    }
    add(text.slice(from));
  }

  function add(piece: string): void {
    if (piece === "") return;
    size += piece.length;
    if (size > maxEvent) overflow();
    // Only whether the line is empty matters for an event that is skipped.
    if (isTooLarge) pieces = ["…"];
    else pieces.push(piece);
  }

  function overflow(): void {
    if (!isTooLarge) onTooLarge();
    isTooLarge = true;
    data = [];
  }

  function closeLine(): void {
    const line = pieces.length === 1 ? (pieces[0] ?? "") : pieces.join("");
    pieces = [];
    if (line === "") dispatch();
    else if (!isTooLarge) readLine(line);
  }

  function readLine(line: string): void {
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") type = value;
    else if (field === "data") data.push(value);
  }

  /** A heart-beat is a blank line without an event before it. */
  function dispatch(): void {
    if (data.length > 0) onEvent(type === "" ? "message" : type, data.length === 1 ? (data[0] ?? "") : data.join("\n"));
    type = "";
    data = [];
    size = 0;
    isTooLarge = false;
  }
}

function lineEnd(text: string, from: number): number {
  const lf = text.indexOf("\n", from);
  const before = lf === -1 ? text : text.slice(from, lf);
  const cr = before.indexOf("\r", lf === -1 ? from : 0);
  if (cr === -1) return lf;
  return lf === -1 ? cr : from + cr;
}
