/** Which traces there are: of each change of an instance with its writes, and of each pass. */
import { readFile } from "node:fs/promises";
import { type Link, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import { afterAll, describe, expect, it } from "vitest";
import type { Fact } from "../../src/model.ts";
import { createReconciler } from "../../src/reconcile.ts";
import { createTracing } from "../../src/telemetry/tracing.ts";
import { createWorld } from "../../src/world.ts";
import { defined, gone, resync, runningTask, status, synced } from "../facts.ts";
import { createManualClock, settled } from "../fakes/clock.ts";
import { createFakeGateway, createFakeRegistry, type FakeRegistry } from "../fakes/registry.ts";
import { POLICY, silent } from "../reconciling.ts";

const START = 1_000_000;

function createTraced(registry: FakeRegistry = createFakeRegistry()) {
  const exporter = new InMemorySpanExporter();
  const note = new SimpleSpanProcessor(new InMemorySpanExporter());
  note.onEnd = ({ name, attributes, events }) => {
    const all = [attributes, ...events.map((event) => event.attributes ?? {})].flatMap(Object.keys);
    for (const each of [...all, name.replace(/ (?:fake|gateway)$/, " REGISTRY")]) seen.add(each);
  };
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter), note] });
  const clock = createManualClock(START);
  const world = createWorld({ sources: ["docker"], now: clock.now });
  const tracing = createTracing(
    { tracer: provider.getTracer("test"), [Symbol.asyncDispose]: () => provider.shutdown() },
    clock,
  );
  const reconciler = createReconciler({
    ...{ registry: tracing.traced(registry), world, policy: POLICY, clock, random: () => 0.5, log: silent },
    sink: { async audit() {}, reported: tracing.wrote },
  });
  tracing.follow(world, () => true);
  const never = new AbortController().signal;
  return {
    ...{ registry, clock, tracing, exporter, reconciler },
    async say(...facts: readonly Fact[]) {
      for (const fact of facts) world.join({ ...fact, at: clock.now() });
      await settled();
    },
    async pass() {
      await reconciler.pass(never);
      await settled();
    },
    /** What has ended, the oldest first. */
    spans: () => exporter.getFinishedSpans(),
    named: (name: string) => exporter.getFinishedSpans().filter((span) => span.name === name),
    one(name: string): ReadableSpan {
      const found = exporter.getFinishedSpans().filter((span) => span.name === name);
      expect(found.map((span) => span.name)).toEqual([name]);
      return found[0] as ReadableSpan;
    },
  };
}

const ms = ([seconds, nanos]: readonly [number, number]) => seconds * 1_000 + nanos / 1e6;
const parent = (span: ReadableSpan) => span.parentSpanContext?.spanId;
const linked = ({ links }: ReadableSpan) => links.map(({ context }: Link) => context.spanId);

/** Everything that any of the tests has seen. */
const seen = new Set<string>();

