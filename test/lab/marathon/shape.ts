/** How JSON is shaped: which keys there are, and of which kind their values. */
import type { Json } from "../../../src/model.ts";

export type Kind = "null" | "boolean" | "number" | "string" | "list" | "object";

export function kindOf(value: Json | undefined): Kind | "absent" {
  if (value === undefined) return "absent";
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  return typeof value as "boolean" | "number" | "string" | "object";
}

/**
 * What `model` has and `value` lacks, or has of another kind, as paths. Lists are compared by their first elements, and
 * only where both have some; null stands for any kind. What `value` has beyond the model is not told.
 */
export function lacking(value: Json | undefined, model: Json | undefined, path = ""): readonly string[] {
  if (value === null || model === null) return [];
  const [kind, wanted] = [kindOf(value), kindOf(model)];
  if (kind !== wanted) return [`${path}: ${kind}, not ${wanted}`];
  if (Array.isArray(value) && Array.isArray(model)) {
    return value.length === 0 || model.length === 0 ? [] : lacking(value[0], model[0], `${path}[]`);
  }
  const [mine, theirs] = [fieldsOf(value), fieldsOf(model)];
  return Object.keys(theirs).flatMap((key) => lacking(mine[key], theirs[key], `${path}.${key}`));
}

/** Keys at any depth that `value` has and no model has, as paths. Only objects that a model has too are looked into. */
export function surplus(value: Json | undefined, models: readonly (Json | undefined)[], path = ""): readonly string[] {
  if (Array.isArray(value)) {
    const elements = models.flatMap((model): readonly Json[] => (Array.isArray(model) ? model : []));
    return elements.length === 0 ? [] : value.slice(0, 1).flatMap((element) => surplus(element, elements, `${path}[]`));
  }
  const known = models.map(fieldsOf).filter((model) => Object.keys(model).length > 0);
  if (known.length === 0) return [];
  return Object.entries(fieldsOf(value)).flatMap(([key, inner]) =>
    known.some((model) => key in model)
      ? surplus(
          inner,
          known.map((model) => model[key]),
          `${path}.${key}`,
        )
      : [`${path}.${key}`],
  );
}

function fieldsOf(value: Json | undefined): Readonly<Record<string, Json>> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, Json>>)
    : {};
}
