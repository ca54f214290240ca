import { setTimeout as delay } from "node:timers/promises";
import type { Board } from "./board.ts";
import { messageOf } from "./environment.ts";
import type { RegistryView } from "./registry.ts";
import type { Screen } from "./screen.ts";

export interface WatchParts {
  readonly view: RegistryView;
  readonly board: Board;
  readonly screen: Screen;
  /** Between two looks, ms: also how exact the times are. */
  period(): number;
}

/** Looks into the registry again and again, and shows what changes. Resolves when `signal` aborts. */
export async function watch({ view, board, screen, period }: WatchParts, signal: AbortSignal): Promise<void> {
  let complaint = "";
  while (!signal.aborted) {
    try {
      const entries = await view.entries(signal);
      for (const sighting of board.onEntries(entries, now())) screen.sighted(sighting);
      screen.draw(board.rows());
      complaint = "";
    } catch (error) {
      if (signal.aborted) return;
      if (complaint === "") screen.problem(`${view.name} does not answer: ${messageOf(error)}`);
      complaint = messageOf(error);
    }
    await delay(period(), undefined, { signal }).catch(() => {});
  }
}

/** ms since the epoch, with fractions. */
function now(): number {
  return performance.timeOrigin + performance.now();
}
