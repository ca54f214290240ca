/** The JSON shapes of contract 5.4. */
import type { Instance } from "../model.ts";
import type { RegistrationView } from "../registry-view.ts";
import type { StateDetail, TimelineEntry, WriteDetail } from "../timeline.ts";
import type { SourceView } from "../world.ts";
import type { ApiScope } from "./api.ts";

type Hidden = "app" | "named" | "created" | "drain" | "checks" | "albTargetGroups" | "awaitsRegistry" | "refused";

export interface InstanceView extends Omit<Instance, Hidden | "state"> {
  readonly state: Instance["state"] | "gone";
  readonly registries: Readonly<Record<string, RegistrationView>>;
}

export interface TimelineView {
  /** ISO 8601. */
  readonly time: string;
  readonly kind: string;
  readonly by: string;
  readonly text: string;
  /** What became of the task's instances; `kind: "state"` only. */
  readonly state?: StateDetail;
  /** `kind: "write"` only. */
  readonly write?: WriteDetail;
}

/** The instances of a scope that `isChosen` takes. */
export function instanceViews(scope: ApiScope, isChosen: (instance: Instance) => boolean): readonly InstanceView[] {
  const collisions = scope.world.collisions();
  const chosen = [...scope.world.instances()].filter(isChosen);
  return chosen.map((instance) => {
    const view = instanceView(instance, scope);
    const apps = collisions.get(instance.service);
    return apps === undefined ? view : { ...view, notes: [...view.notes, collisionNote(instance.service, apps)] };
  });
}

export function instanceView(instance: Instance, { reconcilers }: ApiScope): InstanceView {
  const { app: _app, named: _named, created: _created, drain: _drain, ...rest } = instance;
  const { checks: _checks, albTargetGroups: _groups, awaitsRegistry: _awaits, refused: _refused, ...shown } = rest;
  const registries = reconcilers.map((reconciler) => [reconciler.name, reconciler.instanceView(instance.id)]);
  return { ...shown, registries: Object.fromEntries(registries) };
}

export function goneView(instance: Instance, scope: ApiScope): InstanceView {
  return { ...instanceView(instance, scope), state: "gone" };
}

function collisionNote(service: string, apps: readonly string[]): string {
  return `the service name ${service} is used by several apps (${apps.join(", ")}); give one of them another name with muster.name`;
}

export function timelineView(entries: readonly TimelineEntry[]): readonly TimelineView[] {
  return entries.map(({ at, ...entry }) => ({ time: new Date(at).toISOString(), ...entry }));
}

export interface ServiceView {
  readonly service: string;
  readonly instances: number;
  readonly ready: number;
  readonly draining: number;
  readonly pending: number;
  readonly nodes: number;
  /** The apps that share this name, where that looks like an accident. */
  readonly collision: readonly string[];
}

export function serviceViews(scopes: readonly ApiScope[]): readonly ServiceView[] {
  const groups = new Map<string, Instance[]>();
  for (const instance of scopes.flatMap(({ world }) => [...world.instances()])) {
    const group = groups.get(instance.service);
    if (group === undefined) groups.set(instance.service, [instance]);
    else group.push(instance);
  }
  const collisions = new Map(scopes.flatMap(({ world }) => [...world.collisions()]));
  const count = (group: readonly Instance[], state: Instance["state"]) =>
    group.filter((instance) => instance.state === state).length;
  return [...groups]
    .map(([service, group]) => ({
      service,
      instances: group.length,
      ready: count(group, "ready"),
      draining: count(group, "draining"),
      pending: count(group, "pending"),
      nodes: new Set(group.map(({ node }) => node)).size,
      collision: collisions.get(service) ?? [],
    }))
    .sort((a, b) => (a.service < b.service ? -1 : 1));
}

export interface SourceReport {
  readonly name: string;
  readonly state: SourceView["state"];
  readonly synced: boolean;
  readonly lastSynced: string | null;
  readonly facts: number;
  readonly error: string | null;
}

export function sourceReport({ name, state, syncs, lastSynced, facts, error }: SourceView): SourceReport {
  return {
    name,
    state,
    synced: syncs > 0,
    lastSynced: lastSynced === null ? null : new Date(lastSynced).toISOString(),
    facts,
    error,
  };
}
