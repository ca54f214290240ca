/** Reads foreign JSON field by field: permissive on what is not used, never throwing. Pure. */

import { shared } from "./shared.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** A JSON object; null for anything else. */
export function fieldsOf(value: unknown): Fields | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : null;
}

/** The object under a key; an empty one where there is none. */
export function inner(fields: Fields, key: string): Fields {
  return fieldsOf(fields[key]) ?? {};
}

/** A text that is not empty, else null. */
export function text(fields: Fields, key: string): string | null {
  const value = fields[key];
  return typeof value === "string" && value !== "" ? value : null;
}

/** The same for a text that many tasks have in common. */
export function common(fields: Fields, key: string): string | null {
  const value = text(fields, key);
  return value === null ? null : shared(value);
}

export function integer(fields: Fields, key: string): number | null {
  const value = fields[key];
  return typeof value === "number" && Number.isSafeInteger(value) ? value : null;
}

export function flag(fields: Fields, key: string): boolean | null {
  const value = fields[key];
  return typeof value === "boolean" ? value : null;
}

/** A list; empty where there is none, since Marathon up to 1.4 omits empty ones. */
export function list(fields: Fields, key: string): readonly unknown[] {
  const value = fields[key];
  return Array.isArray(value) ? value : [];
}

/** The objects in a list. */
export function objects(fields: Fields, key: string): readonly Fields[] {
  return list(fields, key)
    .map(fieldsOf)
    .filter((item) => item !== null);
}

/** Text to text, as labels are; other values are left out. */
export function texts(fields: Fields, key: string): Readonly<Record<string, string>> {
  const entries = Object.entries(inner(fields, key));
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
}

/** Usable port numbers of a list; 0 and nonsense are none. */
export function ports(values: readonly unknown[]): readonly number[] {
  return values.filter((value): value is number => isPort(value));
}

export function isPort(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= 65_535;
}

/** ms since the epoch of an ISO time; null if it is none. */
export function time(fields: Fields, key: string): number | null {
  const value = fields[key];
  const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

/** A host name or address; `unknown` (Marathon 1.8+ for tasks that are not placed) is none. */
export function host(fields: Fields, key: string): string | null {
  const value = common(fields, key);
  return value === "unknown" ? null : value;
}

/** An app version; the year 1970 stands for "none" (facts/marathon.md, anomaly 31). */
export function version(fields: Fields, key: string): string | null {
  const value = common(fields, key);
  return value?.startsWith("1970-") === true ? null : value;
}

/** `[{ ipAddress, protocol }]` as texts. */
export function addresses(fields: Fields, key: string): readonly string[] {
  return objects(fields, key).flatMap((item) => text(item, "ipAddress") ?? []);
}
