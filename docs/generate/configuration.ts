/** docs/reference/configuration.md: every key of the configuration, from the schemas that read it. */
import { readFile } from "node:fs/promises";
import { schemas } from "../../src/adapters.ts";
import { CoreSchema } from "../../src/config/schema.ts";
import { type Shape, shapeOf, unwrap } from "../../src/config/shape.ts";
import { commentsOf, type KeyComment } from "./comments.ts";
import { code, page, section, table } from "./markdown.ts";

const INTRODUCTION = `A YAML file: \`muster run -c muster.yaml\`, or the one that \`MUSTER_CONFIG\` names. Every key has a default; unknown keys are
errors. \`muster config check\` prints what a file amounts to.

Every key can be set by the environment: \`MUSTER_\` and its path in upper case, with two underscores between levels and one before a
capital letter, such as \`MUSTER_HTTP__TOKEN_FILE\` or \`MUSTER_REGISTRIES__CONSUL__URL\`, which also switches that adapter on. Where the file
or these say nothing, \`DOCKER_HOST\`, \`CONSUL_HTTP_ADDR\`, \`CONSUL_HTTP_TOKEN\`, \`CONSUL_HTTP_TOKEN_FILE\` and \`AWS_*\` count.

Durations take \`ms\`, \`s\`, \`m\` and \`h\`; \`0s\` switches a wait off. Keys that end with \`File\` name files; a secret is read without its
trailing newline. Paths are relative to the working directory.`;

/** Where the schema of an adapter is written. */
const SOURCES: Readonly<Record<string, { readonly file: string; readonly name: string; readonly items?: string }>> = {
  docker: { file: "adapters/sources/docker/options.ts", name: "DockerOptions" },
  swarm: { file: "adapters/sources/swarm/options.ts", name: "SwarmOptions" },
  marathon: { file: "adapters/sources/marathon/options.ts", name: "MarathonOptions" },
  static: { file: "adapters/sources/static/options.ts", name: "StaticOptions", items: "StaticInstance" },
  replay: { file: "adapters/sources/replay/options.ts", name: "ReplayOptions" },
  embedded: { file: "adapters/registries/embedded.ts", name: "EmbeddedOptions" },
  consul: { file: "adapters/registries/consul/options.ts", name: "ConsulOptions" },
  kong: { file: "adapters/registries/kong/options.ts", name: "KongOptions" },
  vulcand: { file: "adapters/registries/vulcand/options.ts", name: "VulcandOptions" },
  alb: { file: "adapters/registries/alb/options.ts", name: "AlbOptions" },
};

/** @param root folder of the repository, with a slash at its end */
export async function configurationPage(root: URL): Promise<string> {
  const core = await readFile(new URL("src/config/schema.ts", root), "utf8");
  const sections = [section("Muster itself", keysTable(shapeOf(CoreSchema), "", commentsOf(core, "CoreSchema")))];
  for (const kind of ["sources", "registries"] as const) {
    for (const [name, schema] of Object.entries(schemas[kind])) {
      const where = SOURCES[name];
      if (where === undefined) throw new Error(`docs/generate/configuration.ts does not know where ${name} is`);
      const text = await readFile(new URL(where.file, root), "utf8");
      const comments = new Map(commentsOf(text, where.name));
      if (where.items !== undefined) {
        for (const [key, comment] of commentsOf(text, where.items)) comments.set(`instances.${key}`, comment);
      }
      sections.push(section(`${kind}.${name}`, keysTable(shapeOf(schema), `${kind}.${name}.`, comments)));
    }
  }
  return page("Configuration reference", INTRODUCTION, sections);
}

interface Row {
  readonly path: string;
  readonly shape: Shape;
}

function keysTable(shape: Shape, prefix: string, comments: ReadonlyMap<string, KeyComment>): string {
  const rows = leaves(shape, "");
  if (rows.length === 0) return "It has no keys: `{ }`.";
  return table([
    ["key", "default", "value", "what it does"],
    ...rows.map(({ path, shape: leaf }) => {
      const comment = comments.get(path.replaceAll("[]", ""));
      return [code(`${prefix}${path}`), defaultOf(leaf, comment), expectedOf(leaf), comment?.text ?? ""];
    }),
  ]);
}

function leaves(shape: Shape, path: string): readonly Row[] {
  const { entries, item } = unwrap(shape);
  if (entries === undefined) {
    const inner = item === undefined ? undefined : unwrap(item);
    const own = path === "" ? [] : [{ path, shape }];
    return inner?.entries === undefined ? own : [...own, ...leaves(inner, `${path}[]`)];
  }
  return Object.entries(entries).flatMap(([key, one]) => leaves(one, path === "" ? key : `${path}.${key}`));
}

function defaultOf(shape: Shape, comment: KeyComment | undefined): string {
  if (shape.wrapped === undefined) return "required";
  if (shape.default === undefined || shape.default === null) return comment?.default ?? "none";
  if (typeof shape.default === "function") return comment?.default ?? "";
  return code(typeof shape.default === "string" ? shape.default : JSON.stringify(shape.default));
}

/** What it says to whoever gets it wrong. */
function expectedOf(shape: Shape): string {
  const inner = unwrap(shape) as Shape & { readonly message?: unknown; readonly pipe?: readonly unknown[] };
  const messages = [inner, ...(inner.pipe ?? [])].map((part) => (part as { readonly message?: unknown }).message);
  const message = messages.find((each): each is string => typeof each === "string");
  if (message !== undefined) return message.replace(/^expected /, "");
  return KINDS[inner.type] ?? "";
}

const KINDS: Readonly<Record<string, string>> = {
  record: "keys with values",
  array: "a list",
  string: "text",
  lazy: "",
};
