import type { Row } from "./row.ts";

/** What a group of measurements is given. */
export interface Bench {
  readonly signal: AbortSignal;
  /** Fewer repetitions and smaller sizes: to see that it works, not to compare. */
  readonly isQuick: boolean;
  /** A temporary one of its own. */
  readonly folder: string;
  /** Tells whoever waits what goes on, in one line. */
  note(text: string): void;
}

/** Measures one group. Rejects if it can't; what is lost or too slow is in the rows. */
export type Measure = (bench: Bench) => Promise<readonly Row[]>;
