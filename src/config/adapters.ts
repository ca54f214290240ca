/** The `sources` and `registries` sections: which adapters are on, and with which options. */
import * as v from "valibot";
import { identifier } from "../schema.ts";
import { ecosystemDefaults } from "./ecosystem.ts";
import type { Environment } from "./environment.ts";
import { type Report, reportIssues, reportMisfits, shown } from "./report.ts";
import { isTree, shapeOf, type Tree, withDefaults, withoutNulls } from "./shape.ts";
import { suggestion } from "./suggest.ts";

export type AdapterKind = "sources" | "registries";

/** All that there will be; one without a schema is not built yet. */
export const ADAPTER_NAMES: Readonly<Record<AdapterKind, readonly string[]>> = {
  sources: ["docker", "swarm", "marathon", "static", "replay"],
  registries: ["embedded", "consul", "kong", "vulcand", "alb"],
};

/** What runs where the configuration names nothing. */
const DEFAULTS: Readonly<Record<AdapterKind, Tree>> = { sources: { docker: {} }, registries: {} };
/** What is on unless it is said to be off. */
const ALWAYS: Readonly<Record<AdapterKind, Tree>> = { sources: {}, registries: { embedded: {} } };

export type Schemas = Readonly<Record<string, v.GenericSchema>>;

export interface AdapterSection {
  /** Parsed options by name, of those that are on. */
  readonly options: Tree;
  /** As a file would say it. */
  readonly effective: Tree;
}

export interface AdapterReading {
  readonly kind: AdapterKind;
  readonly schemas: Schemas;
  readonly env: Environment;
  readonly report: Report;
  /** Told of each option that an ecosystem variable gives, before it is checked. */
  fromVariable(path: readonly string[], variable: string): void;
}

/** `name:` alone and `name: true` switch an adapter on, `name: false` off. */
export function readAdapters(given: unknown, reading: AdapterReading): AdapterSection {
  const { kind, report } = reading;
  const names = given ?? {};
  if (!isTree(names)) {
    report.add([kind], `expected a section with the names of adapters, got ${shown(given, [kind])}`);
    return { options: {}, effective: {} };
  }
  const wanted = { ...ALWAYS[kind], ...(Object.keys(names).length === 0 ? DEFAULTS[kind] : names) };
  const options: [string, unknown][] = [];
  const effective: [string, unknown][] = [];
  for (const [name, value] of Object.entries(wanted)) {
    if (value === false) {
      if (Object.hasOwn(ALWAYS[kind], name)) effective.push([name, false]);
      continue;
    }
    const adapter = readAdapter(name, value, reading);
    if (adapter === null) continue;
    options.push([name, adapter.options]);
    effective.push([name, adapter.effective]);
  }
  const allOff = Object.values(wanted).every((value) => value === false);
  if (kind === "sources" && allOff)
    report.add([kind], "none is on; switch one on, or leave the section out for docker");
  return { options: Object.fromEntries(options), effective: Object.fromEntries(effective) };
}

function readAdapter(
  name: string,
  value: unknown,
  reading: AdapterReading,
): { readonly options: unknown; readonly effective: unknown } | null {
  const { kind, schemas, report } = reading;
  const given = value === null || value === true ? {} : value;
  if (!isTree(given)) {
    report.add([kind, name], `expected a section with its options, true or false, got ${shown(value, [kind, name])}`);
    return null;
  }
  const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
  if (schema !== undefined) return readKnown(name, given, schema, reading);
  return isCustom(name, given, reading) ? { options: given, effective: given } : null;
}

function readKnown(name: string, value: Tree, schema: v.GenericSchema, reading: AdapterReading) {
  const { kind, env, report, fromVariable } = reading;
  const shape = shapeOf(schema);
  const given: Record<string, unknown> = { ...(withoutNulls(value) as Tree) };
  for (const { key, value: fallback, variable } of ecosystemDefaults(name, Object.keys(given), env)) {
    if (!Object.hasOwn(shape.entries ?? {}, key)) continue;
    given[key] = fallback;
    fromVariable([kind, name, key], variable);
  }
  reportMisfits(report, shape, given, [kind, name]);
  const result = v.safeParse(schema, given);
  if (!result.success) reportIssues(report, result.issues, [kind, name]);
  return { options: result.output, effective: withDefaults(shape, given) };
}

/** An adapter from somebody else's package: `module` names it, and the rest is its own matter. */
function isCustom(name: string, given: Tree, { kind, schemas, report }: AdapterReading): boolean {
  const path = [kind, name];
  const { module } = given;
  if (ADAPTER_NAMES[kind].includes(name)) {
    report.add(path, "not available in this version of Muster");
  } else if (module === undefined) {
    const meant = suggestion(name, [...new Set([...ADAPTER_NAMES[kind], ...Object.keys(schemas)])]);
    report.add(
      path,
      `unknown adapter${meant}; known: ${ADAPTER_NAMES[kind].join(", ")}; one of your own needs \`module\``,
    );
  } else if (typeof module !== "string" || module === "") {
    report.add([...path, "module"], `expected a path or package name, got ${shown(module, [])}`);
  } else if (!v.is(identifier, name)) {
    report.add(path, "expected a name of letters, digits, '.', '_' and '-', at most 63 long");
  } else {
    return true;
  }
  return false;
}
