/** What a slow consumer gets: less, never something wrong, and memory stays bounded. */
import { describe, expect, it } from "vitest";
import { createOutbox, type Outbox } from "../../../adapters/sources/docker/outbox.ts";
import type { Fact } from "../../../src/model.ts";
import { gone } from "../../facts.ts";
import { type FakeEngine, startFakeEngine } from "../../fakes/docker-engine.ts";
import { watchSource } from "../../watch-source.ts";
import { dockerSource } from "./docker-lab.ts";

function ids(engine: FakeEngine): Set<string> {
  return new Set(engine.running().keys());
}

describe("a slow consumer", () => {
  it("gets listings larger than the queue in one piece", async () => {
    await using engine = await startFakeEngine();
    for (let count = 0; count < 300; count++) engine.run();
    await using watch = watchSource(dockerSource(engine.host, { limits: { queue: 200 } }).source);
    await watch.until("listing", () => watch.syncs() === 1);
    expect(watch.running()).toEqual(ids(engine));
    expect(engine.hits.containers).toBe(1);
  });

  it("never gets the end of a listing of which a part was dropped", async () => {
    await using engine = await startFakeEngine();
    const all = new Set(Array.from({ length: 20 }, () => engine.run()));
    const [slow = ""] = all;
    await using watch = watchSource(dockerSource(engine.host, { limits: { queue: 200 } }).source);
    await watch.until("listing", () => watch.syncs() === 1);
    watch.pause();
    const inspect = engine.hold("inspect", slow);
    watch.resync();
    await inspect.reached;
    // Facts of all others are held before the overflow: what is asked for after them has been asked for.
    await watch.until("all others asked for", () => engine.hits.inspect === 2 * all.size);
    const marker = engine.run();
    await watch.until("what came after them", () => engine.inspected.includes(marker));
    for (let count = 0; count < 100; count++) engine.remove(engine.run());
    const last = engine.run();
    await watch.until("the overflow", () => engine.inspected.includes(last));
    inspect.release();
    watch.resume();
    await watch.until("a whole listing", () => watch.syncs() === 2);
    for (const [index, fact] of watch.facts.entries()) {
      if (fact.kind !== "synced") continue;
      const listed = watch.facts
        .slice(0, index)
        .filter(({ kind, clock }) => kind === "assigned" && clock >= fact.floor);
      const tasks = listed.flatMap((each) => ("task" in each ? [each.task] : []));
      expect(tasks, `before synced ${fact.floor}`).toEqual(expect.arrayContaining([...all]));
    }
    expect(watch.running()).toEqual(ids(engine));
  });
});

describe("outbox", () => {
  const lost: Fact = {
    kind: "source",
    source: "docker",
    clock: 1,
    at: 1,
    via: "x",
    state: "disconnected",
    error: "lost",
  };
  const facts = (count: number) => Array.from({ length: count }, (_, index) => gone({ task: `t${index}` }));

  async function take(outbox: Outbox, count: number): Promise<readonly Fact[]> {
    const taken: Fact[] = [];
    for await (const fact of outbox.facts(new AbortController().signal)) if (taken.push(fact) === count) break;
    return taken;
  }

  it("hands facts out in their order", async () => {
    const outbox = createOutbox(10, () => undefined);
    outbox.push(facts(3));
    expect(await take(outbox, 2)).toEqual(facts(3).slice(0, 2));
    outbox.push([lost]);
    expect(await take(outbox, 2)).toEqual([...facts(3).slice(2), lost]);
  });

  it("drops everything but the newest word on the connection when it is full, also what is being handed out", async () => {
    let told = 0;
    const outbox = createOutbox(10, () => {
      told += 1;
    });
    outbox.push([lost, ...facts(8)]);
    expect((await take(outbox, 1)).length).toBe(1);
    const again = { ...lost, clock: 2 };
    outbox.push([again]);
    outbox.push(facts(3));
    expect([told, outbox.overflows()]).toEqual([1, 1]);
    outbox.push(facts(1));
    expect(await take(outbox, 2)).toEqual([again, ...facts(1)]);
  });

  it("tells those who can wait when there is room", async () => {
    const outbox = createOutbox(10, () => undefined);
    outbox.push(facts(8));
    let isRoomy = false;
    const room = outbox.room(new AbortController().signal).then(() => {
      isRoomy = true;
    });
    await take(outbox, 2);
    expect(isRoomy).toBe(false);
    await take(outbox, 2);
    await room;
    expect(isRoomy).toBe(true);
  });

  it("ends on abort, whatever is left", async () => {
    const outbox = createOutbox(10, () => undefined);
    const abort = new AbortController();
    outbox.push(facts(2));
    const taken: Fact[] = [];
    for await (const fact of outbox.facts(abort.signal)) {
      taken.push(fact);
      abort.abort();
    }
    expect(taken).toHaveLength(1);
  });
});
