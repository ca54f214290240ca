/** A world, a fake registry and its reconciler on manual time, for tests. */
import type { AuditInput } from "../src/audit/record.ts";
import type { Fact, Logger, Registry } from "../src/model.ts";
import type { ClaimRule } from "../src/policy-claims.ts";
import { createReconciler, type ReconcilePolicy } from "../src/reconcile.ts";
import { createWorld } from "../src/world.ts";
import { createManualClock, settled } from "./fakes/clock.ts";
import { createFakeRegistry } from "./fakes/registry.ts";

export const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export const POLICY: ReconcilePolicy = {
  mode: "sync",
  resync: 60_000,
  probation: 60_000,
  massDelete: { max: 10, percent: 50 },
  dryRun: false,
};

export function createScene({
  sources = ["docker"],
  policy = {},
  registry = createFakeRegistry(),
  serviceLevel = "keep",
  awaitsInherited = false,
  claims = [],
  nodeSource = null,
}: {
  sources?: string[];
  policy?: Partial<ReconcilePolicy>;
  registry?: Registry & ReturnType<typeof createFakeRegistry>;
  serviceLevel?: "keep" | "create";
  awaitsInherited?: boolean;
  claims?: readonly ClaimRule[];
  nodeSource?: string | null;
} = {}) {
  const clock = createManualClock();
  const world = createWorld({ sources, awaitsInherited, claims, now: clock.now });
  const audited: AuditInput[] = [];
  const sink = {
    async audit(records: readonly AuditInput[]) {
      audited.push(...records);
    },
  };
  const reconciler = createReconciler({
    registry,
    world,
    policy: { ...POLICY, ...policy },
    sink,
    clock,
    random: () => 0.5,
    log: silent,
    ...{ serviceLevel, nodeSource },
  });
  const stop = new AbortController();
  return {
    world,
    clock,
    audited,
    registry,
    reconciler,
    stop,
    async say(...facts: readonly Fact[]) {
      for (const fact of facts) world.join(fact);
      await settled();
    },
    /** Starts the loop. */
    start() {
      return reconciler.run(stop.signal);
    },
    async pass() {
      await reconciler.pass(stop.signal);
      await settled();
    },
    get keys() {
      return [...registry.entries.keys()].sort((a, b) => (a < b ? -1 : 1));
    },
  };
}
