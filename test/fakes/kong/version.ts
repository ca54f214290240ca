/** In what the versions differ (facts/kong.md §3 and §9). */

export type KongVersion = "2.1.4" | "2.8.5" | "3.4.2";

/** @returns whether `version` is at least `other`; both as `major.minor.patch` */
export function isAtLeast(version: string, other: string): boolean {
  const [a, b] = [version, other].map((text) => text.split(".").map(Number)) as [number[], number[]];
  for (const [index, number] of b.entries()) {
    const own = a[index] ?? 0;
    if (own !== number) return own > number;
  }
  return true;
}
