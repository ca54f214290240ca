/** How a label's text is parsed: one value or a comma list, and what becomes of bad ones. */
import { looksSecret } from "./secrets.ts";

/** Something that was dropped. */
export interface Fault {
  /** The offending part as it was written; null: not to be shown. */
  readonly value: string | null;
  /** What was expected. */
  readonly reason: string;
}

export interface Parsed<T> {
  /** `null`: the label takes back what weaker ones say; `undefined`: nothing of it can be used, as if it were absent. */
  readonly value: T | null | undefined;
  readonly faults: readonly Fault[];
}

export type Parser<T> = (raw: string) => Parsed<T>;

export const MAX_VALUE_LENGTH = 4096;
const MAX_ITEMS = 64;

export const SECRET_REASON = "it looks like a secret, and whatever is registered can be read by everybody";
const LENGTH_REASON = `expected at most ${MAX_VALUE_LENGTH} characters`;

/** A parser of one value; `read` gets the trimmed text, and gives undefined if it is not one. */
export function scalar<T>(read: (text: string) => T | null | undefined, expected: string): Parser<T> {
  return (raw) => {
    if (raw.length > MAX_VALUE_LENGTH) return refused(null, LENGTH_REASON);
    const text = raw.trim();
    if (text === "") return { value: null, faults: [] };
    if (looksSecret(text)) return refused(null, SECRET_REASON);
    const value = read(text);
    return value === undefined ? refused(text, expected) : { value, faults: [] };
  };
}

/** A parser of a comma list: each item for itself, trimmed, without empty and repeated ones, in their order. */
export function list(read: (item: string) => string | undefined, expected: string): Parser<readonly string[]> {
  return (raw) => {
    if (raw.length > MAX_VALUE_LENGTH) return refused(null, LENGTH_REASON);
    if (raw.trim() === "") return { value: null, faults: [] };
    const items = splitList(raw);
    const harmless = items.filter((item) => !looksSecret(item));
    // A secret with a comma in it is none of its parts, even if one of them can't be used anyway.
    if (looksSecret(harmless.join(","))) return refused(null, SECRET_REASON);
    const { values, faults } = readItems(items, harmless, read, expected);
    if (values.length > MAX_ITEMS) faults.push({ value: null, reason: `only the first ${MAX_ITEMS} are used` });
    return { value: values.length === 0 && faults.length > 0 ? undefined : values.slice(0, MAX_ITEMS), faults };
  };
}

/** One fault for all secrets, and one for all other bad items. */
function readItems(
  items: readonly string[],
  harmless: readonly string[],
  read: (item: string) => string | undefined,
  expected: string,
) {
  const bad = harmless.filter((item) => read(item) === undefined);
  const faults: Fault[] = [];
  if (harmless.length < items.length) faults.push({ value: null, reason: SECRET_REASON });
  if (bad[0] !== undefined) faults.push({ value: bad[0], reason: `${expected}${andMore(bad.length - 1)}` });
  return { values: [...new Set(harmless.map(read))].filter((value) => value !== undefined), faults };
}

function andMore(count: number): string {
  return count === 0 ? "" : `; so are ${count} more of them`;
}

export function refused(value: string | null, reason: string): Parsed<never> {
  return { value: undefined, faults: [{ value, reason }] };
}

/** Splits at commas; `\,` is a comma in an item. */
function splitList(raw: string): readonly string[] {
  return raw
    .split(/(?<!\\),/)
    .map((item) => item.replaceAll("\\,", ",").trim())
    .filter((item) => item !== "");
}

/**
 * Where nothing of a value can be used: `instead` is set, so that weaker labels do not show through. For what steers
 * traffic, where less said means more traffic (a route without its bad host would catch every host).
 */
export function failClosed<T, R>(parse: Parser<T>, instead: R, consequence: string): Parser<T | R> {
  return (raw) => {
    const parsed = parse(raw);
    if (parsed.value !== undefined) return parsed;
    const faults = parsed.faults.map(({ value, reason }) => ({ value, reason: `${reason}; ${consequence}` }));
    return { value: instead, faults };
  };
}

/** Gives the value of a parser another form. */
export function mapped<T, R>(parse: Parser<T>, change: (value: T) => R | null): Parser<R> {
  return (raw) => {
    const { value, faults } = parse(raw);
    if (value === undefined) return { value: undefined, faults };
    return { value: value === null ? null : change(value), faults };
  };
}
