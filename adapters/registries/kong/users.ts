/** Who needs a service-level object besides this node. */
import { RequestError } from "../../failure.ts";
import type { TargetRow } from "./answers.ts";
import { marksIn, usersIn } from "./marks.ts";
import type { Settings } from "./settings.ts";

/**
 * Who else, in words: whatever stands in the service's upstream and is not ours and, where Kong points to Vulcand and so
 * has no targets, the nodes that have said so.
 * @param tags of the object
 */
export function usersOf(
  tags: readonly string[],
  targets: readonly Pick<TargetRow, "target" | "tags">[],
  settings: Pick<Settings, "cluster" | "node" | "listener">,
): readonly string[] {
  const { node, listener } = settings;
  const nodes = listener === null ? [] : usersIn(tags).filter((user) => user !== node);
  return [...nodes.map((user) => `node ${user}`), ...targets.flatMap((row) => userFor(row, settings) ?? [])];
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

export function stillUsed(users: readonly string[]): RequestError {
  const named = users.slice(0, 3).join(", ");
  const text = users.length <= 3 ? named : `${named} and ${users.length - 3} more`;
  return new RequestError(`still used by ${text}`, { retry: false, ambiguous: false });
}
