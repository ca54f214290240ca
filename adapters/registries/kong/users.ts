/** Who needs a service-level object besides this node. */
import { RequestError } from "../../failure.ts";
import type { TargetRow } from "./answers.ts";
import { marksIn, routesIn, usersIn } from "./marks.ts";
import { routeIndex } from "./names.ts";
import type { Settings } from "./settings.ts";
import type { ObjectSpec } from "./spec.ts";

/** What others may need. */
interface Shared extends Pick<ObjectSpec, "kind" | "name"> {
  readonly service: string;
  readonly tags: readonly string[];
}

/**
 * Who else, in words: of what stands in the service's upstream and is not ours, whatever has routes enough to need the
 * object, or does not say how many it has; and, where Kong points to Vulcand and so has no targets, the nodes that have
 * said so.
 */
export function usersOf(
  object: Shared,
  targets: readonly Pick<TargetRow, "target" | "tags">[],
  settings: Pick<Settings, "cluster" | "node" | "listener">,
): readonly string[] {
  const { cluster, node, listener } = settings;
  const nodes = listener === null ? [] : usersIn(object.tags).filter((user) => user !== node);
  const fewest = fewestRoutes(object, cluster);
  const needing = targets.filter(({ tags }) => (routesIn(tags) ?? Number.POSITIVE_INFINITY) >= fewest);
  return [...nodes.map((user) => `node ${user}`), ...needing.flatMap((row) => userFor(row, settings) ?? [])];
}

/** With how many routes an instance begins to need it: routes are numbered, and their Kong service is there for them alone. */
function fewestRoutes({ kind, name, service }: Shared, cluster: string): number {
  switch (kind) {
    case "upstream":
      return 0;
    case "service":
      return 1;
    case "route":
      return (routeIndex(cluster, service, name) ?? 0) + 1;
    default:
      return kind satisfies never;
  }
}

/** @returns whose target it is, in words; null if this node's */
function userFor(
  { target, tags }: Pick<TargetRow, "target" | "tags">,
  { cluster, node }: Pick<Settings, "cluster" | "node">,
): string | null {
  const marks = marksIn(tags);
  if (marks?.cluster === cluster && marks.node === node) return null;
  return marks === null ? `${target}, which was not made by Muster` : `${target} of node ${marks.node}`;
}

/** Refused, and listed again: what the change was made from is out of date, and whoever waits for the others learns it there. */
export function stillUsed(users: readonly string[]): RequestError {
  const named = users.slice(0, 3).join(", ");
  const text = users.length <= 3 ? named : `${named} and ${users.length - 3} more`;
  return new RequestError(`still used by ${text}`, { retry: false, ambiguous: true });
}
