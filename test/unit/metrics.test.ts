/** What is measured, on worlds and registries that things really happen to. */
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { mergedViews } from "../../src/metrics/views.ts";
import { createMetrics } from "../../src/metrics.ts";
import type { Fact } from "../../src/model.ts";
import { createReconciler } from "../../src/reconcile.ts";
import type { RegistryView } from "../../src/registry-view.ts";
import { createWorld } from "../../src/world.ts";
import { defined, gone, runningTask, synced } from "../facts.ts";
import { createManualClock, settled } from "../fakes/clock.ts";
import { createFakeRegistry } from "../fakes/registry.ts";
import { POLICY, silent } from "../reconciling.ts";

function measured(registry = createFakeRegistry()) {
  const clock = createManualClock();
  const world = createWorld({ sources: ["docker"], now: clock.now });
  const reconciler = createReconciler({
    ...{
      registry,
      world,
      policy: { ...POLICY, massDelete: { max: 1, percent: 10 } },
      clock,
      random: () => 0.5,
      log: silent,
    },
    sink: {
      async audit(records) {
        metrics.audited(records);
      },
      reported: (name, writes) => metrics.wrote(name, writes),
    },
  });
  const metrics = createMetrics({ scopes: () => [{ world, reconcilers: [reconciler] }], now: clock.now });
  world.subscribe({ changed: (changes) => metrics.changed(world, changes) });
  const signal = new AbortController().signal;
  return {
    ...{ clock, registry, metrics, reconciler },
    async say(...facts: readonly Fact[]) {
      for (const fact of facts) world.join({ ...fact, at: clock.now() });
      await settled();
    },
    async pass() {
      await reconciler.pass(signal).catch(() => {});
      await settled();
    },
    /** The value of a sample, e.g. `muster_instances{state="ready"}`; undefined: there is none. */
    async value(sample: string): Promise<number | undefined> {
      const { text } = await metrics.text();
      const line = text.split("\n").find((each) => each.startsWith(`${sample} `));
      return line === undefined ? undefined : Number(line.slice(sample.length + 1));
    },
  };
}

describe("how long it takes", () => {
  it("from the first fact until complete, and from ready until registered", async () => {
    const { clock, say, pass, value } = measured();
    await say(...runningTask("t1", {}).filter(({ kind }) => kind !== "defined"), synced());
    await clock.advance(2_000);
    expect(await value("muster_instances_incomplete")).toBe(1);
    expect(await value("muster_instances_incomplete_age_seconds")).toBe(2);
    await say(defined({ definition: "def:t1", clock: 3 }));
    expect(await value('muster_instance_completion_seconds_count{source="docker"}')).toBe(1);
    expect(await value('muster_instance_completion_seconds_sum{source="docker"}')).toBe(2);
    expect(await value("muster_instances_incomplete")).toBe(0);
    expect(await value("muster_instances_incomplete_age_seconds")).toBe(0);
    await clock.advance(500);
    await pass();
    expect(await value('muster_registration_seconds_count{registry="fake"}')).toBe(1);
    expect(await value('muster_registration_seconds_sum{registry="fake"}')).toBe(0.5);
  });

  it("is nothing for what ends before it is complete", async () => {
    const { say, value } = measured();
    await say(...runningTask("t1", {}).filter(({ kind }) => kind !== "defined"), synced());
    await say(gone({ task: "t1", clock: 9 }));
    expect(await value("muster_instances_incomplete")).toBe(0);
    expect(await value('muster_instance_completion_seconds_count{source="docker"}')).toBeUndefined();
  });
});