describe("a trace", () => {
  afterAll(async () => {
    const reference = await readFile("docs/reference/traces.md", "utf8");
    expect([...seen].filter((name) => !reference.includes(`\`${name}\``))).toEqual([]);
    expect(seen.size).toBeGreaterThan(20);
  });

  it("goes from an instance's first fact over its completion to each write", async () => {
    const traced = createTraced();
    await traced.say(resync(), synced());
    await traced.pass();
    traced.exporter.reset();

    const facts = runningTask("t1", {});
    await traced.say(...facts.slice(0, 3));
    await traced.clock.advance(40);
    await traced.say(...facts.slice(3));
    await traced.clock.advance(10);
    await traced.pass();
    await traced.clock.advance(10_000);

    const root = traced.one("add instance");
    expect(parent(root)).toBeUndefined();
    expect(root.attributes).toMatchObject({
      "muster.instance.id": "t1:8080",
      "muster.service": "web",
      "muster.state": "ready",
      "muster.outcome": "done",
    });
    expect(root.events.map(({ name }) => name)).toEqual(expect.arrayContaining(["defined", "status", "ready"]));
    expect([ms(root.startTime) - START, ms(root.endTime) - START]).toEqual([0, 50]);

    const complete = traced.one("complete instance");
    expect(parent(complete)).toBe(root.spanContext().spanId);
    expect([ms(complete.startTime) - START, ms(complete.endTime) - START]).toEqual([0, 40]);

    const write = traced.one("register fake");
    expect(parent(write)).toBe(root.spanContext().spanId);
    expect(write.kind).toBe(SpanKind.CLIENT);
    expect(write.attributes).toMatchObject({
      ...{ "muster.registry": "fake", "muster.operation": "register", "muster.attempt": 1, "muster.outcome": "ok" },
    });
    const pass = traced.one("reconcile fake");
    expect(linked(write)).toEqual([pass.spanContext().spanId]);
    expect(pass.attributes).toMatchObject({ "muster.writes": 1, "muster.writes.failed": 0 });
    expect(parent(traced.one("apply fake"))).toBe(pass.spanContext().spanId);
  });

  it("of a removal has the fact that led to it, and is linked to the trace before", async () => {
    const traced = createTraced();
    await traced.say(resync(), synced(), ...runningTask("t1", {}));
    await traced.pass();
    await traced.clock.advance(10_000);
    await traced.say(status({ clock: 5, status: "stopping" }));
    await traced.say(gone({ clock: 6, reason: "exit code 137" }));
    await traced.pass();
    await traced.clock.advance(10_000);

    const [added, removed] = [traced.one("add instance"), traced.one("remove instance")];
    expect(linked(removed)).toEqual([added.spanContext().spanId]);
    expect(removed.events.map(({ attributes }) => attributes?.["muster.fact"])).toContain("gone: exit code 137 (test)");
    expect(parent(traced.one("deregister fake"))).toBe(removed.spanContext().spanId);
  });

  it("of a change in place is one of its own", async () => {
    const traced = createTraced();
    await traced.say(resync(), synced(), ...runningTask("t1", {}));
    await traced.pass();
    await traced.clock.advance(10_000);
    await traced.say(defined({ definition: "def-t1", clock: 9, labels: { "muster.tags": "blue" } }));
    await traced.pass();
    await traced.clock.advance(10_000);
    const updates = traced.named("update fake").map(parent);
    expect(updates).toEqual(traced.named("update instance").map((span) => span.spanContext().spanId));
  });

  it("a failed write is an error without a secret, and so is its change until a later attempt succeeds", async () => {
    const traced = createTraced();
    await traced.say(resync(), synced());
    await traced.pass();
    const error = "fake: 403: token=hunter2 may not write";
    traced.registry.onApply = () => ({ ok: false, error, retry: false, ambiguous: false });
    await traced.say(...runningTask("t1", {}));
    await traced.pass();
    await traced.clock.advance(10_000);

    const write = traced.one("register fake");
    expect(write.status).toEqual({ code: SpanStatusCode.ERROR, message: "fake: 403: token=[redacted] may not write" });
    expect(write.attributes).toMatchObject({ "error.type": "refused", "muster.outcome": "refused" });
    expect(traced.one("add instance").status.code).toBe(SpanStatusCode.ERROR);
    expect(traced.one("add instance").attributes).toMatchObject({ "muster.outcome": "failed" });
    expect(
      JSON.stringify(traced.spans().map(({ status, attributes, events }) => [status, attributes, events])),
    ).not.toMatch(/hunter2/);
  });

  it("of a pass tells what was listed; what was there before Muster and what repairs drift belong to it alone", async () => {
    const traced = createTraced();
    await traced.say(resync(), ...runningTask("t1", {}), synced());
    await traced.pass();
    const first = traced.one("reconcile fake");
    expect(parent(traced.one("list fake"))).toBe(first.spanContext().spanId);
    expect(first.attributes).toMatchObject({ "muster.entries": 0, "muster.writes": 1 });
    expect(parent(traced.one("register fake"))).toBe(first.spanContext().spanId);

    traced.exporter.reset();
    traced.registry.entries.clear();
    traced.reconciler.resync();
    await traced.pass();
    const repair = traced.one("register fake");
    expect(parent(repair)).toBe(traced.one("reconcile fake").spanContext().spanId);
    expect(repair.attributes).toMatchObject({ "muster.drift": true });

    traced.exporter.reset();
    traced.reconciler.resync();
    await traced.pass();
    expect(traced.spans().map(({ name }) => name)).toEqual(["list fake", "reconcile fake"]);
    await traced.tracing[Symbol.asyncDispose]();
    expect(traced.named("add instance")).toEqual([]);
  });

  it("of a pass whose listing fails is an error, without a secret", async () => {
    const traced = createTraced();
    traced.registry.onList = () => new Error("fake: http://me:hunter2@fake:1 refuses");
    await traced.say(resync(), synced());
    await expect(traced.pass()).rejects.toThrow("refuses");
    for (const name of ["list fake", "reconcile fake"]) {
      const message = "fake: http://[redacted]@fake:1 refuses";
      expect(traced.one(name).status).toEqual({ code: SpanStatusCode.ERROR, message });
    }
  });

  it("of what is never complete ends after a while, and says what is missing; of what ends before, at once", async () => {
    const traced = createTraced();
    await traced.say(resync(), synced());
    const waiting = runningTask("t1", {}).filter(({ kind }) => kind !== "status");
    await traced.say(...waiting);
    await traced.clock.advance(60_000);
    expect(traced.named("add instance")).toEqual([]);
    await traced.clock.advance(300_000);
    expect(traced.one("add instance").attributes).toMatchObject({
      ...{ "muster.outcome": "incomplete", "muster.missing": ["status"] },
    });
    traced.exporter.reset();
    await traced.say(...runningTask("t2", { hostPort: 1 }).filter(({ kind }) => kind !== "status"));
    await traced.say(gone({ task: "t2", clock: 7 }));
    expect(traced.one("add instance").attributes).toMatchObject({ "muster.outcome": "gone" });
  });

  it("holds the instance's own writes only; a service's objects belong to the pass", async () => {
    const traced = createTraced(createFakeGateway());
    await traced.say(resync(), synced());
    await traced.pass();
    traced.exporter.reset();
    await traced.say(...runningTask("t1", { labels: { "muster.route.host": "shop.example" } }));
    await traced.pass();
    await traced.clock.advance(10_000);
    const root = traced.one("add instance").spanContext().spanId;
    const pass = traced.one("reconcile gateway").spanContext().spanId;
    const parents = traced
      .named("register gateway")
      .map((span) => [span.attributes["muster.instance.id"], parent(span)]);
    expect(parents).toContainEqual(["t1:8080", root]);
    for (const [instance, own] of parents) expect(own).toBe(instance === undefined ? pass : root);
  });
});
