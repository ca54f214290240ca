/** What dead nodes left is removed by the leader's scope, but not in a dry run, nor where nothing may be removed. */
import { expect, it } from "vitest";
import type { Fact, Registration, Source } from "../../src/model.ts";
import { createScope } from "../../src/scope.ts";
import { node, synced } from "../facts.ts";
import { createManualClock, settled } from "../fakes/clock.ts";
import { createFakeRegistry } from "../fakes/registry.ts";
import { POLICY, silent } from "../reconciling.ts";

const DEAD = "d".repeat(25);

it.each([
  [{}, []],
  [{ dryRun: true }, ["web"]],
  [{ mode: "upsert-only" as const }, ["web"]],
])("with %j", async (policy, left) => {
  const clock = createManualClock();
  const connected: Fact = { ...node({ source: "swarm" }), kind: "source", state: "connected", error: null } as Fact;
  const swarm: Source = {
    name: "swarm",
    async *events(signal) {
      yield connected;
      yield node({ source: "swarm", node: DEAD, state: "down", clock: 1 });
      yield synced({ source: "swarm", clock: 2, floor: 1, trust: "whole" });
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
    },
  };
  const entry: Registration = {
    ...{ key: "web", instance: "t:80", service: "web", task: "t", source: "swarm", endpoint: null, rank: 0, spec: {} },
    node: DEAD,
  };
  const held = new Map([[entry.key, entry]]);
  const registry = {
    ...createFakeRegistry(),
    listOthers: async () => [...held.values()],
    list: async () => [],
    async apply(changes: readonly { readonly key: string }[]) {
      for (const { key } of changes) held.delete(key);
      return changes.map(() => ({ ok: true as const }));
    },
  };
  const scope = createScope({
    ...{ sources: [swarm], registries: [registry], clock, random: () => 0.5, log: silent },
    policy: { ...POLICY, onExit: "keep", reapAfter: 10_000, claims: [], ...policy },
    sink: { audit: async () => {} },
    audit: async () => {},
    swarm: { source: "swarm", node: null },
  });
  const stop = new AbortController();
  const running = scope.run(stop.signal);
  await settled();
  for (let second = 0; second < 15; second += 1) await clock.advance(1_000);
  stop.abort(new Error("test over"));
  await clock.advance(1_000);
  await running;
  expect([...held.keys()]).toEqual(left);
});
