/**
 * Configuration from the environment, pure. `MUSTER_` + path, `__` between levels; within a level case and underscores
 * do not count, so that `MUSTER_POLICY__ON_EXIT` and `MUSTER_POLICY__ONEXIT` are both `policy.onExit`. A value is taken
 * as text where the schema wants text, and as YAML elsewhere; lists may be written `a,b` as well. Empty is not given.
 */
import { parse } from "yaml";
import { isTree, type Shape, type Tree, unwrap } from "./shape.ts";
import { nearest, normalised } from "./suggest.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Overlay {
  readonly tree: Tree;
  /** The variable that a path (joined by `.`) comes from. */
  readonly origins: ReadonlyMap<string, string>;
  readonly problems: readonly string[];
}

const PREFIX = "MUSTER_";
/** Names the file itself. */
const CONFIG_FILE = "MUSTER_CONFIG";

/** Lays the variables over the tree from the file. */
export function overlayEnvironment(tree: Tree, env: Environment, shape: Shape): Overlay {
  const origins = new Map<string, string>();
  const problems: string[] = [];
  let result = tree;
  for (const name of Object.keys(env).toSorted((a, b) => (a < b ? -1 : 1))) {
    // sorted, so that a section comes before its keys
    const text = env[name];
    if (!name.startsWith(PREFIX) || name === CONFIG_FILE || text === undefined || text === "") continue;
    const segments = name.slice(PREFIX.length).split("__");
    if (segments.some((segment) => segment === "")) {
      problems.push(`${name}: expected MUSTER_ and the path of a key, with two underscores between levels`);
      continue;
    }
    const [first = ""] = segments;
    if (segments.length === 1 && !isKnown(first, shape)) {
      const meant = misspelt(first, shape);
      if (meant !== null) problems.push(`${name}: not a key (did you mean ${meant}?)`);
      continue;
    }
    const { path, leaf } = resolve(segments, shape, result);
    origins.set(path.join("."), name);
    result = put(result, path, coerce(leaf, text));
  }
  return { tree: result, origins, problems };
}

function isKnown(segment: string, shape: Shape): boolean {
  return Object.keys(shape.entries ?? {}).some((key) => normalised(key) === normalised(segment));
}

/**
 * A variable of one level that is no key. Others than us set such ones (a Kubernetes service called `muster` gives every
 * pod MUSTER_PORT and MUSTER_SERVICE_HOST), so only what is clearly meant for us is a mistake.
 */
function misspelt(segment: string, shape: Shape): string | null {
  const paths = leafPaths(shape, []);
  const joined = paths.find((path) => path.length > 1 && normalised(path.join("")) === normalised(segment));
  if (joined !== undefined) return PREFIX + joined.map((key) => key.toUpperCase()).join("__");
  const scalars = paths.filter((path) => path.length === 1).map(([key = ""]) => key);
  const near = nearest(segment, scalars);
  return near === null ? null : PREFIX + near.toUpperCase();
}

function leafPaths(shape: Shape, path: readonly string[]): readonly (readonly string[])[] {
  const { entries } = unwrap(shape);
  if (entries === undefined) return [path];
  return Object.entries(entries).flatMap(([key, inner]) => leafPaths(inner, [...path, key]));
}

/** The path as the configuration writes it, and the schema at its end (null where there is none). */
function resolve(
  segments: readonly string[],
  root: Shape,
  tree: Tree,
): { readonly path: readonly string[]; readonly leaf: Shape | null } {
  const path: string[] = [];
  let shape: Shape | null = root;
  let value: unknown = tree;
  for (const segment of segments) {
    const here: Shape | null = shape === null ? null : unwrap(shape);
    const entries: Readonly<Record<string, Shape>> = here?.entries ?? {};
    const known = [...Object.keys(entries), ...(isTree(value) ? Object.keys(value) : [])];
    const key = known.find((candidate) => normalised(candidate) === normalised(segment)) ?? segment.toLowerCase();
    path.push(key);
    shape = (Object.hasOwn(entries, key) ? entries[key] : here?.value) ?? null;
    value = isTree(value) ? value[key] : undefined;
  }
  return { path, leaf: shape };
}

function put(tree: Tree, path: readonly string[], value: unknown): Tree {
  const [key = "", ...rest] = path;
  if (rest.length === 0) return { ...tree, [key]: value };
  const inner = Object.hasOwn(tree, key) ? tree[key] : undefined;
  return { ...tree, [key]: put(isTree(inner) ? inner : {}, rest, value) };
}

/** Reads the text as the schema wants it; a text that can't be so read stays a text, for the schema to refuse. */
function coerce(leaf: Shape | null, text: string): unknown {
  const shape = leaf === null ? null : unwrap(leaf);
  if (shape === null) return parseYaml(text);
  if (["string", "picklist", "literal", "enum"].includes(shape.type)) return text;
  const value = parseYaml(text);
  if (shape.type === "array") return Array.isArray(value) ? value : text.split(",").map((item) => item.trim());
  if (shape.type === "union") return fitsUnion(shape, value) ? value : text;
  return value;
}

function fitsUnion({ options = [] }: Shape, value: unknown): boolean {
  const types = options.map((option) => (typeof option === "string" ? option : unwrap(option).type));
  return typeof value === "object" || types.includes(typeof value);
}

function parseYaml(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return text;
  }
}
