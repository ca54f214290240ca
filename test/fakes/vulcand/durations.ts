/** Go's durations, and what each version makes of one as a TTL (facts/vulcand.md §4, measured). */
import { type Dialect, isBeta, isV3, mistake } from "./dialect.ts";

const UNITS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** @returns ms */
export function parseGoDuration(dialect: Dialect, text: string): number {
  const sign = text.startsWith("-") ? -1 : 1;
  const unsigned = text.replace(/^[+-]/, "");
  if (unsigned === "0") return 0;
  if (/^\d+(?:\.\d+)?$/.test(unsigned)) throw mistake(dialect, `time: missing unit in duration "${text}"`);
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|ms|s|m|h))+$/.test(unsigned)) {
    throw mistake(dialect, `time: invalid duration "${text}"`);
  }
  let ms = 0;
  for (const [, amount, unit] of unsigned.matchAll(/(\d+(?:\.\d+)?)(ns|us|ms|s|m|h)/g)) {
    ms += Number(amount) * (UNITS[unit ?? ""] ?? Number.NaN);
  }
  return sign * ms;
}

/** @returns ms until it expires, 0 for at once; null: never */
export function lifetime(dialect: Dialect, ms: number): number | null {
  const seconds = Math.trunc(ms / 1000);
  if (isBeta(dialect)) return seconds === 0 ? null : Math.max(0, seconds * 1000);
  if (ms <= 0) return null;
  return isV3(dialect) ? Math.max(2, seconds) * 1000 : seconds * 1000;
}
