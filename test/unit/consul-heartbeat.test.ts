import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createHeartbeat, type Heartbeat } from "../../adapters/registries/consul/heartbeat.ts";

describe("the heart-beat of TTL checks", () => {
  let beats: { readonly check: string; readonly at: number }[];
  let fail: Error | null;
  let logged: string[];
  let random: number;
  let heartbeat: Heartbeat;

  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
    [beats, fail, logged, random] = [[], null, [], 0];
    const log = (level: string) => (_: object, message: string) => void logged.push(`${level}: ${message}`);
    heartbeat = createHeartbeat({
      name: "consul",
      log: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
      random: () => random,
      async pass(check) {
        beats.push({ check, at: Date.now() });
        if (fail !== null) throw fail;
      },
    });
  });

  afterEach(() => {
    heartbeat.stop();
    vi.useRealTimers();
  });

  it("never beats where there is no check", async () => {
    heartbeat.follow("web", new Map(), true);
    await vi.advanceTimersByTimeAsync(100_000);

    expect(beats).toEqual([]);
  });

  it("comes three times within a TTL, up to 20 % earlier", async () => {
    heartbeat.follow("web", new Map([["c", "30s"]]), false);
    await vi.advanceTimersByTimeAsync(20_000);
    random = 1;
    await vi.advanceTimersByTimeAsync(18_000);

    expect(beats.map(({ at }) => at)).toEqual([10_000, 20_000, 30_000, 38_000]);
  });

  it("comes soon where nobody knows when the last one was, or when the check isn't passing", async () => {
    heartbeat.follow("web", new Map([["c", "30s"]]), true);
    await vi.advanceTimersByTimeAsync(1000);
    expect(beats).toHaveLength(1);

    heartbeat.hurry("web", "c");
    heartbeat.hurry("web", "unknown");
    await vi.advanceTimersByTimeAsync(1000);
    expect(beats).toHaveLength(2);
  });

  it("keeps its rhythm when the same is said again", async () => {
    for (let second = 0; second < 10; second += 1) {
      heartbeat.follow("web", new Map([["c", "30s"]]), false);
      await vi.advanceTimersByTimeAsync(1000);
    }

    expect(beats.map(({ at }) => at)).toEqual([10_000]);
  });

  it("ends for what is forgotten, dropped, not retained or stopped", async () => {
    const ttl = (...ids: string[]) => new Map(ids.map((id) => [id, "3s"]));
    heartbeat.follow("a", ttl("a1", "a2"), false);
    heartbeat.follow("b", ttl("b1"), false);
    heartbeat.follow("c", ttl("c1"), false);
    heartbeat.follow("a", ttl("a2"), false);
    heartbeat.forget("b");
    heartbeat.retain(new Set(["a", "b"]));
    await vi.advanceTimersByTimeAsync(1000);
    expect(beats.map(({ check }) => check)).toEqual(["a2"]);

    heartbeat.stop();
    heartbeat.follow("a", ttl("a3"), true);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(beats.map(({ check }) => check)).toEqual(["a2"]);
  });

  it("goes on through failures, and warns of the first and of each tenth", async () => {
    fail = new Error("refused");
    heartbeat.follow("web", new Map([["c", "3s"]]), false);
    await vi.advanceTimersByTimeAsync(12_000);
    fail = null;
    await vi.advanceTimersByTimeAsync(1000);

    expect(beats).toHaveLength(13);
    expect(logged.filter((line) => !line.startsWith("debug"))).toEqual([
      "warn: heartbeat failed",
      "warn: heartbeat failed",
      "info: heartbeats reach the registry again",
    ]);
  });
});
