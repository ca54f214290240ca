/** What the tests of the configuration share: schemas as adapters have them, and short ways to read a text. */
import * as v from "valibot";
import { type AdapterSchemas, type Config, type LoadedConfig, parseConfig } from "../../src/config.ts";
import { duration, httpUrl, path } from "../../src/schema.ts";

export const schemas: AdapterSchemas = {
  sources: {
    docker: v.strictObject({
      host: v.optional(v.string("expected a URL"), "unix:///var/run/docker.sock"),
      expose: v.optional(v.picklist(["published", "labelled"], "expected published or labelled"), "published"),
    }),
    static: v.strictObject({
      instances: v.optional(v.array(v.strictObject({ service: v.string(), port: v.number() })), []),
      file: v.optional(path),
    }),
    replay: v.strictObject({ file: path }),
  },
  registries: {
    embedded: v.strictObject({}),
    consul: v.pipe(
      v.strictObject({
        url: v.optional(httpUrl, "http://127.0.0.1:8500"),
        token: v.optional(v.string()),
        tokenFile: v.optional(path),
        timeout: v.optional(duration, "5s"),
        retries: v.optional(v.union([v.number(), v.picklist(["forever"])]), "forever"),
      }),
      v.check(({ url }) => !url.includes("forbidden"), "expected another url"),
    ),
    vulcand: v.strictObject({ ttl: v.optional(duration, "30s"), urls: v.optional(v.array(httpUrl), []) }),
    alb: v.strictObject({ targetGroups: v.optional(v.record(v.string(), v.string()), {}) }),
  },
};

export function parse(text: string, env: Record<string, string> = {}): LoadedConfig {
  return parseConfig({ text, file: "muster.yaml", env, schemas });
}

export function configOf(text: string, env: Record<string, string> = {}): Config {
  const result = parse(text, env);
  if ("problems" in result) throw new Error(result.problems.join("\n"));
  return result.config;
}

export function problemsOf(text: string, env: Record<string, string> = {}): readonly string[] {
  const result = parse(text, env);
  return "problems" in result ? result.problems : [];
}
