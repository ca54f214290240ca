/**
 * The pieces that every options schema is made of. Adapters use them for their own options, so that a wrong value
 * reads the same everywhere. valibot, because it adds ~12 ms to a cold start where zod adds ~100 (facts/toolchain.md).
 */
import * as v from "valibot";

/** What is wrong with an answer, but for the text that is there: a server may repeat what it was sent, tokens included. */
export function misfitOf({ message, received }: v.BaseIssue<unknown>): string {
  return received.startsWith('"') ? message.replaceAll(received, "a text") : message;
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Reads a duration such as `250ms`, `30s`, `1.5m`, `2h`.
 * @returns milliseconds, or null if it is not one; a bare number is not one
 */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text.trim());
  if (match === null) return null;
  return Math.round(Number(match[1]) * (UNITS[match[2] ?? ""] ?? Number.NaN));
}

const ISO_TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/;

/**
 * Reads a time such as `2026-11-21T08:00:00Z`, or a duration for so long before `now`.
 * @returns ms since the epoch, or null if it is neither
 */
export function parseSince(text: string, now: number): number | null {
  const ago = parseDuration(text);
  if (ago !== null) return now - ago;
  // Date.parse takes much for a time, "5" for one.
  const time = ISO_TIME.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? null : time;
}

/** A duration in the configuration; gives ms. */
export const duration = v.pipe(
  v.string("expected a duration such as 30s (units: ms, s, m, h)"),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const ms = parseDuration(dataset.value);
    if (ms !== null) return ms;
    addIssue({ message: "expected a duration such as 30s (units: ms, s, m, h)" });
    return NEVER;
  }),
);

/** A path to a file, relative to the working directory. */
export const path = v.pipe(v.string("expected a path"), v.nonEmpty("expected a path, got an empty string"));

/** An `http:` or `https:` URL without credentials in it (those belong into files). Gives it without a trailing slash. */
export const httpUrl = v.pipe(
  v.string("expected an http(s) URL"),
  v.check(
    (text) => /^https?:\/\//.test(text) && URL.canParse(text),
    "expected an http(s) URL such as http://127.0.0.1:8500",
  ),
  v.check(
    (text) => !URL.canParse(text) || !hasCredentials(new URL(text)),
    "expected a URL without credentials; name a file for them instead",
  ),
  v.transform((text) => text.replace(/\/+$/, "")),
);

function hasCredentials(url: URL): boolean {
  return url.username !== "" || url.password !== "";
}

/** A TCP or UDP port. */
export const port = v.pipe(
  v.number("expected a port number from 1 to 65535"),
  v.integer("expected a port number from 1 to 65535"),
  v.minValue(1, "expected a port number from 1 to 65535"),
  v.maxValue(65_535, "expected a port number from 1 to 65535"),
);

/** A name in our own naming: cluster, node, adapter. */
export const identifier = v.pipe(
  v.string("expected a name"),
  v.regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62})$/,
    "expected a name of letters, digits, '.', '_' and '-', at most 63 long",
  ),
);
