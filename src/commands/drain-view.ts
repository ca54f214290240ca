/** What `muster drain` and `undrain` choose, and what is left to be waited for. Pure but for the reading of answers. */
import * as v from "valibot";
import { ExitError } from "./exit-error.ts";
import { printable } from "./table.ts";

const Registration = v.object({
  state: v.string(),
  error: v.nullish(v.string(), null),
  leaving: v.optional(
    v.array(
      v.object({
        serving: v.boolean(),
        detail: v.nullish(v.object({ target: v.optional(v.object({ state: v.string() })) }), null),
      }),
    ),
    [],
  ),
});

const Instances = v.object({
  instances: v.array(
    v.object({
      id: v.string(),
      service: v.string(),
      task: v.string(),
      node: v.string(),
      state: v.string(),
      missing: v.optional(v.array(v.string()), []),
      registries: v.record(v.string(), Registration),
    }),
  ),
});

const Drained = v.object({ instances: v.array(v.string()) });

/** An instance as far as a drain looks at it. */
export type DrainedInstance = v.InferOutput<typeof Instances>["instances"][number];

/** What is sent to `POST /v1/drain`. */
export type Choice = { readonly id: string } | { readonly service: string } | { readonly node: string };

/** @throws ExitError 1 if the answer is not a Muster's */
export function readInstances(answer: unknown): readonly DrainedInstance[] {
  return read(Instances, answer).instances;
}

/** @throws ExitError 1 if the answer is not a Muster's */
export function readDrained(answer: unknown): readonly string[] {
  return read(Drained, answer).instances;
}

function read<T extends v.GenericSchema>(schema: T, answer: unknown): v.InferOutput<T> {
  const parsed = v.safeParse(schema, answer);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new ExitError(1, [`the answer is not a Muster's: ${v.getDotPath(issue) ?? "it"}: ${issue.message}`]);
}

/** As short as people write container ids. */
const MIN_PREFIX = 6;

/**
 * What a name means: an instance, a service, a task or the beginning of its id; the first of these that there is.
 * @throws ExitError 1 in one line if nothing is called so
 */
export function chosenBy(of: string, instances: readonly DrainedInstance[]): readonly Choice[] {
  if (instances.some(({ id }) => id === of)) return [{ id: of }];
  if (instances.some(({ service }) => service === of)) return [{ service: of }];
  const isPrefix = of.length >= MIN_PREFIX;
  const found = instances.filter(({ task }) => task === of || (isPrefix && task.startsWith(of)));
  if (new Set(found.map(({ task }) => task)).size > 1) {
    throw new ExitError(1, [`${printable(of)}: several tasks begin so: ${some(found.map(({ task }) => task))}`]);
  }
  if (found.length > 0) return found.map(({ id }) => ({ id }));
  const known = instances.map(({ service }) => service);
  const hint = known.length === 0 ? "this Muster knows of no instances" : `services are ${some(known)}`;
  throw new ExitError(1, [`${printable(of)}: no such instance, service or task; ${hint}`]);
}

/**
 * @param node its id; true: the only one that this Muster knows
 * @throws ExitError 1 in one line if there is no such node, 2 if it is not clear which one is meant
 */
export function chosenNode(node: string | true, instances: readonly DrainedInstance[]): Choice {
  const nodes = [...new Set(instances.map((each) => each.node))];
  if (typeof node === "string" && nodes.includes(node)) return { node };
  if (nodes.length === 0) throw new ExitError(1, ["this Muster knows of no instances"]);
  const [only] = nodes;
  if (node === true && nodes.length === 1 && only !== undefined) return { node: only };
  if (node === true) throw new ExitError(2, [`--node: which one? There are ${some(nodes)}`]);
  throw new ExitError(1, [
    `--node: no instance is known on ${printable(node)}, but on ${some(nodes)}; name that node's own Muster with --url`,
  ]);
}

function some(names: readonly string[]): string {
  const all = [...new Set(names)].sort((a, b) => (a < b ? -1 : 1)).map(printable);
  return `${all.slice(0, 10).join(", ")}${all.length > 10 ? ` and ${all.length - 10} more` : ""}`;
}

/**
 * What keeps an instance in service, one line each. Empty: no registry sends it traffic any more, and for an ALB its
 * connections have ended as well (its target is `unused`).
 */
export function keepsIn(instance: DrainedInstance): readonly string[] {
  if (instance.state === "ready") return ["it is not draining yet"];
  return Object.entries(instance.registries).flatMap(([name, { leaving, error }]) =>
    leaving.flatMap(({ serving, detail }) => {
      if (serving) return [`${name} may still send it traffic${error === null ? "" : ` (${error})`}`];
      const target = detail?.target?.state ?? "unused";
      return target === "unused" ? [] : [`${name} target is ${target}`];
    }),
  );
}

/** What keeps an instance out of service after it was put back. */
export function keepsOut({ state, missing, registries }: DrainedInstance): readonly string[] {
  if (state === "draining") return ["it is still draining"];
  if (state !== "ready") return [`it waits for ${missing.join(", ")}`];
  return Object.entries(registries).flatMap(([name, registration]) => {
    if (registration.state === "registered" || registration.state === "not-applicable") return [];
    return [`${name}: ${registration.error ?? registration.state}`];
  });
}
