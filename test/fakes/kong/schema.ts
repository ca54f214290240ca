/** What each kind accepts, with the messages of the real ones as far as they were recorded. */
import type { Violations } from "./refusal.ts";
import type { Kind } from "./store.ts";
import { isAtLeast } from "./version.ts";

type Fields = Readonly<Record<string, unknown>>;
type Said = Violations[string] | undefined;

/** @returns what is wrong with the fields that are given, by field; empty if nothing */
export function violations(kind: Kind, given: Fields, known: Fields, version: string): Violations {
  const found: Violations = {};
  for (const [field, value] of Object.entries(given)) {
    const said = field in known || META.has(field) ? fieldFault(kind, field, value, version) : "unknown field";
    if (said !== undefined) found[field] = said;
  }
  return found;
}

const META: ReadonlySet<string> = new Set(["id", "created_at", "updated_at"]);
const REQUIRED: Readonly<Record<Kind, string | null>> = { upstreams: "name", services: "host", routes: null };

/** @returns what is wrong with the row as a whole */
export function rowViolations(kind: Kind, row: Fields): Violations {
  const found: Violations = {};
  const required = REQUIRED[kind];
  if (required !== null && (row[required] ?? null) === null) found[required] = "required field missing";
  if (kind === "upstreams" && row["hash_on"] === "header" && (row["hash_on_header"] ?? null) === null) {
    found["@entity"] = ["failed conditional validation given value of field 'hash_on'"];
    found["hash_on_header"] = "required field missing";
  }
  const matchers = ["methods", "hosts", "headers", "paths", "snis"];
  if (kind === "routes" && matchers.every((field) => (row[field] ?? null) === null)) {
    const list = matchers.map((field) => `'${field}'`).join(", ");
    found["@entity"] = [`must set one of ${list} when 'protocols' is 'https'`];
  }
  return found;
}

function fieldFault(kind: Kind, field: string, value: unknown, version: string): Said {
  if (value === null) return undefined;
  switch (field) {
    case "tags":
      return tagsFault(value, version);
    case "name":
      return kind === "upstreams" ? upstreamNameFault(String(value), version) : undefined;
    case "slots":
    case "port":
    case "retries":
    case "regex_priority":
      return Number.isInteger(value) ? undefined : "expected an integer";
    case "hash_on":
      return hashOnFault(String(value), version);
    case "paths":
      return each(value, (path) => pathFault(path, version));
    case "hosts":
      return each(value, (host) => (/^[\w.*-]+$/.test(host) ? undefined : `invalid hostname: ${host}`));
    case "protocols":
      return protocolsFault(value);
    case "strip_path":
    case "preserve_host":
      return typeof value === "boolean" ? undefined : "expected a boolean";
    default:
      return undefined;
  }
}

function each(value: unknown, fault: (element: string) => string | undefined): Said {
  if (!Array.isArray(value)) return "expected an array";
  return holes(value.map((element) => fault(String(element)) ?? null));
}

/** With null for what is right, up to the last fault, as a Lua array is encoded. */
function holes(faults: readonly (string | null)[]): Said {
  const last = faults.findLastIndex((fault) => fault !== null);
  return last < 0 ? undefined : faults.slice(0, last + 1);
}

/** Up to 2.1 letters, digits and `. - _ ~` only; in 2.x no blanks (recorded: "tag with colon, equals, space"). */
export function tagsFault(value: unknown, version: string): Said {
  if (!Array.isArray(value)) return "expected a set";
  return holes(value.map((tag) => tagFault(String(tag), version)));
}

function tagFault(tag: string, version: string): string | null {
  if (!isAtLeast(version, "2.2.0")) return /^[A-Za-z0-9._~-]+$/.test(tag) ? null : `invalid value: ${tag}`;
  const isFine = isAtLeast(version, "3.0.0") ? /^[^,/\p{Cc}]+$/u : /^[^,/\s\p{Cc}]+$/u;
  return isFine.test(tag)
    ? null
    : `invalid tag '${tag}': expected printable ascii (except \`,\` and \`/\`) or valid utf-8 sequences`;
}

/** @returns why it is no name for an upstream */
export function upstreamNameFault(name: string, version: string): string | undefined {
  const what = isAtLeast(version, "2.2.0") ? `Invalid name ('${name}')` : "Invalid name";
  if (/:\d+$/.test(name)) return `${what}; no port allowed`;
  if (/^\d+(?:\.\d+){3}$/.test(name)) return `${what}; no ip addresses allowed`;
  const isHostname = name.split(".").every((part) => /^[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?$/.test(part));
  return isHostname && !/^[\d.]+$/.test(name) ? undefined : `${what}; must be a valid hostname`;
}

function hashOnFault(value: string, version: string): string | undefined {
  const known = ["none", "consumer", "ip", "header", "cookie"];
  if (isAtLeast(version, "3.0.0")) known.push("path", "query_arg", "uri_capture");
  return known.includes(value) ? undefined : `expected one of: ${known.join(", ")}`;
}

function pathFault(path: string, version: string): string | undefined {
  const isNew = isAtLeast(version, "3.0.0");
  if (path.startsWith("/") || (isNew && path.startsWith("~/"))) return undefined;
  return isNew ? "should start with: / (fixed path) or ~/ (regex path)" : "should start with: /";
}

function protocolsFault(value: unknown): string | undefined {
  if (!Array.isArray(value)) return "expected a set";
  const unknown = value.find((protocol) => !/^(?:http|tcp|tls|udp|grpc)s?$/.test(String(protocol)));
  return unknown === undefined ? undefined : `unknown type: ${unknown}`;
}
