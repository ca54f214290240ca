/** The configuration (contract 5.2): a YAML file, environment over it, defaults under it. All problems are reported at once. */
import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { readAdapters, type Schemas } from "./config/adapters.ts";
import { readDocument } from "./config/document.ts";
import { type Environment, overlayEnvironment } from "./config/environment.ts";
import { createReport, type Report, reportIssues, reportMisfits } from "./config/report.ts";
import { CoreSchema, isLoopback, type ListenAddress } from "./config/schema.ts";
import { type Shape, shapeOf, type Tree, withDefaults, withoutNulls } from "./config/shape.ts";
import type { ClaimRule } from "./policy-claims.ts";

/** All durations in ms. */
export interface Config {
  readonly cluster: string;
  /** null: learned from the engine at start. */
  readonly node: { readonly id: string | null; readonly address: string | null };
  /** Options by name of those that are on, parsed by the adapter's schema; a custom one's as given, with its `module`. */
  readonly sources: Tree;
  readonly registries: Tree;
  readonly policy: {
    readonly mode: "sync" | "upsert-only";
    /** Period of full listings; 0: none. */
    readonly resync: number;
    readonly probation: number;
    readonly massDelete: { readonly max: number; readonly percent: number };
    readonly onExit: "keep" | "deregister";
    readonly reapAfter: number;
    readonly dryRun: boolean;
    /** Empty: everything is allowed. */
    readonly claims: readonly ClaimRule[];
  };
  /** `maxBytes` in bytes. */
  readonly audit: { readonly path: string; readonly maxBytes: number; readonly keep: number };
  readonly http: { readonly listen: ListenAddress; readonly tokenFile: string | null };
  readonly log: { readonly level: "trace" | "debug" | "info" | "warn" | "error" | "silent" };
  /** As a file would say it that leaves nothing to defaults; for `printConfig`. May hold secrets. */
  readonly effective: Tree;
}

/** The option schemas of the adapters that are built in, by name. */
export interface AdapterSchemas {
  readonly sources: Schemas;
  readonly registries: Schemas;
  /** Sources that work only beside another one, with why. */
  readonly needs?: Readonly<Record<string, { readonly source: string; readonly why: string }>>;
}

/** Problems: one line each, without secrets. */
export type LoadedConfig = { readonly config: Config } | { readonly problems: readonly string[] };

export interface ConfigInput {
  /** YAML; empty without a file. */
  readonly text: string;
  /** Its name, for messages; null without one. */
  readonly file: string | null;
  readonly env: Environment;
  readonly schemas: AdapterSchemas;
}

/**
 * Reads the configuration from a file, by default the one that MUSTER_CONFIG names; without either, from the environment
 * and defaults alone.
 */
export async function loadConfig(
  path: string | undefined,
  env: Environment,
  schemas: AdapterSchemas,
): Promise<LoadedConfig> {
  const file = path ?? (env["MUSTER_CONFIG"] || null);
  if (file === null) return parseConfig({ text: "", file, env, schemas });
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const named = path === undefined ? " (named by MUSTER_CONFIG)" : "";
    return { problems: [`${file}: configuration file${named} can't be read: ${reasonOf(error)}`] };
  }
  return parseConfig({ text, file, env, schemas });
}

/** Pure. */
export function parseConfig({ text, file, env, schemas }: ConfigInput): LoadedConfig {
  const read = readDocument(text);
  if ("problems" in read) {
    return { problems: read.problems.map(({ line, what }) => `${file}${line === null ? "" : `:${line}`}: ${what}`) };
  }
  const { tree, origins, problems } = overlayEnvironment(read.document.tree, env, rootShape(schemas));
  const variables = new Map(origins);
  const report = createReport({ file, lineOf: read.document.lineOf, variables });
  for (const line of problems) report.addLine(line);

  const { sources: givenSources, registries: givenRegistries, ...core } = tree;
  reportCoreKeys(report, core);
  const shared = {
    env,
    report,
    fromVariable: (path: readonly string[], variable: string) => void variables.set(path.join("."), variable),
  };
  const sources = readAdapters(givenSources, { kind: "sources", schemas: schemas.sources, ...shared });
  const registries = readAdapters(givenRegistries, { kind: "registries", schemas: schemas.registries, ...shared });

  for (const [name, { source, why }] of Object.entries(schemas.needs ?? {}))
    if (name in sources.options && !(source in sources.options))
      report.add(["sources", name], `needs sources.${source} as well, since ${why}`);
  const given = withoutNulls(core);
  const parsed = v.safeParse(CoreSchema, given);
  if (!parsed.success) reportIssues(report, parsed.issues, []);
  else requireToken(parsed.output.http, report);
  if (!parsed.success || report.problems.length > 0) return { problems: report.problems };

  const { cluster, node, ...rest } = withDefaults(shapeOf(CoreSchema), given) as Tree;
  return {
    config: {
      ...parsed.output,
      sources: sources.options,
      registries: registries.options,
      effective: { cluster, node, sources: sources.effective, registries: registries.effective, ...rest },
    },
  };
}

/** The top level is asked with `sources` and `registries`, so that they are suggested as well. */
function reportCoreKeys(report: Report, core: Tree): void {
  const entries = { ...shapeOf(CoreSchema).entries, sources: ANYTHING, registries: ANYTHING };
  reportMisfits(report, { type: "strict_object", entries }, core, []);
}

const ANYTHING: Shape = { type: "unknown" };

function rootShape(schemas: AdapterSchemas): Shape {
  return {
    type: "strict_object",
    entries: {
      ...shapeOf(CoreSchema).entries,
      sources: adaptersShape(schemas.sources),
      registries: adaptersShape(schemas.registries),
    },
  };
}

function adaptersShape(schemas: Schemas): Shape {
  const entries = Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, shapeOf(schema)]));
  return { type: "strict_object", entries };
}

function requireToken({ listen, tokenFile }: Config["http"], report: Report): void {
  if (tokenFile !== null || isLoopback(listen.host)) return;
  const what = `required, since http.listen (${listen.host}) can be reached from other machines; name a file with a token, or listen on 127.0.0.1`;
  report.add(["http", "tokenFile"], what);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "permission denied",
  EISDIR: "it is a folder",
};

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return REASONS[code] ?? error.message;
}
