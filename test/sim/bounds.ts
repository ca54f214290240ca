/**
 * How long what is wrong may stay so: in calm (nothing wrong with whoever has to mend it, for a while) a short time. Every
 * so often the registries are held against reality, and what was wrong all the time since is counted.
 */

import type { Difference } from "./expected.ts";
import type { Machine } from "./machine.ts";

export interface BoundsOptions {
  readonly machine: Machine;
  differences(): readonly Difference[];
  /** Whether nothing has been wrong, for long enough, with those who have to mend this. */
  isCalm(difference: Difference): boolean;
  late(difference: Difference, ms: number): void;
}

/** Between two looks, ms. */
const PERIOD_MS = 1_000;
/** Event to registry, with a retry or two, ms. */
const BOUND_MS = 3_000;

export function watchBounds({ machine, differences, isCalm, late }: BoundsOptions): void {
  let wrong = new Map<string, number>();
  function look(): void {
    const next = new Map<string, number>();
    for (const difference of differences()) {
      const name = `${difference.registry} ${difference.key} ${difference.what}`;
      if (!isCalm(difference)) continue;
      const since = wrong.get(name) ?? machine.now();
      next.set(name, since);
      if (machine.now() - since > BOUND_MS) late(difference, machine.now() - since);
    }
    wrong = next;
    machine.after(PERIOD_MS, null, "look", look);
  }
  machine.after(PERIOD_MS, null, "look", look);
}