describe("drift", () => {
  it("is counted when it is repaired, and is no registration", async () => {
    const { clock, registry, reconciler, say, pass, value } = measured();
    await say(...runningTask("t1", {}), ...runningTask("t2", { hostPort: 2 }), synced());
    await pass();
    expect(await value('muster_registry_drift_repaired_total{registry="fake"}')).toBeUndefined();
    const entry = registry.entries.get("fake:t1:8080");
    if (entry !== undefined) registry.entries.set(entry.key, { ...entry, spec: { service: "theirs" } });
    registry.entries.delete("fake:t2:8080");
    await clock.advance(300_000);
    reconciler.resync();
    await pass();
    expect(await value('muster_registry_drift_repaired_total{registry="fake"}')).toBe(2);
    expect(await value('muster_registration_seconds_count{registry="fake"}')).toBe(2);
    expect(await value('muster_registration_seconds_bucket{le="60",registry="fake"}')).toBe(2);
  });

  it("is not a change that we wanted ourselves, nor what a failed write left", async () => {
    const { registry, reconciler, say, pass, value } = measured();
    await say(...runningTask("t1", {}), synced());
    registry.onApply = () => ({ ok: false, error: "lost", retry: true, ambiguous: true });
    registry.doesDespiteFailure = true;
    await pass();
    registry.onApply = null;
    reconciler.resync();
    await pass();
    await say(defined({ definition: "def:t1", clock: 5, labels: { "muster.tags": "new" } }));
    await pass();
    expect(await value('muster_registry_writes_total{registry="fake",op="update",outcome="ok"}')).toBe(1);
    expect(await value('muster_registry_drift_repaired_total{registry="fake"}')).toBeUndefined();
  });
});

describe("what is counted", () => {
  it("facts, writes by outcome, and audit records", async () => {
    const { say, pass, value, registry } = measured();
    await say(...runningTask("t1", {}), ...runningTask("t2", { hostPort: 2 }), synced());
    registry.onApply = ({ key }) =>
      key === "fake:t2:8080" ? { ok: false, error: "no", retry: false, ambiguous: false } : null;
    await pass();
    expect(await value('muster_source_facts_total{source="docker"}')).toBeGreaterThan(10);
    expect(await value('muster_registry_writes_total{registry="fake",op="register",outcome="ok"}')).toBe(1);
    expect(await value('muster_registry_writes_total{registry="fake",op="register",outcome="refused"}')).toBe(1);
    expect(await value('muster_audit_records_total{action="register"}')).toBe(1);
    expect(await value('muster_audit_records_total{action="refuse"}')).toBe(1);
    expect(await value('muster_registrations{registry="fake",state="failed"}')).toBe(1);
  });

  it("back-off, while a registry is down", async () => {
    const { registry, say, pass, value, clock } = measured();
    await say(synced());
    registry.onList = () => new Error("down");
    await pass();
    await clock.advance(10_000);
    await pass();
    expect(await value('muster_registry_failures{registry="fake"}')).toBe(2);
    expect(await value('muster_registry_backoff_seconds{registry="fake"}')).toBeGreaterThan(0);
    expect(await value('muster_registry_last_clean_pass_timestamp_seconds{registry="fake"}')).toBeUndefined();
    registry.onList = null;
    await pass();
    expect(await value('muster_registry_failures{registry="fake"}')).toBe(0);
    expect(await value('muster_registry_backoff_seconds{registry="fake"}')).toBe(0);
    expect(await value('muster_registry_last_clean_pass_timestamp_seconds{registry="fake"}')).toBeGreaterThan(0);
  });

  it("targets by the state that their registry tells", async () => {
    const detail = (key: string) => ({ target: { state: key.includes("t3") ? "unhealthy" : "healthy", reason: null } });
    const { say, pass, value } = measured(Object.assign(createFakeRegistry(), { detail }));
    const tasks = ["t1", "t2", "t3"].flatMap((name, index) => runningTask(name, { hostPort: 20_000 + index }));
    await say(...tasks, synced());
    await pass();
    expect(await value('muster_registry_targets{registry="fake",state="healthy"}')).toBe(2);
    expect(await value('muster_registry_targets{registry="fake",state="unhealthy"}')).toBe(1);
  });

  it("refusals of the guard", async () => {
    const { registry, say, pass, value } = measured();
    const facts = ["a", "b", "c"].flatMap((task, index) => runningTask(task, { hostPort: 1 + index }));
    await say(...facts, synced({ trust: "whole" }));
    await pass();
    await say(synced({ trust: "whole", floor: 100, clock: 101 }));
    await pass();
    expect(registry.entries.size).toBe(3);
    expect(await value('muster_registry_guard_refusals_total{registry="fake"}')).toBe(1);
    expect(await value('muster_registry_guarded{registry="fake"}')).toBe(1);
  });

  it("leadership", async () => {
    const { metrics, value } = measured();
    expect(await value("muster_leader")).toBe(0);
    metrics.audited([{ action: "leadership", ok: true }]);
    expect(await value("muster_leader")).toBe(1);
    metrics.audited([{ action: "leadership", ok: false }]);
    expect(await value("muster_leader")).toBe(0);
  });
});

