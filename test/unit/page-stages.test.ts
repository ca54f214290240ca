import { describe, expect, it } from "vitest";
import { createParser } from "../../page/src/live/sse.ts";
import { type Lane, lanesOf, scaleOf } from "../../page/src/stages.ts";
import type { TimelineView } from "../../src/http/view.ts";

const ID = "t1:80";
const START = Date.UTC(2026, 10, 21);
const time = (ms: number) => new Date(START + ms).toISOString();

function fact(ms: number, kind = "status"): TimelineView {
  return { time: time(ms), kind, by: "docker", text: kind };
}

function state(ms: number, now: "pending" | "ready" | "draining", missing: readonly string[] = []): TimelineView {
  return {
    time: time(ms),
    kind: "state",
    by: "muster",
    text: now,
    state: { instances: [ID], services: ["web"], state: now, missing },
  };
}

function write(ms: number, by: string, ok = true, op: "register" | "deregister" = "register"): TimelineView {
  const detail = { instance: ID, key: "k", op, ok, ms: 1, attempt: 1, error: ok ? null : "503" };
  return { time: time(ms), kind: "write", by, text: op, write: detail };
}

const spans = (lanes: readonly Lane[]) =>
  Object.fromEntries(lanes.map(({ name, span }) => [name, span && [span.from - START, span.to && span.to - START]]));

describe("an instance's way into the registries", () => {
  it("goes from the first fact over complete and ready into each registry", () => {
    const way = [
      fact(0, "assigned"),
      state(2, "pending", ["address", "status"]),
      fact(5, "addressed"),
      state(6, "pending", ["status", "health"]),
      fact(900, "health"),
      state(901, "ready"),
      write(910, "consul"),
      write(915, "kong", false),
      write(1_200, "kong"),
    ];
    const lanes = lanesOf(way, ID);
    expect(spans(lanes)).toEqual({
      docker: null,
      complete: [0, 6],
      ready: [6, 901],
      consul: [901, 910],
      kong: [901, 1_200],
    });
    expect(lanes.at(-1)?.marks.map(({ kind }) => kind)).toEqual(["failed", "done"]);
  });

  it("does not begin with what was known before, such as its node", () => {
    const way = [
      fact(-60_000, "node"),
      fact(-60_000, "defined"),
      fact(0, "assigned"),
      state(1, "ready"),
      write(2, "consul"),
    ];
    expect(spans(lanesOf(way, ID))).toMatchObject({ complete: [0, 1] });
  });

  it("is the last one, where it has been out in between", () => {
    const way = [
      fact(0, "assigned"),
      state(1, "ready"),
      write(2, "consul"),
      fact(5_000, "health"),
      state(5_001, "pending", ["health"]),
      write(5_002, "consul", true, "deregister"),
      fact(9_000, "health"),
      state(9_001, "ready"),
      write(9_005, "consul"),
    ];
    expect(spans(lanesOf(way, ID))).toMatchObject({ ready: [5_001, 9_001], consul: [9_001, 9_005] });
  });

  it("stays open where it waits, or where a registry has not taken it", () => {
    expect(spans(lanesOf([fact(0), state(1, "pending", ["address"])], ID))).toEqual({
      docker: null,
      complete: [0, null],
      ready: null,
    });
    expect(spans(lanesOf([fact(0), state(1, "ready"), write(3, "kong", false)], ID))).toMatchObject({
      kong: [1, null],
    });
  });

  it("is nothing where nothing is known, or only of others", () => {
    expect(lanesOf([], ID)).toEqual([]);
    expect(spans(lanesOf([fact(0), state(1, "ready")], "t1:81"))).toMatchObject({ ready: null });
  });

  it("is drawn in order, between both ends, with milliseconds beside minutes", () => {
    const place = scaleOf(
      lanesOf([fact(0), state(3, "pending", ["health"]), state(600_000, "ready"), write(600_004, "consul")], ID),
    );
    const places = [0, 3, 600_000, 600_004].map((ms) => place(START + ms));
    expect(places[0]).toBe(0);
    expect(places[3]).toBe(1);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect((places[1] ?? 0) > 0.05 && (places[3] ?? 0) - (places[2] ?? 0) > 0.05).toBe(true);
  });
});

describe("server-sent events", () => {
  it("are whole wherever the stream is cut, and comments are none", () => {
    const text =
      ': muster\n\nevent: instance\ndata: {"a":1}\n\n:\n\nevent: registry\r\ndata: x\r\ndata: y\r\n\r\ndata: plain\n\n';
    const expected = [
      { event: "instance", data: '{"a":1}' },
      { event: "registry", data: "x\ny" },
      { event: "message", data: "plain" },
    ];
    for (let size = 1; size <= text.length; size++) {
      const parse = createParser();
      const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
        text.slice(index * size, (index + 1) * size),
      );
      expect(pieces.flatMap((piece) => parse(piece))).toEqual(expected);
    }
  });
});
