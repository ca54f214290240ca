/**
 * A node that was away for so long that the leader may have removed what it registered (safety rule 7) has its registries
 * listed at once when it is back, and so repairs its own.
 */
import type { Clock } from "./clock.ts";
import type { NodeFact } from "./model.ts";
import type { World } from "./world.ts";

export interface ReturningOptions {
  /** Name of the source that knows the nodes. */
  readonly source: string;
  /** This node's id; null: nothing is done. */
  readonly node: string | null;
  /** See `ReaperOptions`. */
  readonly reapAfter: number;
  readonly clock: Pick<Clock, "now">;
}

/** Who is cut off is not told that others take him for down, so a silence about as long counts as well. */
const MARGIN = 0.5;

/**
 * @param returned called each time that this node is back
 * @returns a function that ends it
 */
export function onReturn(world: World, options: ReturningOptions, returned: () => void): () => void {
  const { source, node, reapAfter, clock } = options;
  let was: NodeFact["state"] = "up";
  let silentSince: number | null = null;
  return world.subscribe({
    node(fact) {
      if (fact.source !== source || fact.node !== node || fact.state === "unknown") return;
      if (was === "down" && fact.state === "up") returned();
      was = fact.state;
    },
    sourceChanged(view) {
      if (view.name !== source) return;
      if (view.state === "disconnected") silentSince ??= clock.now();
      if (view.state !== "connected") return;
      if (silentSince !== null && clock.now() - silentSince >= reapAfter * MARGIN) returned();
      silentSince = null;
    },
  });
}
