/** What depends on Marathon's version. Pure. */

/** Marathon up to 1.7 drops events for slow readers without a word (facts/marathon.md, fact 10); ms. */
const PERIOD_OF_OLD = 60_000;
const PERIOD = 300_000;

/** Whether a version such as `1.9.109` is at least `major.minor`; one that is not known counts as new. */
export function atLeast(version: string | null, major: number, minor: number): boolean {
  const match = /^v?(\d+)\.(\d+)/.exec(version ?? "");
  if (match === null) return true;
  const [ownMajor, ownMinor] = [Number(match[1]), Number(match[2])];
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}

/**
 * Period of full listings, ms; 0: none.
 * @param own the source's option
 * @param general the policy's; 0: none
 */
export function resyncPeriod(version: string | null, own: number | undefined, general: number): number {
  if (own !== undefined) return own;
  if (general === 0) return 0;
  const isOld = version === null || !atLeast(version, 1, 8);
  return Math.min(isOld ? PERIOD_OF_OLD : PERIOD, general);
}
