/**
 * Moments by the leader's clock. Only within one epoch (one connection to the event stream) can they be compared: the
 * clock of the next leader may run behind (facts/marathon.md, anomaly 27). Pure.
 */
export interface Moment {
  /** Connections so far. */
  readonly epoch: number;
  /** ms by the leader's clock; 0: before all. */
  readonly ts: number;
}

export const NEVER: Moment = { epoch: 0, ts: 0 };

export function isOlder(a: Moment, b: Moment): boolean {
  return a.epoch === b.epoch ? a.ts < b.ts : a.epoch < b.epoch;
}

/** A question that was asked: what it can know, and what it can't. */
export interface Look extends Moment {
  /** Events read before it was asked; what an answer lacks counts only for tasks that were heard of before. */
  readonly heard: number;
  /** ms since the epoch, by our own clock. */
  readonly at: number;
}
