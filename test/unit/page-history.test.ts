import { describe, expect, it } from "vitest";
import {
  deedOf,
  type History,
  latencyOf,
  MAX_DEEDS,
  slotsOf,
  unresolved,
  WINDOW_MS,
  withRecords,
} from "../../page/src/history.ts";
import type { AuditRecord } from "../../src/audit/record.ts";

const NOW = Date.UTC(2026, 10, 21, 12);
const EMPTY: History = { deeds: [], since: NOW };
const iso = (at: number) => new Date(at).toISOString();

function record(seq: number, at: number, some: Partial<AuditRecord> = {}): AuditRecord {
  return {
    ...{
      seq,
      time: iso(at),
      node: "n1",
      registry: "consul",
      action: "register",
      id: `t${seq}:80`,
      service: "web",
      task: "t1",
    },
    ...{ ok: true, error: null, ms: 3, attempt: 1, cause: null, before: null, after: null, prev: "", hash: "" },
    ...some,
  };
}

describe("the history that the page keeps", () => {
  it("takes each record once, however often it is answered", () => {
    const first = withRecords(EMPTY, [record(1, NOW - 9_000), record(2, NOW - 8_000)], NOW - WINDOW_MS, NOW);
    const second = withRecords(first, [record(2, NOW - 8_000), record(3, NOW - 1_000)], NOW - 10_000, NOW);
    expect(second.deeds.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(second.since).toBe(NOW - WINDOW_MS);
  });

  it("forgets what is older than its window", () => {
    const first = withRecords(EMPTY, [record(1, NOW - 9_000)], NOW - WINDOW_MS, NOW);
    const later = NOW + WINDOW_MS;
    expect(withRecords(first, [record(2, later)], NOW, later)).toEqual({
      deeds: [deedOf(record(2, later))],
      since: later - WINDOW_MS,
    });
  });

  it("does not claim to know the time before a burst that was cut off", () => {
    const burst = Array.from({ length: MAX_DEEDS }, (_, index) => record(5_000 + index, NOW - 1_000 + index));
    const known = withRecords(EMPTY, [record(1, NOW - 9_000)], NOW - WINDOW_MS, NOW);
    const after = withRecords(known, burst, NOW - 10_000, NOW);
    expect(after.since).toBe(NOW - 1_000);
    expect(after.deeds).toHaveLength(MAX_DEEDS);
  });

  it("measures from the last fact to the outcome; not what was tried again, nor what no fact led to", () => {
    const cause = [
      { time: iso(NOW - 500), kind: "assigned" },
      { time: iso(NOW - 40), kind: "status" },
    ];
    expect(deedOf(record(1, NOW, { cause })).sinceFact).toBe(40);
    expect(deedOf(record(1, NOW, { cause, attempt: 2 })).sinceFact).toBeNull();
    expect(deedOf(record(1, NOW, { cause, ok: false })).sinceFact).toBeNull();
    expect(deedOf(record(1, NOW, { cause: [] })).sinceFact).toBeNull();
    expect(deedOf(record(1, NOW, { cause: ["odd", null, { time: "never" }] })).sinceFact).toBeNull();
  });

  it("knows failures that nothing has made good", () => {
    const failed = { ok: false, error: "503" };
    const deeds = [
      deedOf(record(1, NOW, { id: "a", ...failed })),
      deedOf(record(2, NOW, { id: "b", ...failed })),
      deedOf(record(3, NOW, { id: "a" })),
      deedOf(record(4, NOW, { id: "b", registry: "kong" })),
    ];
    expect(unresolved(deeds).map(({ id }) => id)).toEqual(["b"]);
  });
});

describe("what is drawn of it", () => {
  it("counts each write in its slot, and the newest in the last", () => {
    const deeds = [NOW - 1, NOW - 30_001, NOW - WINDOW_MS].map((at, index) =>
      deedOf(record(index, at, { ok: index !== 1 })),
    );
    const slots = slotsOf(deeds, NOW, 60);
    expect(slots).toHaveLength(60);
    expect(slots[59]).toMatchObject({ done: 1, failed: 0 });
    expect(slots[58]).toMatchObject({ done: 0, failed: 1 });
    expect(slots[0]).toMatchObject({ from: NOW - WINDOW_MS, done: 1 });
  });

  it("leaves out what is no write", () => {
    const deeds = [
      deedOf(record(1, NOW - 1, { registry: null, action: "start" })),
      deedOf(record(2, NOW - 1, { ok: null })),
    ];
    expect(slotsOf(deeds, NOW, 60).every(({ done, failed }) => done === 0 && failed === 0)).toBe(true);
  });

  it("gives median and 95th percentile, and puts each in one bucket", () => {
    const of = (ms: number) => deedOf(record(ms, NOW, { cause: [{ time: iso(NOW - ms) }] }));
    const latency = latencyOf([0, 2, 3, 10, 6_000].map(of));
    expect(latency).toMatchObject({ count: 5, median: 3, p95: 6_000 });
    expect(latency.buckets.filter(({ count }) => count > 0)).toEqual([
      { upTo: 2, count: 2 },
      { upTo: 5, count: 1 },
      { upTo: 10, count: 1 },
      { upTo: null, count: 1 },
    ]);
    expect(latencyOf([])).toMatchObject({ count: 0, median: null, p95: null });
  });
});
