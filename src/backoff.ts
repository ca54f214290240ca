/**
 * How long to wait before attempt `attempt` + 1: exponential with full jitter above a floor of half the step, so that
 * many Musters that lost one registry at one moment don't come back at one moment.
 * @param attempt failures so far, 1 for the first
 * @returns ms, at most `max`
 */
export function backoff(
  attempt: number,
  { base, max, random }: { base: number; max: number; random: () => number },
): number {
  const step = Math.min(max, base * 2 ** Math.min(attempt - 1, 30));
  return Math.round(step / 2 + (step / 2) * random());
}

/** A period shortened by at most 20 %, so that periodic work of many Musters spreads out and none comes late. */
export function jittered(period: number, random: () => number): number {
  return Math.round(period * (1 - 0.2 * random()));
}
