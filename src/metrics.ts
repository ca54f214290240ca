/** Prometheus metrics: names in the field's conventions (base units, `_total` for counters). docs/reference/metrics.md lists them. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry as MetricRegistry } from "prom-client";
import type { AuditInput } from "./audit/record.ts";
import { createLatencies } from "./metrics/latency.ts";
import { mergedViews } from "./metrics/views.ts";
import type { Json } from "./model.ts";
import type { Write } from "./report.ts";
import type { Scope } from "./scope.ts";
import { version } from "./version.ts";
import type { InstanceChange, World } from "./world.ts";

export interface Metrics {
  wrote(registry: string, writes: readonly Write[]): void;
  changed(world: World, changes: readonly InstanceChange[]): void;
  /** Hears of every audit record. */
  audited(records: readonly AuditInput[]): void;
  text(): Promise<{ readonly text: string; readonly contentType: string }>;
  /** What there is of Muster's own, for the reference. */
  describe(): readonly MetricDescription[];
}

export interface MetricDescription {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
}

export interface MetricsOptions {
  /** Asked at every scrape. */
  scopes(): readonly Pick<Scope, "world" | "reconcilers">[];
  /** ms since the epoch. @default Date.now */
  readonly now?: () => number;
}

type Set = (labels: Record<string, string>, value: number) => void;

/** From a millisecond to minutes, s. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const MUSTER = /^muster_/;
const LOOP_DELAYS = /^nodejs_eventloop_lag_\w+_seconds$/;
/** The longest that a timer of Node's takes, some 25 days, ms. */
const NEVER = 2 ** 31 - 1;

