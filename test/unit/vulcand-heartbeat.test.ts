import { beforeEach, describe, expect, it } from "vitest";
import { RequestError } from "../../adapters/failure.ts";
import { createHeartbeat, type Heartbeat } from "../../adapters/registries/vulcand/heartbeat.ts";
import type { ServerSpec } from "../../adapters/registries/vulcand/spec.ts";
import { createManualClock, type ManualClock } from "../fakes/clock.ts";

const NEVER = new AbortController().signal;

function server(id: string, port = 80): ServerSpec {
  return { kind: "server", backend: "web", id, url: `http://10.0.0.1:${port}` };
}

describe("Vulcand's heart-beat", () => {
  let clock: ManualClock;
  let start: number;
  let beats: string[];
  let fail: Error | null;
  let held: Promise<void> | null;
  let doubts: number;
  let random: number;
  let logged: string[];
  let heartbeat: Heartbeat;

  beforeEach(() => {
    clock = createManualClock();
    start = clock.now();
    [beats, fail, held, doubts, random, logged] = [[], null, null, 0, 0, []];
    const log = (level: string) => (_: object, message: string) => void logged.push(`${level}: ${message}`);
    heartbeat = createHeartbeat({
      ...{ name: "vulcand", ttl: 30_000, random: () => random },
      log: { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") },
      after: (ms, callback) => clock.after(ms, callback),
      async beat({ id, url }) {
        beats.push(`${(clock.now() - start) / 1000} ${id} ${new URL(url).host}`);
        await held;
        if (fail !== null) throw fail;
      },
      doubt() {
        doubts += 1;
      },
    });
  });

  it("comes three times within a TTL, up to 20 % earlier", async () => {
    heartbeat.follow("k", server("s"), false);
    await clock.advance(20_000);
    random = 1;
    await clock.advance(18_000);
    expect(beats).toEqual(["10 s 10.0.0.1", "20 s 10.0.0.1", "30 s 10.0.0.1", "38 s 10.0.0.1"]);
  });

  it("comes soon for what a listing shows and nobody knows when it was written last", async () => {
    heartbeat.found(new Map([["k", server("s")]]));
    await clock.advance(999);
    expect(beats).toEqual([]);
    await clock.advance(1);
    expect(beats).toHaveLength(1);
  });

  it("a listing changes nothing for what is kept alive already", async () => {
    heartbeat.follow("k", server("s"), false);
    await clock.advance(5000);
    heartbeat.found(new Map([["k", server("s")]]));
    await clock.advance(5000);
    expect(beats).toEqual(["10 s 10.0.0.1"]);
  });

  it("keeps alive what is there, not what was: a listing that shows another URL is believed", async () => {
    heartbeat.follow("k", server("s"), false);
    heartbeat.found(new Map([["k", server("s", 81)]]));
    await clock.advance(1000);
    expect(beats).toEqual(["1 s 10.0.0.1:81"]);
  });

  it("ends with what a listing does not show any more", async () => {
    heartbeat.follow("k", server("s"), false);
    heartbeat.found(new Map());
    await clock.advance(60_000);
    expect(beats).toEqual([]);
  });

  it("what was deregistered is not taken up again, though it is still listed, until it is registered", async () => {
    heartbeat.follow("k", server("s"), false);
    await heartbeat.end("k", NEVER);
    heartbeat.found(new Map([["k", server("s")]]));
    await clock.advance(60_000);
    expect(beats).toEqual([]);
    heartbeat.follow("k", server("s"), false);
    await clock.advance(10_000);
    expect(beats).toHaveLength(1);
  });

  it("what was paused for a write that failed is taken up again by the next listing", async () => {
    heartbeat.follow("k", server("s"), false);
    await heartbeat.pause("k", NEVER);
    heartbeat.found(new Map([["k", server("s")]]));
    await clock.advance(1000);
    expect(beats).toHaveLength(1);
  });

  it("the end waits for the beat that is under way, but not longer than it is told to", async () => {
    let release = (): void => {};
    held = new Promise((resolve) => {
      release = resolve;
    });
    heartbeat.follow("k", server("s"), false);
    heartbeat.follow("l", server("t"), false);
    await clock.advance(10_000);
    let isOver = false;
    const end = heartbeat.end("k", NEVER).then(() => {
      isOver = true;
    });
    const reason = new Error("told to stop");
    const stop = new AbortController();
    const other = heartbeat.end("l", stop.signal);
    stop.abort(reason);
    await expect(other).rejects.toBe(reason);
    expect(isOver).toBe(false);
    release();
    await end;
    await clock.advance(60_000);
    expect(beats).toHaveLength(2);
  });

  it("a backend that is gone, and a return after failures, are reasons to list", async () => {
    heartbeat.follow("k", server("s"), false);
    fail = new RequestError("status 500", { status: 500, retry: true, ambiguous: true });
    await clock.advance(10_000);
    expect(doubts).toBe(0);
    fail = new RequestError("status 404", { status: 404, retry: true, ambiguous: true });
    await clock.advance(10_000);
    expect(doubts).toBe(1);
    fail = null;
    await clock.advance(10_000);
    expect(doubts).toBe(2);
    expect(logged).toEqual([
      "warn: heartbeat failed",
      "debug: heartbeat failed",
      "info: heartbeats reach the registry again",
    ]);
  });

  it("stops for good", async () => {
    heartbeat.follow("k", server("s"), false);
    heartbeat.stop();
    heartbeat.follow("l", server("t"), false);
    await clock.advance(60_000);
    expect(beats).toEqual([]);
  });
});
