/** docs/reference is what the code says today. */
import { readdir, readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { commentsOf } from "../../docs/generate/comments.ts";
import { ABOUT, REGISTRATOR_ABOUT } from "../../docs/generate/label-words.ts";
import { references } from "../../docs/generate/references.ts";
import { schemas } from "../../src/adapters.ts";
import { parseConfig } from "../../src/config.ts";
import { MUSTER_KEYS } from "../../src/labels/muster.ts";
import { REGISTRATOR_ATTRIBUTES } from "../../src/labels/registrator.ts";

const root = new URL("../../", import.meta.url);
const pages = await references(root);

describe("the references", () => {
  it.each(Object.keys(pages))("%s is current; else: npm run docs", async (name) => {
    expect(await readFile(new URL(`docs/reference/${name}`, root), "utf8")).toBe(pages[name]);
  });

  it("say something of every key", () => {
    const rows = (pages["configuration.md"] ?? "").split("\n").filter((line) => line.startsWith("| `"));
    expect(rows.length).toBeGreaterThan(80);
    expect(rows.filter((row) => /\|\s+\|$/.test(row))).toEqual([]);
  });

  it("say something of every label, and of none that there is not", () => {
    expect(Object.keys(ABOUT)).toEqual([...MUSTER_KEYS, "meta.KEY"]);
    expect(Object.keys(REGISTRATOR_ABOUT)).toEqual(REGISTRATOR_ATTRIBUTES);
  });

  it("name nothing of this machine", () => {
    for (const text of Object.values(pages)) expect(text).not.toMatch(/\/work\/|\/root\/|\/home\//);
  });
});

describe("guides", () => {
  it("show configurations that Muster takes", async () => {
    const folder = new URL("docs/guides/", root);
    const found: string[] = [];
    for (const file of await readdir(folder)) {
      const text = await readFile(new URL(file, folder), "utf8");
      for (const [block] of text.matchAll(/(?:^ {4}.*\n)+/gm)) {
        const yaml = block.replace(/^ {4}/gm, "");
        if (!/^(?:sources|registries):/m.test(yaml)) continue;
        found.push(file);
        expect({ file, ...parseConfig({ text: yaml, file, env: {}, schemas }) }).not.toHaveProperty("problems");
      }
    }
    expect(new Set(found).size).toBeGreaterThan(2);
  });

  it("name commands, options and keys that there are", async () => {
    const known = pages["cli.md"] ?? "";
    for (const file of [
      "guides/from-registrator.md",
      "guides/from-showcase-scripts.md",
      "operations.md",
      "security.md",
    ]) {
      const text = await readFile(new URL(`docs/${file}`, root), "utf8");
      for (const [, command = ""] of text.matchAll(/(?:`|^ {4})muster ((?:audit |config )?[a-z]+)\b/gm)) {
        expect(known).toContain(`## muster ${command}\n`);
      }
      for (const [, key = ""] of text.matchAll(/`((?:policy|audit|http|registries|sources)\.[\w.]+\w)/g)) {
        expect(pages["configuration.md"]).toContain(`\`${key}`);
      }
    }
  });

  it("say what each alert means, and of none that there is not", async () => {
    const rules = await readFile(new URL("deploy/observability/alerts.yml", root), "utf8");
    const operations = await readFile(new URL("docs/operations.md", root), "utf8");
    const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    expect(alerts.length).toBeGreaterThan(5);
    expect([...operations.matchAll(/^\| `(Muster\w+)`/gm)].map(([, name]) => name)).toEqual(alerts);
  });
});

it("comments are found by the path of their key", () => {
  const source = `export const Options = v.strictObject({
  /** The first. */
  a: v.string(),
  b: section({
    /**
     * Two
     * lines. @default what it is
     */
    c: v.optional(v.string()),
  }),
  /** Last. */
  d: v.string(),
});
/** Not of it. */
export const other = { e: 1 };
`;
  expect(Object.fromEntries(commentsOf(source, "Options"))).toEqual({
    a: { text: "The first.", default: null },
    "b.c": { text: "Two lines.", default: "what it is" },
    d: { text: "Last.", default: null },
  });
  expect(() => commentsOf(source, "Nothing")).toThrow("there is no export const Nothing");
});
