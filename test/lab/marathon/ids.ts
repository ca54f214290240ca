/** Names of instances and tasks by version (ids.json; facts/marathon.md §2, Ids). Pure. */
import type { Definition } from "./definition.ts";
import type { Instance } from "./state.ts";
import type { Traits } from "./versions.ts";

/** `/shop/web` → `shop_web`. */
function safe(id: string): string {
  return id.slice(1).replaceAll("/", "_");
}

export function instanceId(traits: Traits, { id, kind }: Pick<Definition, "id" | "kind">, uuid: string): string {
  const prefix = kind === "pod" || traits.hasIncarnations ? "instance" : "marathon";
  return `${safe(id)}.${prefix}-${uuid}`;
}

export function taskId(traits: Traits, instance: Instance, container: string | null): string {
  const { incarnation, uuid, definition } = instance;
  if (traits.hasIncarnations) return `${instance.id}.${container ?? "_app"}.${incarnation}`;
  if (container !== null) return `${instance.id}.${container}`;
  const id = `${safe(definition.id)}.${uuid}`;
  return traits.countsResidentAttempts && definition.isResident ? `${id}.${incarnation}` : id;
}
