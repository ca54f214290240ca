/** Reads the YAML text, and remembers on which line each key stands. */
import { isMap, LineCounter, type Node, parseDocument } from "yaml";
import { isTree, type Tree } from "./shape.ts";

export interface ConfigDocument {
  readonly tree: Tree;
  /** Line of a key, or of the nearest section above it that is there; null if none of it is in the file. */
  lineOf(path: readonly string[]): number | null;
}

export interface SyntaxProblem {
  readonly line: number | null;
  readonly what: string;
}

export type ReadDocument = { readonly document: ConfigDocument } | { readonly problems: readonly SyntaxProblem[] };

export function readDocument(text: string): ReadDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  if (document.errors.length > 0) {
    return {
      problems: document.errors.map(({ pos, message }) => ({
        line: lines.linePos(pos[0]).line,
        what: oneLine(message),
      })),
    };
  }
  let tree: unknown;
  try {
    tree = document.toJS() ?? {};
  } catch (error) {
    // too many aliases: the only thing left that can go wrong
    return { problems: [{ line: null, what: error instanceof Error ? oneLine(error.message) : String(error) }] };
  }
  if (!isTree(tree)) return { problems: [{ line: 1, what: "expected keys such as `registries:` at the top level" }] };
  return { document: { tree, lineOf: (path) => lineOf(document.contents, path, lines) } };
}

function lineOf(root: unknown, path: readonly string[], lines: LineCounter): number | null {
  let node: unknown = root;
  let offset: number | null = null;
  for (const key of path) {
    const next = childOf(node, key);
    if (next === null) break;
    offset = next.offset ?? offset;
    node = next.node;
  }
  return offset === null ? null : lines.linePos(offset).line;
}

function childOf(node: unknown, key: string): { readonly node: unknown; readonly offset: number | null } | null {
  if (isMap(node)) {
    const pair = node.items.find((item) => String(item.key) === key);
    return pair === undefined ? null : { node: pair.value, offset: startOf(pair.key) };
  }
  if (typeof node !== "object" || node === null || !("items" in node) || !Array.isArray(node.items)) return null;
  const item: unknown = node.items[Number(key)];
  return item === undefined ? null : { node: item, offset: startOf(item) };
}

function startOf(node: unknown): number | null {
  return (node as Partial<Node> | null)?.range?.[0] ?? null;
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, " ").trim();
}
