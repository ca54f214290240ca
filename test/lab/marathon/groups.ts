/** Nested groups, made of the ids of what is in them. Pure. */
import type { AppDefinition, Definition } from "./definition.ts";
import { type JsonObject, podJson } from "./definition-json.ts";
import type { Traits } from "./versions.ts";

export interface GroupTree {
  readonly id: string;
  readonly version: string;
  readonly definitions: readonly Definition[];
  readonly groups: readonly GroupTree[];
}

/** `/shop/web` → `/shop`; `/web` → `/`. */
export function parentOf(id: string): string {
  return id.slice(0, id.lastIndexOf("/")) || "/";
}

export function isWithin(id: string, group: string): boolean {
  return group === "/" || id.startsWith(`${group}/`);
}

/** The tree of all groups that hold something; the root always is. */
export function groupTree(definitions: readonly Definition[], version: string): GroupTree {
  const contents = new Map<string, Definition[]>([["/", []]]);
  for (const definition of definitions) {
    for (let id = parentOf(definition.id); !contents.has(id); id = parentOf(id)) contents.set(id, []);
    contents.get(parentOf(definition.id))?.push(definition);
  }
  const children = new Map<string, string[]>();
  for (const id of contents.keys()) {
    if (id !== "/") children.set(parentOf(id), [...(children.get(parentOf(id)) ?? []), id]);
  }
  const tree = (id: string): GroupTree => ({
    id,
    version,
    definitions: contents.get(id) ?? [],
    groups: (children.get(id) ?? []).map(tree),
  });
  return tree("/");
}

export function findGroup(tree: GroupTree, id: string): GroupTree | null {
  if (tree.id === id) return tree;
  for (const group of tree.groups) {
    const found = findGroup(group, id);
    if (found !== null) return found;
  }
  return null;
}

export function groupJson(traits: Traits, tree: GroupTree, app: (definition: AppDefinition) => JsonObject): JsonObject {
  const { id, version, definitions, groups } = tree;
  return {
    id,
    apps: definitions.flatMap((definition) => (definition.kind === "app" ? [app(definition)] : [])),
    ...(traits.hasInstances
      ? { pods: definitions.flatMap((definition) => (definition.kind === "pod" ? [podJson(definition)] : [])) }
      : {}),
    groups: groups.map((group) => groupJson(traits, group, app)),
    dependencies: [],
    version,
  };
}
