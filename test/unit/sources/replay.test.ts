import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { createReplaySource } from "../../../adapters/sources/replay/index.ts";
import { ReplayOptions } from "../../../adapters/sources/replay/options.ts";
import type { Fact } from "../../../src/model.ts";
import { type SourceLab, testSource } from "../../conformance/source.ts";
import { gone, resync, runningTask, synced } from "../../facts.ts";
import { startFakeEngine } from "../../fakes/docker-engine.ts";
import { createMemoryLog, watchSource } from "../../watch-source.ts";
import { dockerSource } from "./docker-lab.ts";

const RECORDED = "a recording is over: nothing can happen to it any more";

function source(file: string, speed = 0) {
  const log = createMemoryLog();
  const context = {
    name: "replay",
    cluster: "default",
    node: { id: "n1", address: "10.0.0.1" },
    resync: 0,
    log,
    now: Date.now,
    random: Math.random,
  };
  return { log, source: createReplaySource(v.parse(ReplayOptions, { file, speed }), context) };
}

async function recording(lines: readonly (Fact | string)[]) {
  const folder = await mkdtemp(join(tmpdir(), "muster-replay-"));
  const file = join(folder, "trace.jsonl");
  await writeFile(file, lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join(""));
  return { file, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

async function openLab(): Promise<SourceLab> {
  const running = new Set(["web-1", "web-2"]);
  const tasks = [...running].flatMap((task) => runningTask(task, { clock: 5 }));
  const trace = await recording([resync({ clock: 4 }), ...tasks, synced({ clock: 6, floor: 4 })]);
  return {
    source: source(trace.file).source,
    // What runs is in the recording already.
    start: async () => "web-1",
    end: async () => undefined,
    running: () => running,
    [Symbol.asyncDispose]: () => trace[Symbol.asyncDispose](),
  };
}

testSource("replay", {
  open: openLab,
  skip: {
    "subscribes before listing": RECORDED,
    "repeats in a listing all that it holds true": RECORDED,
    "follows what happens": RECORDED,
    "lists again on demand": RECORDED,
    "reconnects with a new listing": RECORDED,
    "skips garbage": "covered below: a recording can't be garbled while it is read",
    "bounds what a slow consumer leaves": "the file is read only as fast as the consumer takes facts",
    "says plain JSON": "its facts come from JSON lines, and the law needs a task to end",
  },
});

describe("replay", () => {
  it("tells a recorded day of the docker source so that the same things run in the end", async () => {
    await using engine = await startFakeEngine();
    const [stays, ends] = [engine.run(), engine.run()];
    await using live = watchSource(dockerSource(engine.host).source);
    await live.until("listing", () => live.syncs() === 1);
    engine.remove(ends);
    const late = engine.run({ labels: { "muster.name": "späť" } });
    await live.until("the end", () => live.running().has(late) && live.record(ends) === null);
    await using trace = await recording(live.facts);
    await using watch = watchSource(source(trace.file).source);
    await watch.until("the end again", () => watch.facts.length === live.facts.length + 1);
    expect(watch.running()).toEqual(new Set([stays, late]));
    expect(watch.facts.slice(1)).toEqual(live.facts.map((fact) => ({ ...fact, source: "replay" })));
  });

  it("skips what is no fact, says which lines, and how many", async () => {
    const cut = JSON.stringify(gone()).slice(0, -9);
    const lines = [
      "garbage",
      gone({ task: "a" }),
      JSON.stringify({ ...gone(), task: "" }),
      "",
      JSON.stringify({ kind: "new" }),
      gone({ task: "b" }),
      cut,
    ];
    await using trace = await recording(lines);
    await using watch = watchSource(source(trace.file).source);
    await watch.until("the end", () => watch.notices().length === 5);
    expect(watch.facts.flatMap((fact) => (fact.kind === "gone" ? [fact.task] : []))).toEqual(["a", "b"]);
    expect(watch.notices().map((notice) => notice.replace(trace.file, "FILE"))).toEqual([
      "replay: FILE:1 skipped: not JSON (cut, or garbled)",
      expect.stringMatching(/^replay: FILE:3 skipped: not a fact: task: /),
      expect.stringMatching(/^replay: FILE:5 skipped: not a fact: kind: /),
      "replay: FILE:7 skipped: not JSON (cut, or garbled)",
      "replay: FILE: 4 of 7 lines skipped",
    ]);
  });

  it("does not flood with notices", async () => {
    await using trace = await recording([...Array.from({ length: 1_000 }, () => "garbage"), gone({ task: "a" })]);
    await using watch = watchSource(source(trace.file).source);
    await watch.until("the end", () => watch.notices().at(-1)?.endsWith("1000 of 1001 lines skipped") === true);
    expect(watch.notices()).toHaveLength(11);
  });

  it("takes its time, as recorded or faster", async () => {
    await using trace = await recording([
      gone({ task: "a", at: 1_000 }),
      gone({ task: "b", at: 3_000 }),
      gone({ task: "c", at: 2_000 }),
    ]);
    const start = performance.now();
    await using watch = watchSource(source(trace.file, 20).source);
    await watch.until("the end", () => watch.tasks().size === 3);
    expect(performance.now() - start).toBeGreaterThanOrEqual(95);
    expect([...watch.tasks()]).toEqual(["a", "b", "c"]);
  });

  it("stops in the midst of a wait", async () => {
    await using trace = await recording([gone({ task: "a", at: 0 }), gone({ task: "b", at: 3_600_000 })]);
    await using watch = watchSource(source(trace.file, 1).source);
    await watch.until("the first", () => watch.tasks().has("a"));
    await watch.stop();
    expect([...watch.tasks()]).toEqual(["a"]);
  });

  it("says so when there is no recording", async () => {
    const { source: missing, log } = source("/nowhere/trace.jsonl");
    await using watch = watchSource(missing);
    await watch.until("the complaint", () => watch.facts.length === 2);
    expect(watch.facts[1]).toMatchObject({
      state: "disconnected",
      error: "replay: cannot read /nowhere/trace.jsonl: no such file",
    });
    expect(log.lines).toHaveLength(1);
  });
});
