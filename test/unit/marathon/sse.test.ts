import { describe, expect, it } from "vitest";
import { createSseReader } from "../../../adapters/sources/marathon/sse.ts";
import { marathonFixtures } from "../../lab/marathon/fixtures.ts";

interface Heard {
  readonly events: readonly (readonly [type: string, data: string])[];
  readonly tooLarge: number;
}

/** Feeds the text in pieces. */
function read(pieces: readonly (string | Uint8Array)[], maxEvent?: number): Heard {
  const events: [string, string][] = [];
  let tooLarge = 0;
  const reader = createSseReader(
    (type, data) => void events.push([type, data]),
    () => {
      tooLarge += 1;
    },
    maxEvent,
  );
  for (const piece of pieces) reader.push(typeof piece === "string" ? Buffer.from(piece) : piece);
  return { events, tooLarge };
}

describe("server-sent events", () => {
  const streams = marathonFixtures().flatMap(({ path, text }) => (text === undefined ? [] : [[path, text] as const]));
  const whole = read([streams[0]?.[1] ?? ""]);

  it("has real streams to read", () => {
    expect(streams).toHaveLength(3);
    expect(whole.events.map(([type]) => type)).toEqual([
      "event_stream_attached",
      "status_update_event",
      "status_update_event",
    ]);
  });

  it.each(streams)("reads %s the same wherever it is split", (_, text) => {
    const bytes = Buffer.from(text);
    for (let at = 0; at <= bytes.length; at++) expect(read([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(whole);
    expect(read([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(whole);
  });

  it.each([
    ["a heart-beat", "\r\n\r\n", []],
    ["a half event", "event: a\r\ndata: 1\r\n", []],
    ["several lines of data", "data: 1\ndata: 2\n\n", [["message", "1\n2"]]],
    ["comments and unknown fields", ": hello\nid: 7\nretry: 1\ndata\ndata:x\n\n", [["message", "\nx"]]],
    [
      "lone CRs as line ends",
      "event: a\rdata: 1\r\revent: b\rdata: 2\r\r",
      [
        ["a", "1"],
        ["b", "2"],
      ],
    ],
    ["a type without data", "event: a\n\ndata: 1\n\n", [["message", "1"]]],
    ["a byte order mark", "\uFEFFdata: 1\n\n", [["message", "1"]]],
  ] as const)("reads %s", (_, text, events) => {
    expect(read([text]).events).toEqual(events);
    expect(read([...Buffer.from(text)].map((byte) => Uint8Array.of(byte))).events).toEqual(events);
  });

  it("keeps characters whole that come in two pieces", () => {
    const bytes = Buffer.from("data: Zürich 🚀\n\n");
    expect(read([...bytes].map((byte) => Uint8Array.of(byte))).events).toEqual([["message", "Zürich 🚀"]]);
  });

  it("skips an event that is too large, tells it once, and reads on", () => {
    const large = ["event: a\r\ndata: ", "x".repeat(60), "x".repeat(60), "\r\ndata: more\r\n\r\ndata: 1\r\n\r\n"];
    expect(read(large, 100)).toEqual({ events: [["message", "1"]], tooLarge: 1 });
  });

  it("reads an event of many megabytes in small pieces in no time", () => {
    const piece = "x".repeat(64 * 1024);
    const started = performance.now();
    const { events } = read(["data: ", ...Array<string>(240).fill(piece), "\r\n\r\n"]);
    expect(events[0]?.[1]).toHaveLength(240 * piece.length);
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});
