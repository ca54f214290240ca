/** Small parts of orders: stamps, names, kinds of change. Pure. */
import type { AppDefinition, Definition, Stamps } from "./definition.ts";
import type { AppSpec, GroupSpec } from "./spec.ts";
import type { ActionName, RootGroup, RunSpec, State } from "./state.ts";

export function rootGroup(state: State): RootGroup {
  const definitions = [...state.specs.values()].flatMap(({ target }) => (target === null ? [] : [target]));
  return { version: state.rootVersion, definitions };
}

export function fresh(version: string): Stamps {
  return { version, configuredAt: version, scaledAt: version };
}

export function changeOf({ target }: RunSpec, next: Definition): ActionName {
  if (target === null) return "Start";
  return next.configuredAt === target.configuredAt ? "Scale" : "Restart";
}

export function resolve(parent: string, id: string): string {
  if (id.startsWith("/")) return id;
  return parent === "/" ? `/${id}` : `${parent}/${id}`;
}

/** What 0.8 tells of an app that is deleted. */
export function emptyApp(definition: AppDefinition): AppDefinition {
  const { id } = definition;
  return {
    ...definition,
    version: new Date(0).toISOString(),
    containers: [{ name: null, ports: [], checks: [] }],
    spec: { id },
  };
}

/** All apps in a group and in those within it, with absolute ids. */
export function groupApps(group: GroupSpec, parent: string): readonly AppSpec[] {
  const id = resolve(parent, group.id);
  return [
    ...(group.apps ?? []).map((app) => ({ ...app, id: resolve(id, app.id) })),
    ...(group.groups ?? []).flatMap((inner) => groupApps(inner, id)),
  ];
}
