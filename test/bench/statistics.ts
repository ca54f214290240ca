/** What was measured on one side of a row. */
export interface Figures {
  /** What is compared; of several measurements the median. */
  readonly value: number;
  readonly p95?: number;
  readonly p99?: number;
  readonly max?: number;
  /** How many were measured. */
  readonly count?: number;
  /** How many did not come about in time, and are not among the others. */
  readonly lost?: number;
}

/** @param values in any order; null: lost */
export function summarise(values: readonly (number | null)[]): Figures {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  const count = sorted.length;
  return { value: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1), count, lost: values.length - count };
}
