/** Events that say that something happened to an app or pod, or that it was deleted: only answers tell more. */
import type { Asks } from "./asks.ts";
import type { HintEvent } from "./event.ts";
import type { Held } from "./held.ts";

export interface HintHearing {
  /** @param heard count of this event */
  hearHint(event: HintEvent, heard: number): void;
  /** The next answer that lacks it is believed. */
  hearDeletion(app: string, heard: number): void;
}

/** @param hintDelay from a mere hint to the read that makes sure, ms */
export function createHintHearing(held: Held, asks: Asks, hintDelay: number): HintHearing {
  return { hearHint, hearDeletion };

  function hearHint({ apps, pods, deleted, type }: HintEvent, heard: number): void {
    for (const app of deleted) hearDeletion(app, heard);
    // That a pod is to be deleted is said at once, that it was at the end.
    const isOver = (app: string) => type === "deployment_success" && deleted.includes(app);
    for (const app of apps) if (!isOver(app)) asks.tasks({ app, isPod: false }, { delay: hintDelay });
    for (const app of pods) if (!isOver(app)) asks.tasks({ app, isPod: true }, { delay: hintDelay });
  }

  function hearDeletion(app: string, heard: number): void {
    const known = held.definitions.app(app);
    if (known !== null) known.deleted = heard;
    const [task] = held.ofApp(app);
    const isPod = known?.isPod ?? (task !== undefined && task.container !== null);
    const isStillNeeded = () => held.definitions.app(app) !== null || held.ofApp(app).length > 0;
    if (isStillNeeded()) asks.tasks({ app, isPod }, { isStillNeeded });
  }
}
