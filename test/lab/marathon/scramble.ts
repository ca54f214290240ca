/** Events as an unkind network and a busy Marathon give them: out of order, lost, repeated, late. Seeded. */
import { createRandom } from "./random.ts";

export interface Scrambling {
  readonly seed: number;
  /** An event may come after as many that were published later. @default 0 */
  readonly window?: number;
  /** Probability that an event is lost. @default 0 */
  readonly drop?: number;
  /** Probability that an event comes once more. @default 0 */
  readonly repeat?: number;
  /** Probability that an event (or its repetition) is late by up to `lateBy` events, beyond the window. @default 0 */
  readonly late?: number;
  /** @default 20 */
  readonly lateBy?: number;
}

export interface Scrambler<T> {
  /** One goes in. @returns those that come out now, in their order */
  push(item: T): readonly T[];
  /** All that are still inside. */
  flush(): readonly T[];
}

export function createScrambler<T>(options: Scrambling): Scrambler<T> {
  const { window = 0, drop = 0, repeat = 0, late = 0, lateBy = 20 } = options;
  const random = createRandom(options.seed);
  let waiting: { readonly due: number; readonly item: T }[] = [];
  let pushed = 0;

  function put(item: T): void {
    const delay = random.below(window + 1) + (random.chance(late) ? random.below(lateBy + 1) : 0);
    const due = pushed + delay;
    const before = waiting.findIndex((other) => other.due > due);
    waiting.splice(before === -1 ? waiting.length : before, 0, { due, item });
  }

  return {
    push(item) {
      const isDropped = random.chance(drop);
      const isRepeated = random.chance(repeat);
      if (!isDropped) put(item);
      if (isRepeated && !isDropped) put(item);
      const out = waiting.filter(({ due }) => due <= pushed);
      waiting = waiting.slice(out.length);
      pushed += 1;
      return out.map((entry) => entry.item);
    },
    flush() {
      const out = waiting.map((entry) => entry.item);
      waiting = [];
      return out;
    },
  };
}

/** A scrambled copy of the list. With no probabilities and no window it is the list itself. */
export function scramble<T>(items: readonly T[], options: Scrambling): readonly T[] {
  const scrambler = createScrambler<T>(options);
  return [...items.flatMap((item) => scrambler.push(item)), ...scrambler.flush()];
}
