/**
 * The laws that every source obeys (style: one suite, driven by a back door into the system behind the source). An
 * adapter's test file opens the source on a fake or real system and names, with a reason, the laws that can't apply.
 */
import { describe, expect, it } from "vitest";
import type { Fact, Source } from "../../src/model.ts";
import { until } from "../lab/wait.ts";
import { type Watch, watchSource } from "../watch-source.ts";

/** A source with the system behind it. */
export interface SourceLab extends AsyncDisposable {
  readonly source: Source;
  /** Starts a task. @returns its task id */
  start(): Promise<string>;
  /** Ends a task for good. */
  end(task: string): Promise<void>;
  /** Tasks that really run. */
  running(): ReadonlySet<string>;
  /** Runs `during` when the source has been given a listing, but before it gets to see it. */
  whileListing?(during: () => Promise<void>): Promise<void>;
  /** Breaks the connection. */
  cut?(): Promise<void>;
  /** Lets it read something that makes no sense. */
  garble?(): Promise<void>;
  /** Connections, streams and watches that it holds now. */
  open?(): number;
  /** Resolves when the source has heard of the task, whether or not it could tell its consumer. */
  heardOf?(task: string): Promise<void>;
  /** Facts that it may hold back for a slow consumer. */
  readonly capacity?: number;
}

export type SourceLaw =
  | "subscribes before listing"
  | "lists in brackets"
  | "repeats in a listing all that it holds true"
  | "follows what happens"
  | "lists again on demand"
  | "reconnects with a new listing"
  | "skips garbage"
  | "ends on abort"
  | "says plain JSON"
  | "bounds what a slow consumer leaves"
  | "serves one consumer after the other";

export interface SourceHarness {
  open(): Promise<SourceLab>;
  /** Laws that don't apply, each with a sentence that says why. */
  readonly skip?: Readonly<Partial<Record<SourceLaw, string>>>;
}