export function createMetrics({ scopes, now = Date.now }: MetricsOptions): Metrics {
  const register = new MetricRegistry();
  const registers = [register];
  collectProcessMetrics(register);

  gauge("muster_build_info", "1; the version is in the label.", ["version"], (set) => set({ version: version() }, 1));
  addSources();
  addInstances();
  addRegistries();

  const writes = counter("muster_registry_writes_total", "Writes to a registry, by kind and outcome.", [
    ...["registry", "op", "outcome"],
  ]);
  const repaired = counter(
    "muster_registry_drift_repaired_total",
    "Writes that repaired what somebody else had changed or removed in the registry.",
    ["registry"],
  );
  const refusals = counter("muster_registry_guard_refusals_total", "Mass removals that the guard has refused.", [
    "registry",
  ]);
  const records = counter("muster_audit_records_total", "Records of the audit log, by action.", ["action"]);
  const leadership = { isLeader: false };
  gauge("muster_leader", "Whether this Muster leads (1) or not (0).", [], (set) =>
    set({}, leadership.isLeader ? 1 : 0),
  );
  const completed = histogram(
    "muster_instance_completion_seconds",
    "From an instance's first fact until all that must be known of it is known, by source.",
    ["source"],
  );
  const registered = histogram(
    "muster_registration_seconds",
    "From an instance being ready until it is registered, by registry.",
    ["registry"],
  );
  const latencies = createLatencies(now, {
    completed: (source, seconds) => completed.observe({ source }, seconds),
    registered: (registry, seconds) => registered.observe({ registry }, seconds),
  });

  return {
    wrote(registry, done) {
      for (const { change, outcome, drift } of done) {
        writes.inc({ registry, op: change.op, outcome: outcomeOf(outcome) });
        if (!outcome.ok) continue;
        if (drift) repaired.inc({ registry });
        else if (change.op === "register" && change.after.instance !== null) {
          latencies.registered(registry, change.after.instance);
        }
      }
    },
    changed: (world, changes) => latencies.changed(changes, world.timeline.began),
    audited(all) {
      for (const { action, registry, ok } of all) {
        records.inc({ action });
        if (action === "leadership") leadership.isLeader = ok === true;
        if (action === "guard" && ok === false) refusals.inc({ registry: registry ?? "" });
      }
    },
    async text() {
      return { text: await register.metrics(), contentType: register.contentType };
    },
    describe: () =>
      register
        .getMetricsAsArray()
        .filter(({ name }) => MUSTER.test(name))
        .map((metric) => {
          const { labelNames = [] } = metric as unknown as { readonly labelNames?: readonly string[] };
          return { name: metric.name, type: typeOf(metric), help: metric.help, labels: labelNames };
        }),
  };

  function addSources(): void {
    gauge("muster_source_connected", "Whether the source is connected (1) or not (0).", ["source"], (set) => {
      for (const { name, state } of sources()) set({ source: name }, state === "connected" ? 1 : 0);
    });
    gauge("muster_source_synced", "Whether it has completed a full listing (1) or not (0).", ["source"], (set) => {
      for (const { name, syncs } of sources()) set({ source: name }, syncs > 0 ? 1 : 0);
    });
    gauge(
      "muster_source_last_listing_timestamp_seconds",
      "When the source's last full listing was complete.",
      ["source"],
      (set) => {
        for (const { name, lastSynced } of sources()) if (lastSynced !== null) set({ source: name }, lastSynced / 1000);
      },
    );
    new Counter({
      name: "muster_source_facts_total",
      help: "Facts taken in from the source.",
      labelNames: ["source"],
      registers,
      collect() {
        this.reset();
        for (const { name, facts } of sources()) this.inc({ source: name }, facts);
      },
    });
  }

  function addInstances(): void {
    gauge("muster_instances", "Instances by state.", ["state"], (set) => {
      const counts = { pending: 0, ready: 0, draining: 0 };
      for (const { state } of instances()) counts[state]++;
      for (const [state, count] of Object.entries(counts)) set({ state }, count);
    });
    gauge("muster_instances_incomplete", "Instances of which something must still be learned.", [], (set) =>
      set({}, [...latencies.incomplete()].length),
    );
    gauge(
      "muster_instances_incomplete_age_seconds",
      "How long the oldest of the incomplete instances has been so; 0 if there is none.",
      [],
      (set) => set({}, Math.max(0, ...[...latencies.incomplete()].map((since) => (now() - since) / 1000))),
    );
    gauge(
      "muster_service_name_collisions",
      "Service names that several apps use without having chosen them.",
      [],
      (set) => set({}, sum(scopes().map(({ world }) => world.collisions().size))),
    );
  }

  function addRegistries(): void {
    gauge("muster_registry_synced", "Whether its last pass left nothing to do (1) or not (0).", ["registry"], (set) => {
      for (const { name, state } of views()) set({ registry: name }, state === "synced" ? 1 : 0);
    });
    gauge("muster_registrations", "Registrations by registry and state.", ["registry", "state"], (set) => {
      for (const { name, registered: there, pending, failed } of views()) {
        for (const [state, count] of Object.entries({ registered: there, pending, failed })) {
          set({ registry: name, state }, count);
        }
      }
    });
    gauge(
      "muster_registry_targets",
      "Targets by how the registry says that they are (ALB: initial, healthy, unhealthy, draining, unused).",
      ["registry", "state"],
      (set) => {
        const counts = new Map<string, Map<string, number>>();
        for (const [registry, state] of targetStates()) {
          const states = counts.get(registry) ?? new Map<string, number>();
          counts.set(registry, states.set(state, (states.get(state) ?? 0) + 1));
        }
        for (const [registry, states] of counts) for (const [state, count] of states) set({ registry, state }, count);
      },
    );
    gauge(
      "muster_registry_guarded",
      "Whether the mass-delete guard holds removals back (1) or not (0).",
      ["registry"],
      (set) => {
        for (const { name, guard } of views()) set({ registry: name }, guard === null ? 0 : 1);
      },
    );
    gauge(
      "muster_registry_backoff_seconds",
      "Until the registry is tried again; 0 while it is not left alone.",
      ["registry"],
      (set) => {
        for (const { name, backoff } of views()) set({ registry: name }, backoff / 1000);
      },
    );
    gauge("muster_registry_failures", "Failures of the registry since it last answered.", ["registry"], (set) => {
      for (const { name, failures } of views()) set({ registry: name }, failures);
    });
    gauge(
      "muster_registry_last_clean_pass_timestamp_seconds",
      "When the registry last had nothing left to do.",
      ["registry"],
      (set) => {
        for (const { name, lastCleanPass } of views()) {
          if (lastCleanPass !== null) set({ registry: name }, lastCleanPass / 1000);
        }
      },
    );
  }

  /** Of each instance that a registry tells more of: the registry's name, and its target's state. */
  function targetStates(): readonly (readonly [string, string])[] {
    return scopes().flatMap(({ world, reconcilers }) =>
      reconcilers
        .filter(({ tellsDetail }) => tellsDetail)
        .flatMap((reconciler) =>
          [...world.instances()].flatMap(({ id }) => {
            const state = targetState(reconciler.instanceView(id).detail);
            return state === null ? [] : [[reconciler.name, state] as const];
          }),
        ),
    );
  }

  function views() {
    return mergedViews(scopes().flatMap(({ reconcilers }) => reconcilers));
  }

  function sources() {
    return scopes().flatMap(({ world }) => world.sources());
  }

  function instances() {
    return scopes().flatMap(({ world }) => [...world.instances()]);
  }

  function counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({ name, help, labelNames, registers });
  }

  function histogram(name: string, help: string, labelNames: string[]): Histogram {
    return new Histogram({ name, help, labelNames, registers, buckets: BUCKETS });
  }

  function gauge(name: string, help: string, labelNames: string[], collect: (set: Set) => void): void {
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        collect((labels, value) => this.set(labels, value));
      },
    });
  }
}

/**
 * Node's and the process's own. Not those of the event loop's delays over time: for them a timer goes off a hundred times a
 * second, which costs an idle Muster 1 % of a core. How long the loop takes at a scrape is still told.
 */
function collectProcessMetrics(register: MetricRegistry): void {
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: NEVER });
  for (const { name } of register.getMetricsAsArray()) if (LOOP_DELAYS.test(name)) register.removeSingleMetric(name);
}

function typeOf(metric: object): MetricDescription["type"] {
  if (metric instanceof Counter) return "counter";
  return metric instanceof Histogram ? "histogram" : "gauge";
}

function outcomeOf(outcome: Write["outcome"]): "ok" | "refused" | "failed" {
  if (outcome.ok) return "ok";
  return outcome.retry ? "failed" : "refused";
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** See `Registry.detail`. */
function targetState(detail: Json | undefined): string | null {
  const target = (detail as { readonly target?: { readonly state?: Json } } | null | undefined)?.target;
  return typeof target?.state === "string" ? target.state : null;
}
