/**
 * Vulcand's route language (facts/vulcand.md §6). Regular expressions are anchored, since Vulcand's are not. Routes are tried
 * in the reverse order of their text (vulcand/route, router.go), so the text is chosen such that the more specific comes
 * first: exact hosts, then wildcards, then none, which are moved back by leading spaces; within a host longer paths.
 */
import { quoted } from "../../text.ts";

/** What one frontend serves. */
export interface Target {
  /** Lower case; `*.example.com` for all below; null: any. */
  readonly host: string | null;
  /** `/shop` stands for itself and all below; `/` for all. */
  readonly path: string;
}

const HOST = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_.-]{0,250}[a-z0-9_])?$/;
const PATH = /^\/[\x21-\x7e]*$/;

/** Says in a few words why it can't be a route here; null if it can. */
export function faultOf({ host, path }: Target): string | null {
  if (host !== null && !HOST.test(host)) return `route host ${quoted(host)} is no host name`;
  if (!PATH.test(path) || /[?#]|\/\//.test(path)) {
    return `route path ${quoted(path)} must start with one '/' and have no query, other characters percent-encoded`;
  }
  return null;
}

/** What only one service can have. */
export function claimOf({ host, path }: Target): string {
  return `${host ?? "*"}${path}`;
}

export function expressionOf({ host, path }: Target): string {
  const parts = [...hostPart(host), ...pathPart(path)];
  return `${" ".repeat(depthOf(host))}${parts.length === 0 ? 'PathRegexp("/.*")' : parts.join(" && ")}`;
}

/** @returns null for what is neither in our words nor in those of the showcase's scripts */
export function readExpression(expression: string): Target | null {
  const said = matchersIn(expression);
  if (said === null) return null;
  const path = said.get("PathRegexp") ?? "/.*";
  const prefix = path === "/.*" || path === ".*" ? "/" : prefixIn(path);
  const wildcard = said.get("HostRegexp");
  const domain = wildcard === undefined ? undefined : domainIn(wildcard);
  if (prefix === null || domain === null) return null;
  const host = said.get("Host")?.toLowerCase() ?? (domain === undefined ? null : `*.${domain}`);
  return { host, path: prefix };
}

function hostPart(host: string | null): readonly string[] {
  if (host === null) return [];
  if (!host.startsWith("*.")) return [`Host("${host}")`];
  return [`HostRegexp(\`^.+${patternOf(host.slice(1))}$\`)`];
}

function pathPart(path: string): readonly string[] {
  if (path === "/") return [];
  const rest = path.endsWith("/") ? "(.*)" : "(/.*)?";
  return [`PathRegexp(\`^${patternOf(path)}${rest}$\`)`];
}

/** Spaces in front: 0 for an exact host, more the less a wildcard says, most for none. */
function depthOf(host: string | null): number {
  if (host === null) return 9;
  return host.startsWith("*.") ? Math.max(1, 9 - host.split(".").length) : 0;
}

/** Escapes sort after the `(` that ends a shorter path's pattern, as all other characters of a path do. */
function patternOf(text: string): string {
  return text.replace(/[^A-Za-z0-9/_-]/g, (character) => {
    return character === "." ? "\\." : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

function textIn(pattern: string): string | null {
  const text = pattern
    .replaceAll("\\.", ".")
    .replace(/\\x([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return patternOf(text) === pattern ? text : null;
}

function prefixIn(pattern: string): string | null {
  const body = /^\^(.*?)(?:\(\.\*\)|\(\/\.\*\)\?)\$$/.exec(pattern)?.[1];
  return body === undefined ? null : textIn(body);
}

function domainIn(pattern: string): string | null {
  const body = /^\^\.\+\\\.(.*)\$$/.exec(pattern)?.[1];
  return body === undefined ? null : textIn(body);
}

const MATCHER = /\s*(Host|HostRegexp|PathRegexp)\(\s*(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`)\s*\)\s*(&&|$)/y;

function matchersIn(expression: string): ReadonlyMap<string, string> | null {
  const said = new Map<string, string>();
  MATCHER.lastIndex = 0;
  for (let more = true; more; ) {
    const [, name, quotedText, raw, and] = MATCHER.exec(expression) ?? [];
    if (name === undefined || said.has(name)) return null;
    said.set(name, raw ?? (quotedText ?? "").replace(/\\(.)/g, "$1"));
    more = and === "&&";
  }
  return said.has("Host") && said.has("HostRegexp") ? null : said;
}
