/** Prometheus metrics: names in the field's conventions (base units, `_total` for counters). */
import { Counter, collectDefaultMetrics, Gauge, Registry as MetricRegistry } from "prom-client";
import type { Write } from "./report.ts";
import type { Scope } from "./scope.ts";

export interface Metrics {
  wrote(registry: string, writes: readonly Write[]): void;
  text(): Promise<{ readonly text: string; readonly contentType: string }>;
}

/** @param scopes asked at every scrape */
export function createMetrics(scopes: () => readonly Scope[]): Metrics {
  const register = new MetricRegistry();
  const registers = [register];
  collectDefaultMetrics({ register });

  const writes = new Counter({
    name: "muster_registry_writes_total",
    help: "Writes to a registry, by kind and outcome.",
    labelNames: ["registry", "op", "outcome"],
    registers,
  });
  gauge("muster_source_connected", "Whether the source is connected (1) or not (0).", ["source"], (set) => {
    for (const { name, state } of sources()) set({ source: name }, state === "connected" ? 1 : 0);
  });
  gauge(
    "muster_source_synced",
    "Whether the source has completed a full listing (1) or not (0).",
    ["source"],
    (set) => {
      for (const { name, syncs } of sources()) set({ source: name }, syncs > 0 ? 1 : 0);
    },
  );
  gauge("muster_source_facts", "Facts taken in from the source since the start.", ["source"], (set) => {
    for (const { name, facts } of sources()) set({ source: name }, facts);
  });
  gauge("muster_instances", "Instances by state.", ["state"], (set) => {
    const counts = { pending: 0, ready: 0, draining: 0 };
    for (const { state } of instances()) counts[state]++;
    for (const [state, count] of Object.entries(counts)) set({ state }, count);
  });
  gauge(
    "muster_service_name_collisions",
    "Service names that several apps use without having chosen them.",
    [],
    (set) => set({}, sum(scopes().map(({ world }) => world.collisions().size))),
  );
  gauge(
    "muster_registry_synced",
    "Whether the registry's last pass left nothing to do (1) or not (0).",
    ["registry"],
    (set) => {
      for (const { name, state } of views()) set({ registry: name }, state === "synced" ? 1 : 0);
    },
  );
  gauge("muster_registrations", "Registrations by registry and state.", ["registry", "state"], (set) => {
    for (const { name, registered, pending, failed } of views()) {
      for (const [state, count] of Object.entries({ registered, pending, failed }))
        set({ registry: name, state }, count);
    }
  });
  gauge(
    "muster_registry_guarded",
    "Whether the mass-delete guard holds removals back (1) or not (0).",
    ["registry"],
    (set) => {
      for (const { name, guard } of views()) set({ registry: name }, guard === null ? 0 : 1);
    },
  );
  gauge(
    "muster_registry_last_clean_pass_timestamp_seconds",
    "When the registry last had nothing left to do.",
    ["registry"],
    (set) => {
      for (const { name, lastCleanPass } of views())
        if (lastCleanPass !== null) set({ registry: name }, Date.parse(lastCleanPass) / 1000);
    },
  );

  return {
    wrote(registry, done) {
      for (const { change, outcome } of done) writes.inc({ registry, op: change.op, outcome: outcomeOf(outcome) });
    },
    async text() {
      return { text: await register.metrics(), contentType: register.contentType };
    },
  };

  function views() {
    return scopes().flatMap(({ reconcilers }) => reconcilers.map((reconciler) => reconciler.view()));
  }

  function sources() {
    return scopes().flatMap(({ world }) => world.sources());
  }

  function instances() {
    return scopes().flatMap(({ world }) => [...world.instances()]);
  }

  function gauge(
    name: string,
    help: string,
    labelNames: readonly string[],
    collect: (set: (labels: Record<string, string>, value: number) => void) => void,
  ): void {
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers,
      collect() {
        this.reset();
        collect((labels, value) => this.set(labels, value));
      },
    });
  }
}

function outcomeOf(outcome: Write["outcome"]): "ok" | "refused" | "failed" {
  if (outcome.ok) return "ok";
  return outcome.retry ? "failed" : "refused";
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
