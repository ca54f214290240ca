/** Vulcand's route language (facts/vulcand.md §6): what it takes, and which requests an expression matches. */

export interface Matcher {
  readonly name: string;
  readonly args: readonly string[];
}

export interface ProxyRequest {
  /** The Host header. */
  readonly host: string;
  readonly path: string;
  readonly method?: string;
}

const ARITY: Readonly<Record<string, number>> = {
  ...{ Host: 1, HostRegexp: 1, Path: 1, PathRegexp: 1, Method: 1, MethodRegexp: 1, Header: 2, HeaderRegexp: 2 },
};
const TOKEN = /\s*(?:([A-Za-z]+)|("(?:[^"\\\n]|\\.)*")|`([^`]*)`|(&&|[(),]))/y;

/** @returns null if it is not a valid expression */
export function parseRoute(expression: string): readonly Matcher[] | null {
  const tokens = tokensOf(expression);
  if (tokens === null) return null;
  const matchers: Matcher[] = [];
  let at = 0;
  do {
    if (matchers.length > 0) at += 1;
    const name = tokens[at];
    if (name?.kind !== "name" || tokens[at + 1]?.text !== "(") return null;
    const close = tokens.findIndex((token, index) => index > at && token.kind === "sign" && token.text === ")");
    const inside = tokens.slice(at + 2, close);
    if (close < 0 || inside.some(({ kind, text }, index) => (index % 2 === 0 ? kind !== "string" : text !== ","))) {
      return null;
    }
    const args = inside.filter((_, index) => index % 2 === 0).map(({ text }) => text);
    if (args.length !== ARITY[name.text] || !isCompilable(name.text, args)) return null;
    matchers.push({ name: name.text, args });
    at = close + 1;
  } while (tokens[at]?.text === "&&");
  return at === tokens.length ? matchers : null;
}

/** Which of the expressions a request goes to: they are tried in the reverse order of their text (router.go). */
export function routeOf(expressions: readonly string[], request: ProxyRequest): string | undefined {
  const sorted = [...new Set(expressions)].sort((a, b) => (a > b ? -1 : 1));
  return sorted.find((each) => parseRoute(each)?.every((matcher) => matches(matcher, request)) ?? false);
}

interface Token {
  readonly kind: "name" | "string" | "sign";
  readonly text: string;
}

function tokensOf(expression: string): readonly Token[] | null {
  const tokens: Token[] = [];
  const text = expression.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const found = TOKEN.exec(text);
    if (found === null) return null;
    const [, name, quoted, raw, sign] = found;
    const string = quoted === undefined ? raw : unquoted(quoted);
    if (string === null) return null;
    if (name !== undefined) tokens.push({ kind: "name", text: name });
    else if (string !== undefined) tokens.push({ kind: "string", text: string });
    else tokens.push({ kind: "sign", text: sign ?? "" });
  }
  return tokens;
}

/** A Go string literal; `"\."` is an invalid escape there. */
function unquoted(literal: string): string | null {
  if (/\\[^abfnrtv\\"xuU0-7]/.test(literal.replaceAll("\\\\", ""))) return null;
  try {
    return JSON.parse(literal.replace(/\\x([0-9a-fA-F]{2})/g, "\\u00$1")) as string;
  } catch {
    return null;
  }
}

function isCompilable(name: string, args: readonly string[]): boolean {
  if (!name.endsWith("Regexp")) return true;
  try {
    return new RegExp(args.at(-1) ?? "") instanceof RegExp;
  } catch {
    return false;
  }
}

function matches({ name, args: [first = ""] }: Matcher, request: ProxyRequest): boolean {
  const host = request.host.toLowerCase().split(":")[0] ?? "";
  const path = request.path.split("?")[0] ?? "";
  switch (name) {
    case "Host":
      return trie(first.toLowerCase(), ".").test(host);
    case "HostRegexp":
      return new RegExp(first.toLowerCase()).test(host);
    case "Path":
      return trie(first, "/").test(path);
    case "PathRegexp":
      return new RegExp(first).test(path);
    case "Method":
      return first === (request.method ?? "GET");
    case "MethodRegexp":
      return new RegExp(first).test(request.method ?? "GET");
    default:
      return false;
  }
}

/** `<name>` stands for one segment. */
function trie(pattern: string, separator: string): RegExp {
  const source = pattern
    .split(/(<[^>]*>)/)
    .map((part) => (/^<[^>]*>$/.test(part) ? `[^${separator}]+` : part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")));
  return new RegExp(`^${source.join("")}$`);
}
