/** One pass over one registry that changes nothing: the reconciler itself, on a registry whose writes only go on record. */
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { Change, Instance, Logger, Registration, Registry } from "../model.ts";
import { createReconciler } from "../reconcile.ts";
import type { World } from "../world.ts";
import { type KeptEntry, plannedChange, type RefusedInstance, type RegistryPlan } from "./report.ts";

export interface CompareOptions {
  readonly registry: Registry;
  readonly world: World;
  readonly scope: RegistryPlan["scope"];
  readonly policy: Config["policy"];
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  isServiceOver(service: string): boolean;
  /** See `ReconcilerOptions`. */
  readonly serviceLevel: "keep" | "create";
}

/** Lists the registry once. Rejects with `signal.reason` on abort only; a registry that can't be read is told as an error. */
export async function compare(options: CompareOptions, signal: AbortSignal): Promise<RegistryPlan> {
  const { registry, world, scope } = options;
  const watched = onRecord(registry);
  const reconciler = createReconciler({
    ...options,
    registry: watched.registry,
    // The point is to see what would be done.
    policy: { ...options.policy, dryRun: false },
    sink: { audit: async () => {} },
  });
  const common = { registry: registry.name, scope };
  try {
    await reconciler.pass(signal);
  } catch (error) {
    signal.throwIfAborted();
    const text = error instanceof Error ? error.message : String(error);
    return { ...common, error: text, changes: [], unchanged: 0, kept: [], refused: [] };
  }
  const { listed, changes, wanted } = watched;
  const changed = new Set(changes.map(({ key }) => key));
  const untouched = listed().filter(({ key }) => !changed.has(key));
  const stay = untouched.filter(({ key }) => !wanted().has(key));
  const { guard } = reconciler.view();
  return {
    ...common,
    error: null,
    changes: changes.map(plannedChange),
    unchanged: untouched.length - stay.length,
    kept: stay.map((entry) => kept(entry, guard, options)),
    refused: [...world.instances()].flatMap((instance) => refusal(instance, reconciler.instanceView(instance.id))),
  };
}

/** The same registry, but that `apply` writes nothing and says that all is done. */
function onRecord(registry: Registry) {
  const changes: Change[] = [];
  const keys = new Map<string, readonly string[]>();
  let entries: readonly Registration[] = [];
  const watched: Registry = {
    name: registry.name,
    ...(registry.drains === undefined ? {} : { drains: registry.drains }),
    ...(registry.checksHealth === undefined ? {} : { checksHealth: registry.checksHealth }),
    project(instance) {
      const registrations = registry.project(instance);
      keys.set(
        instance.id,
        registrations.map(({ key }) => key),
      );
      return registrations;
    },
    async list(signal) {
      entries = await registry.list(signal);
      return entries;
    },
    async apply(all) {
      changes.push(...all);
      return all.map(() => ({ ok: true }));
    },
    async [Symbol.asyncDispose]() {},
  };
  return { registry: watched, changes, listed: () => entries, wanted: () => new Set([...keys.values()].flat()) };
}

function kept(entry: Registration, guard: string | null, options: CompareOptions): KeptEntry {
  return { key: entry.key, service: entry.service, why: whyKept(entry, guard, options) };
}

function whyKept(entry: Registration, guard: string | null, { world, policy }: CompareOptions): string {
  if (policy.mode === "upsert-only") return "policy.mode is upsert-only: nothing is removed";
  if (entry.inUse === true) return "instances of other nodes need it";
  if (entry.instance === null) return "it stays for as long as its service exists, or may exist elsewhere";
  const fate = world.fate(entry);
  if (fate === "unsettled") return "too little is known of its task yet";
  const isDoubtful = world.sources().some(({ doubtfulSince }) => doubtfulSince !== null);
  if (fate === "absent" && isDoubtful) {
    return "no source lists it; it is removed when the listing has been the same for policy.probation";
  }
  return guard ?? "a source that could own it has not listed it as over";
}

function refusal(
  instance: Instance,
  view: { readonly state: string; readonly error: string | null },
): readonly RefusedInstance[] {
  if (view.state !== "failed") return [];
  return [{ instance: instance.id, service: instance.service, error: view.error ?? "it failed" }];
}
