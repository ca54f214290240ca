import type { Fact, SourceStateFact } from "../../../src/model.ts";
import type { Stamps } from "../stamps.ts";
import type { Said } from "./feed.ts";

/**
 * Makes facts of what is said, with the listener's own clock: whoever said it, it came now.
 * @returns null for what need not be told: the connection's state as it was, a listing's end without its beginning
 */
export function createStamper(stamps: Stamps): (said: Said) => Fact | null {
  let floor: number | null = null;
  let connection: Pick<SourceStateFact, "state" | "error"> | null = null;

  return ({ content, via }) => {
    if (content.kind === "source") {
      if (connection?.state === content.state && connection.error === content.error) return null;
      connection = content;
    }
    if (content.kind === "synced" && floor === null) return null;
    const stamp = stamps.next(via);
    if (content.kind === "resync") floor = stamp.clock;
    if (content.kind !== "synced" || floor === null) return stamps.fact(content, stamp);
    const closed = stamps.fact({ ...content, floor }, stamp);
    floor = null;
    return closed;
  };
}
