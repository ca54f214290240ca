/** A holder that does not answer, on manual time. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RequestError } from "../../adapters/failure.ts";
import { isolate } from "../../adapters/registries/consul/isolate.ts";
import type { Logger, Registration } from "../../src/model.ts";

const NEVER = new AbortController().signal;
const WHERE = "http://h:8500";

function entry(key: string): Registration {
  return { key, instance: key, service: "web", task: key, source: "docker", endpoint: null, rank: 0, spec: {} };
}

/** A world of entries that answers, or does not. */
function createWorld() {
  const entries = new Map<string, Registration>();
  const lines: string[] = [];
  const at = (level: string) => (_: object, message: string) => void lines.push(`${level} ${message}`);
  const log: Logger = { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  const world = { entries, lines, fault: null as Error | null, asked: 0, news: 0 };
  async function answer<T>(give: () => T): Promise<T> {
    world.asked += 1;
    if (world.fault !== null) throw world.fault;
    return give();
  }
  const holder = isolate(
    {
      where: WHERE,
      list: () => answer(() => [...entries.values()]),
      register: (_, after) => answer(() => void entries.set(after.key, after)),
      deregister: ({ key }) => answer(() => void entries.delete(key)),
      async [Symbol.asyncDispose]() {},
    },
    { name: "consul", log, random: () => 0 },
    () => {
      world.news += 1;
    },
  );
  return Object.assign(world, { holder });
}

const silence = new RequestError(`${WHERE}: connection refused`, { retry: true, ambiguous: false });

describe("a holder that does not answer", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("lists what it last held, and is asked ever more rarely", async () => {
    const world = createWorld();
    world.entries.set("a", entry("a"));
    await world.holder.list(NEVER);
    await world.holder.register(null, entry("b"), NEVER);
    world.fault = silence;

    expect(await world.holder.list(NEVER)).toEqual([entry("a"), entry("b")]);
    world.asked = 0;
    for (let n = 0; n < 10; n += 1) expect(await world.holder.list(NEVER)).toHaveLength(2);
    expect(world.asked).toBe(0);

    const waits: number[] = [];
    for (let ms = 0, last = 0; ms < 120_000; ms += 250) {
      const before = world.asked;
      await vi.advanceTimersByTimeAsync(250);
      if (world.asked > before) waits.push(ms - last);
      if (world.asked > before) last = ms;
    }
    expect(waits).toEqual([0, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect(world.lines.filter((line) => !line.startsWith("debug"))).toEqual([
      "warn part of the registry does not answer, its entries stay as last seen",
      "warn part of the registry does not answer, its entries stay as last seen",
    ]);
  });

  it("tells when it is back, and takes writes again", async () => {
    const world = createWorld();
    world.fault = silence;
    expect(await world.holder.list(NEVER)).toEqual([]);
    await expect(world.holder.register(null, entry("a"), NEVER)).rejects.toMatchObject({
      message: `${WHERE}: connection refused (left alone until it answers again)`,
      retry: true,
      ambiguous: false,
    });
    expect(world.asked).toBe(1);

    world.fault = null;
    world.entries.set("old", entry("old"));
    await vi.advanceTimersByTimeAsync(250);

    expect(world.news).toBe(1);
    expect(world.lines.at(-1)).toBe("info part of the registry answers again");
    await world.holder.register(null, entry("a"), NEVER);
    expect(await world.holder.list(NEVER)).toEqual([entry("old"), entry("a")]);
  });

  it("is asked by the next list when only a write got no answer", async () => {
    const world = createWorld();
    await world.holder.list(NEVER);
    world.fault = silence;
    await expect(world.holder.register(null, entry("a"), NEVER)).rejects.toBe(silence);
    world.asked = 0;
    for (let n = 0; n < 5; n += 1) {
      await expect(world.holder.register(null, entry("a"), NEVER)).rejects.toThrow("left alone");
    }
    expect(world.asked).toBe(0);

    world.fault = null;
    await world.holder.list(NEVER);
    await world.holder.register(null, entry("a"), NEVER);
    expect([...world.entries.keys()]).toEqual(["a"]);
    expect(world.lines).toEqual([]);
  });

  it("is not meant where it answers what we do not like", async () => {
    const world = createWorld();
    await world.holder.list(NEVER);
    world.fault = new RequestError("status 500", { status: 500, retry: true, ambiguous: true });
    await expect(world.holder.register(null, entry("a"), NEVER)).rejects.toBe(world.fault);
    world.fault = null;
    await world.holder.register(null, entry("a"), NEVER);

    expect([...world.entries.keys()]).toEqual(["a"]);
  });

  it("that was never listed is, before the first write", async () => {
    const world = createWorld();
    world.entries.set("left", entry("left"));
    await Promise.all(["a", "b", "c"].map((key) => world.holder.register(null, entry(key), NEVER)));

    expect(world.asked).toBe(4);
    // What was found is somebody's business.
    expect(world.news).toBe(1);
  });

  it("names itself where the failure does not, and is quiet once it is disposed of", async () => {
    const world = createWorld();
    world.fault = new RequestError("status 403: no", { status: 403, retry: false, ambiguous: false });
    await world.holder.list(NEVER);
    await expect(world.holder.deregister(entry("a"), NEVER)).rejects.toThrow(`${WHERE}: status 403: no (left alone`);

    await world.holder[Symbol.asyncDispose]();
    world.asked = 0;
    await vi.advanceTimersByTimeAsync(100_000);
    expect(world.asked).toBe(0);
  });

  it("does not swallow an abort", async () => {
    const world = createWorld();
    const reason = new Error("stop");
    world.fault = silence;
    await expect(world.holder.list(AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(world.holder.state).toBe("new");
  });
});