export function testSource(name: string, harness: SourceHarness): void {
  const { skip = {} } = harness;

  function law(title: SourceLaw, test: (lab: SourceLab, watch: Watch) => Promise<void>): void {
    const reason = skip[title];
    const run = reason === undefined ? it : it.skip;
    run(reason === undefined ? title : `${title} (${reason})`, async () => {
      await using lab = await harness.open();
      await lab.start();
      await lab.start();
      await using watch = watchSource(lab.source);
      await test(lab, watch);
    });
  }

  async function converges(lab: SourceLab, watch: Watch): Promise<void> {
    await watch.until("the same tasks as really run", () => equal(watch.running(), lab.running()));
  }

  describe(`source laws: ${name}`, () => {
    law("subscribes before listing", async (lab, watch) => {
      const [task] = lab.running();
      await lab.whileListing?.(async () => {
        await lab.start();
        await lab.end(task ?? "");
      });
      await synced(watch, 1);
      await converges(lab, watch);
      expect(watch.syncs(), "found without another listing").toBe(1);
    });

    law("lists in brackets", async (lab, watch) => {
      await synced(watch, 1);
      const facts = watch.facts.filter(({ kind }) => kind !== "source");
      expect(facts[0]?.kind).toBe("resync");
      expect(watch.running()).toEqual(lab.running());
      const listing = firstListing(watch.facts);
      const floor = listing[0]?.clock ?? Number.NaN;
      expect(listing.at(-1)).toMatchObject({ kind: "synced", floor });
      for (const fact of listing) expect(fact.clock, `clock of ${fact.kind}`).toBeGreaterThanOrEqual(floor);
    });

    law("repeats in a listing all that it holds true", async (lab, watch) => {
      await synced(watch, 1);
      const before = [...lab.running()].map((task) => watch.record(task));
      const seen = watch.facts.length;
      lab.source.resync?.();
      await synced(watch, 2);
      // A join that starts here has to find out everything by itself.
      const kinds = (task: string) =>
        watch.facts
          .slice(seen)
          .filter((fact) => concerns(fact, task))
          .map(({ kind }) => kind);
      for (const task of lab.running())
        expect(new Set(kinds(task))).toEqual(new Set(["defined", "assigned", "addressed", "health", "status"]));
      expect(watch.facts.slice(seen).some(({ kind }) => kind === "node")).toBe(true);
      expect([...lab.running()].map((task) => contentOf(watch.record(task)))).toEqual(before.map(contentOf));
    });

    law("follows what happens", async (lab, watch) => {
      await synced(watch, 1);
      const task = await lab.start();
      await converges(lab, watch);
      expect(watch.running()).toContain(task);
      await lab.end(task);
      await converges(lab, watch);
      expect(watch.running()).not.toContain(task);
    });

    law("lists again on demand", async (lab, watch) => {
      await synced(watch, 1);
      for (let repeat = 0; repeat < 20; repeat++) lab.source.resync?.();
      await synced(watch, 2);
      await converges(lab, watch);
      expect(watch.syncs(), "single-flight").toBeLessThanOrEqual(3);
    });

    law("reconnects with a new listing", async (lab, watch) => {
      await synced(watch, 1);
      await lab.cut?.();
      await lab.start();
      const [task] = lab.running();
      await lab.end(task ?? "");
      await synced(watch, 2);
      await converges(lab, watch);
      const states = watch.facts.flatMap((fact) => (fact.kind === "source" ? [fact] : []));
      expect(states.map(({ state }) => state)).toEqual(["connected", "disconnected", "connected"]);
      expect(states[1]?.error).toMatch(new RegExp(`^${lab.source.name}: \\S.{10,}$`));
    });

    law("skips garbage", async (lab, watch) => {
      await synced(watch, 1);
      await lab.garble?.();
      const task = await lab.start();
      await watch.until("the task after the garbage", () => watch.running().has(task));
      await watch.until("a notice of it", () => watch.notices().length > 0);
      expect(watch.notices()[0]).toMatch(new RegExp(`^${lab.source.name}: .*skipped`));
    });

    law("ends on abort", async (lab, watch) => {
      await synced(watch, 1);
      await watch.stop();
      await until(() => (lab.open?.() ?? 0) === 0, { what: "nothing left open", timeoutMs: 5_000, everyMs: 5 });
      const told = watch.facts.length;
      await lab.start();
      expect(watch.facts.length).toBe(told);
    });

    law("says plain JSON", async (lab, watch) => {
      await synced(watch, 1);
      await lab.end(await lab.start());
      await converges(lab, watch);
      expect(JSON.parse(JSON.stringify(watch.facts))).toStrictEqual(watch.facts);
      for (const fact of watch.facts)
        expect(fact).toMatchObject({ source: lab.source.name, via: expect.stringMatching(/./) });
    });

    law("bounds what a slow consumer leaves", async (lab, watch) => {
      await synced(watch, 1);
      const capacity = lab.capacity ?? Number.POSITIVE_INFINITY;
      watch.pause();
      for (let count = 0; count < capacity; count++) await lab.end(await lab.start());
      const last = await lab.start();
      await lab.heardOf?.(last);
      const told = watch.facts.length;
      watch.resume();
      await watch.until("the last task", () => watch.running().has(last));
      await converges(lab, watch);
      // Each task would have been worth two facts at least.
      await synced(watch, 2);
      expect(watch.facts.length - told).toBeLessThan(2 * capacity);
    });

    law("serves one consumer after the other", async (lab, watch) => {
      await synced(watch, 1);
      await watch.stop();
      await using next = watchSource(lab.source);
      await synced(next, 1);
      expect(next.running()).toEqual(lab.running());
    });
  });
}

function synced(watch: Watch, times: number): Promise<void> {
  return watch.until(`listing ${times}`, () => watch.syncs() >= times);
}

function firstListing(facts: readonly Fact[]): readonly Fact[] {
  const start = facts.findIndex(({ kind }) => kind === "resync");
  const end = facts.findIndex(({ kind }) => kind === "synced");
  return facts.slice(start, end + 1);
}

function concerns(fact: Fact, task: string): boolean {
  if (fact.kind === "defined") return fact.definition.includes(task);
  return "task" in fact && fact.task === task && fact.kind !== "notice";
}

/** A record without the moments at which it was said. */
function contentOf(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, item: unknown) => (["clock", "at", "via"].includes(key) ? undefined : item)),
  );
}

function equal(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((item) => b.has(item));
}
