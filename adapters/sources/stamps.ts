import type { Fact, FactBase } from "../../src/model.ts";

/** A fact as its kind has it, without what every fact carries. */
export type Content = Bare<Fact>;
type Bare<F extends FactBase> = F extends FactBase ? Omit<F, keyof FactBase> : never;

/** What makes content a fact. */
export interface Stamp {
  readonly clock: number;
  readonly at: number;
  readonly via: string;
}

/** Makes the facts of one source. */
export interface Stamps {
  /** Its name. */
  readonly source: string;
  /** The next moment of the source's own clock: always newer than every one before, over restarts as well. */
  next(via: string): Stamp;
  fact(content: Content, stamp: Stamp): Fact;
}

/** The clock is logical, but starts at wall time in µs, so that it is also newer than what an earlier process said. */
export function createStamps(source: string, now: () => number): Stamps {
  let last = 0;
  return {
    source,
    next(via) {
      const at = now();
      last = Math.max(last + 1, Math.round(at * 1000));
      return { clock: last, at, via };
    },
    fact: (content, stamp) => ({ ...content, ...stamp, source }),
  };
}
