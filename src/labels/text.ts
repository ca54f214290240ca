/** Foreign text: what of it may be registered, and how it is shown to a person. */

const MAX_SHOWN = 60;

/** Control characters, line separators, lone surrogates (no registry gives them back) and direction overrides. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u;
const NOT_SHOWN = /[\p{Cc}\p{Cs}\p{Cf}\u2028\u2029]/gu;

export function isPrintable(text: string): boolean {
  return !UNPRINTABLE.test(text);
}

/** UTF-8 length: registries count bytes. */
export function byteLength(text: string): number {
  return Buffer.byteLength(text);
}

/** The text in quotes, on one line, at most 60 characters of it, with what can't be seen escaped. */
export function quote(text: string): string {
  return `"${shorten(text).replaceAll('"', '\\"')}"`;
}

/** The text on one line, at most `max` characters of it, with what can't be seen escaped. */
export function shorten(text: string, max = MAX_SHOWN): string {
  // A slice first, since the text may be huge; one character has at most two code units.
  const visible = Array.from(text.slice(0, 2 * max + 2).replace(NOT_SHOWN, escapeCharacter));
  return visible.length <= max && text.length <= 2 * max + 2 ? visible.join("") : `${visible.slice(0, max).join("")}…`;
}

function escapeCharacter(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** Order by code units: the same on every machine, unlike a locale's. */
export function byCodeUnit(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
