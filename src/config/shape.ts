/** Looks into a valibot schema: which keys it has, what its defaults are, what type it wants. Pure. */
import type * as v from "valibot";

/** The parts of a valibot schema that are looked at; which of them there are depends on `type`. */
export interface Shape {
  readonly type: string;
  /** Objects. */
  readonly entries?: Readonly<Record<string, Shape>>;
  /** optional, nullish and their like. */
  readonly wrapped?: Shape;
  readonly default?: unknown;
  /** Arrays. */
  readonly item?: Shape;
  /** Records. */
  readonly value?: Shape;
  /** Unions. */
  readonly options?: readonly (Shape | string)[];
}

export type Tree = Readonly<Record<string, unknown>>;

export function shapeOf(schema: v.GenericSchema): Shape {
  return schema as unknown as Shape;
}

/** The schema inside optional, nullish and their like. */
export function unwrap(shape: Shape): Shape {
  return shape.wrapped === undefined ? shape : unwrap(shape.wrapped);
}

export function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What would stand in a file that says everything: `value` with the schema's defaults for what it does not give. */
export function withDefaults(shape: Shape, value: unknown): unknown {
  const given = value === undefined ? defaultOf(shape) : value;
  const { entries } = unwrap(shape);
  if (entries === undefined || !isTree(given)) return given;
  const known = Object.entries(entries).map(([key, inner]) => [key, withDefaults(inner, given[key])] as const);
  const others = Object.entries(given).filter(([key]) => !Object.hasOwn(entries, key));
  return Object.fromEntries([...known, ...others].filter(([, inner]) => inner !== undefined));
}

function defaultOf(shape: Shape): unknown {
  const own: unknown = typeof shape.default === "function" ? shape.default() : shape.default;
  return own === undefined && shape.wrapped !== undefined ? defaultOf(shape.wrapped) : own;
}

/** A copy without keys whose value is null (`policy:` with all of its keys commented out): they are not given. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  );
}

export type Misfit =
  | {
      readonly kind: "unknown-key";
      readonly path: readonly string[] /** In its place. */;
      readonly known: readonly string[];
    }
  /** A list where keys are wanted; valibot takes it for an object. */
  | { readonly kind: "list"; readonly path: readonly string[]; readonly found: readonly unknown[] };

/** All keys that the schema does not have, and lists in place of keys, deeply. */
export function misfits(shape: Shape, value: unknown, path: readonly string[] = []): readonly Misfit[] {
  const { type, entries, item, value: inner } = unwrap(shape);
  if (Array.isArray(value)) {
    if (entries !== undefined || inner !== undefined) return [{ kind: "list", path, found: value }];
    return item === undefined ? [] : value.flatMap((one, index) => misfits(item, one, [...path, String(index)]));
  }
  if (!isTree(value)) return [];
  return Object.entries(value).flatMap(([key, one]): readonly Misfit[] => {
    const at = [...path, key];
    if (entries === undefined) return inner === undefined ? [] : misfits(inner, one, at);
    const known = Object.hasOwn(entries, key) ? entries[key] : undefined;
    if (known !== undefined) return misfits(known, one, at);
    return type === "loose_object" ? [] : [{ kind: "unknown-key", path: at, known: Object.keys(entries) }];
  });
}
