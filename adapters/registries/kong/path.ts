/** Paths of routes: plain prefixes, in the form in which Kong compares them, for versions that would guess otherwise. */

/** Visible ASCII without what ends a path or what a URL parser would change. */
const PATH = /^\/(?:[!$&-;=@-[\]_a-z~]|%[0-9A-Fa-f]{2})*$/;
/** What up to 2.8 makes no regular expression of (Kong's `router.lua`). */
const PLAIN = /^[A-Za-z0-9._~/%-]*$/;

/** @returns the path with as few `%` as possible, as Kong normalises requests; null if it is none that Kong would match */
export function normalPath(path: string): string | null {
  if (!PATH.test(path)) return null;
  const normal = path.replace(/%[0-9A-Fa-f]{2}/g, (triplet) => {
    const character = String.fromCharCode(Number.parseInt(triplet.slice(1), 16));
    return /[A-Za-z0-9._~-]/.test(character) ? character : triplet.toUpperCase();
  });
  // Requests never have these: Kong merges slashes and resolves dots before it looks for a route.
  return normal.includes("//") || /\/\.{1,2}(?:\/|$)/.test(normal) ? null : normal;
}

/** @returns whether up to 2.8 takes it for a regular expression, and so goes by its priority */
export function isUnusual(path: string): boolean {
  return !PLAIN.test(path);
}

/** @param guessesRegex see `Dialect` */
export function writePath(path: string, guessesRegex: boolean): string {
  return guessesRegex && isUnusual(path) ? path.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&") : path;
}

/** From what any version gives, also what an upgrade from 2.8 to 3.x has made of it (`~/…`). */
export function readPath(stored: string): string {
  return stored.replace(/^~/, "").replace(/\\(.)/g, "$1");
}