it("Node's own are there, save those that need a timer a hundred times a second", async () => {
  const metrics = createMetrics({ scopes: () => [] });
  // How late the loop is at a scrape is known after it.
  await metrics.text();
  await settled();
  const { text } = await metrics.text();
  expect(text).toMatch(/^process_resident_memory_bytes \d/m);
  expect(text).toMatch(/^nodejs_eventloop_lag_seconds \d/m);
  expect(text).not.toMatch(/nodejs_eventloop_lag_(min|max|mean|stddev|p\d+)_seconds/);
});

it("one registry in two scopes is one: counts are added, the worse state counts", () => {
  const view: RegistryView = {
    ...{ name: "consul", state: "synced", registered: 1, pending: 2, failed: 0, error: null, guard: null },
    ...{ lastCleanPass: "2026-11-21T08:00:00.000Z", lastListing: null },
  };
  const reconciler = (more: Partial<RegistryView>, backoff = { failures: 0, ms: 0 }) => ({
    view: () => ({ ...view, ...more }),
    backoff: () => backoff,
  });
  const other = { state: "failing", registered: 5, guard: "held", lastCleanPass: "2026-11-21T07:00:00.000Z" } as const;
  expect(
    mergedViews([reconciler({}), reconciler(other, { failures: 3, ms: 700 }), reconciler({ name: "kong" })]),
  ).toMatchObject([
    {
      ...{ name: "consul", state: "failing", registered: 6, pending: 4, failed: 0, guard: "held" },
      ...{ lastCleanPass: Date.UTC(2026, 10, 21, 7), failures: 3, backoff: 700 },
    },
    { name: "kong", state: "synced" },
  ]);
});

it("the dashboard and the alerts group and filter by labels that their metrics have", async () => {
  const labels = new Map(
    createMetrics({ scopes: () => [] })
      .describe()
      .map((each) => [each.name, each.labels]),
  );
  const folder = new URL("../../deploy/observability/", import.meta.url);
  const dashboard = JSON.parse(await readFile(new URL("dashboard.json", folder), "utf8")) as {
    panels: { targets: { expr: string }[] }[];
  };
  const alerts = parse(await readFile(new URL("alerts.yml", folder), "utf8")) as {
    groups: { rules: { expr: string; annotations: { summary: string } }[] }[];
  };
  const asked = [
    ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
    ...alerts.groups.flatMap(({ rules }) => rules.map(({ expr, annotations }) => `${expr} ${annotations.summary}`)),
  ];
  expect(asked.length).toBeGreaterThan(20);
  for (const text of asked) {
    const metrics = [...text.matchAll(/\bmuster_\w+/g)].map(([name]) => name.replace(/_(?:bucket|count|sum)$/, ""));
    // What every scraped sample has, and what a histogram's buckets have.
    const known = new Set(["instance", "job", "le", ...metrics.flatMap((name) => labels.get(name) ?? [])]);
    const grouped = [...text.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = ""]) => names.split(/,\s*/));
    const filtered = [...text.matchAll(/[{,]\s*(\w+)=~?"/g)].map(([, name]) => name);
    const shown = [...text.matchAll(/\$labels\.(\w+)/g)].map(([, name]) => name);
    for (const label of [...grouped, ...filtered, ...shown])
      expect({ text, known: [...known] }).toMatchObject({ known: expect.arrayContaining([label]) });
  }
});

it("names follow the field's conventions: base units, _total for counters and for nothing else", () => {
  const all = createMetrics({ scopes: () => [] }).describe();
  expect(all.length).toBeGreaterThan(15);
  for (const { name, type, help, labels } of all) {
    expect(name).toMatch(/^muster_[a-z]+(?:_[a-z]+)*$/);
    expect(name.endsWith("_total")).toBe(type === "counter");
    if (type === "histogram") expect(name).toMatch(/_seconds$/);
    expect(name).not.toMatch(/_(?:ms|millis|milliseconds|minutes|percent)(?:_|$)/);
    expect(help).toMatch(/\.$/);
    for (const label of labels) expect(label).toMatch(/^[a-z_]+$/);
  }
});
