/** What needs somebody's attention, worst first. Pure. */
import type { InstanceView, SourceReport } from "../../src/http/view.ts";
import type { RegistryView } from "../../src/registry-view.ts";
import { plural } from "./format.ts";

export interface Trouble {
  readonly key: string;
  readonly title: string;
  /** The error, in the words of whoever reported it. */
  readonly detail: string;
  /** Instances that it concerns. */
  readonly instances: readonly InstanceView[];
}

export interface Systems {
  readonly sources: readonly SourceReport[];
  readonly registries: readonly RegistryView[];
}

export function troublesOf({ sources, registries }: Systems, instances: Iterable<InstanceView>): readonly Trouble[] {
  return [
    ...sources
      .filter(({ state }) => state === "disconnected")
      .map(({ name, error }) =>
        trouble(
          `source ${name}`,
          `${name} can’t be heard`,
          `${error ?? "no connection"}; what it last said stays as it is`,
        ),
      ),
    ...registries
      .filter(({ state, error }) => state === "failing" && error !== null)
      .map(({ name, error }) => trouble(`registry ${name}`, `${name} fails`, `${error ?? ""}; tried again by itself`)),
    ...registries
      .filter(({ guard }) => guard !== null)
      .map(({ name, guard }) => trouble(`guard ${name}`, `${name}: a mass removal is held back`, guard ?? "")),
    ...refusals(instances),
  ];
}

function trouble(key: string, title: string, detail: string, instances: readonly InstanceView[] = []): Trouble {
  return { key, title, detail, instances };
}

/** Failed registrations; those with one error in one registry are one trouble. */
function refusals(instances: Iterable<InstanceView>): readonly Trouble[] {
  const groups = new Map<
    string,
    { readonly registry: string; readonly error: string; readonly instances: InstanceView[] }
  >();
  for (const instance of instances) {
    for (const [registry, { state, error }] of Object.entries(instance.registries)) {
      if (state !== "failed") continue;
      const key = `${registry} ${error}`;
      const group = groups.get(key) ?? { registry, error: error ?? "it failed", instances: [] };
      groups.set(key, group);
      group.instances.push(instance);
    }
  }
  return [...groups].map(([key, { registry, error, instances: concerned }]) =>
    trouble(key, `${plural(concerned.length, "registration")} failed in ${registry}`, error, concerned),
  );
}

/** Several scopes (a leader's) have a registry of one name each: for people it is one. */
export function mergeRegistries(views: readonly RegistryView[]): readonly RegistryView[] {
  const merged = new Map<string, RegistryView>();
  for (const view of views) {
    const other = merged.get(view.name);
    merged.set(view.name, other === undefined ? view : mergeTwo(other, view));
  }
  return [...merged.values()];
}

const RANK: Readonly<Record<RegistryView["state"], number>> = { synced: 0, starting: 1, failing: 2 };

function mergeTwo(a: RegistryView, b: RegistryView): RegistryView {
  const older = (x: string | null, y: string | null) => (x === null || y === null ? null : x < y ? x : y);
  return {
    name: a.name,
    state: RANK[a.state] > RANK[b.state] ? a.state : b.state,
    registered: a.registered + b.registered,
    pending: a.pending + b.pending,
    failed: a.failed + b.failed,
    lastCleanPass: older(a.lastCleanPass, b.lastCleanPass),
    lastListing: older(a.lastListing, b.lastListing),
    error: a.error ?? b.error,
    guard: a.guard ?? b.guard,
  };
}
