/**
 * Adapters from elsewhere: `registries: { mine: { module: ./my-registry.js, … } }` (docs/writing-an-adapter.md).
 *
 * The module's default export makes the adapter, of its options and its context. Where it also exports `options`, a
 * schema of the Standard Schema kind (valibot, zod, arktype …), the options are checked with it when Muster starts.
 */
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { AdapterContext, Registry, Source } from "./model.ts";

/** A kind of adapter, as the configuration calls its section. */
export type ModuleKind = "sources" | "registries";

type Options = Readonly<Record<string, unknown>>;

/** The part of https://standardschema.dev that is used. */
interface StandardSchema {
  readonly "~standard": { validate(value: unknown): Validation | Promise<Validation> };
}
type Validation =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string; readonly path?: readonly unknown[] | undefined }[] };

type Create = (options: unknown, context: AdapterContext) => unknown;

const MEMBERS = {
  sources: { functions: ["events"], what: "source" },
  registries: { functions: ["project", "list", "apply", Symbol.asyncDispose], what: "registry" },
} as const;

/** Whether the options are those of an adapter from elsewhere. */
export function isModule(options: unknown): options is Options & { readonly module: string } {
  return typeof options === "object" && options !== null && "module" in options && typeof options.module === "string";
}

/**
 * Imports the modules that a configuration names and has them check their options.
 * @returns one line per problem, naming the key
 */
export async function checkModules(config: Readonly<Record<ModuleKind, Options>>): Promise<readonly string[]> {
  const named = (["sources", "registries"] as const).flatMap((kind) =>
    Object.entries(config[kind]).map(([name, options]) => ({ kind, name, options })),
  );
  const problems = await Promise.all(
    named.map(async ({ kind, name, options }) => {
      if (!isModule(options)) return [];
      try {
        await prepare(kind, name, options);
        return [];
      } catch (error) {
        return textOf(error).split("\n");
      }
    }),
  );
  return problems.flat();
}

/**
 * Makes an adapter of what its module exports.
 * @throws Error that names the key, if the module can't be imported, refuses its options, or makes something else
 */
export async function loadModule<K extends ModuleKind>(
  kind: K,
  options: Options & { readonly module: string },
  context: AdapterContext,
): Promise<K extends "sources" ? Source : Registry> {
  const key = `${kind}.${context.name}`;
  const { create, checked } = await prepare(kind, context.name, options);
  let made: unknown;
  try {
    made = await create(checked, context);
  } catch (error) {
    throw new Error(`${key}: ${textOf(error)}`, { cause: error });
  }
  requireMembers(made, kind, key, context.name);
  return made as K extends "sources" ? Source : Registry;
}

async function prepare(kind: ModuleKind, name: string, { module, ...own }: Options & { readonly module: string }) {
  const key = `${kind}.${name}`;
  const exported = await imported(module, `${key}.module`);
  const create = exported["default"];
  if (typeof create !== "function") {
    throw new Error(`${key}.module: ${module} has no default export that makes an adapter: (options, context) => …`);
  }
  const schema = exported["options"];
  const checked = isSchema(schema) ? await validated(schema, own, key) : own;
  return { create: create as Create, checked };
}

async function imported(module: string, key: string): Promise<Options> {
  let url: string;
  try {
    url = locate(module);
  } catch {
    const remedy = /^[./]/.test(module) ? "paths are relative to the working directory" : "install that package";
    throw new Error(`${key}: ${module}: no such module; ${remedy}`);
  }
  try {
    return (await import(url)) as Options;
  } catch (error) {
    throw new Error(`${key}: ${module} can't be imported: ${textOf(error)}`, { cause: error });
  }
}

/** Paths and packages as seen from the working directory; else what Muster itself has installed. */
function locate(module: string): string {
  const require = createRequire(join(process.cwd(), "muster"));
  try {
    return pathToFileURL(require.resolve(/^[./]/.test(module) ? resolve(module) : module)).href;
  } catch (error) {
    // A package for `import` alone: found here, and only resolved otherwise.
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code === "ERR_PACKAGE_PATH_NOT_EXPORTED") return import.meta.resolve(module);
    throw error;
  }
}

async function validated(schema: StandardSchema, given: Options, key: string): Promise<unknown> {
  const result = await schema["~standard"].validate(given);
  if (result.issues === undefined) return result.value;
  const lines = result.issues.map(({ message, path = [] }) => `${[key, ...path.map(keyOf)].join(".")}: ${message}`);
  throw new Error(lines.join("\n"));
}

/** A path holds keys, or objects with them. */
function keyOf(part: unknown): string {
  return typeof part === "object" && part !== null && "key" in part ? String(part.key) : String(part);
}

function isSchema(value: unknown): value is StandardSchema {
  return value !== null && (typeof value === "object" || typeof value === "function") && "~standard" in value;
}

function requireMembers(made: unknown, kind: ModuleKind, key: string, name: string): void {
  const { functions, what } = MEMBERS[kind];
  const object = (typeof made === "object" && made !== null ? made : {}) as Record<PropertyKey, unknown>;
  const missing = functions.filter((member) => typeof object[member] !== "function").map(nameOf);
  if (missing.length > 0) throw new Error(`${key}: its module made no ${what}: it lacks ${missing.join(", ")}`);
  if (object["name"] !== name) {
    throw new Error(`${key}: its module calls itself ${JSON.stringify(object["name"])}; its name must be context.name`);
  }
}

function nameOf(member: string | symbol): string {
  return typeof member === "symbol" ? "[Symbol.asyncDispose]" : member;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
