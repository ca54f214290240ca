/** Adapters from elsewhere: what may go wrong with a module, and what is said of it. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AdapterContext } from "../../src/model.ts";
import { checkModules, loadModule } from "../../src/modules.ts";
import { silent } from "../reconciling.ts";

const WHOLE = `{ name: context.name, project: () => [], list: async () => [], apply: async () => [], async [Symbol.asyncDispose]() {}, options }`;
const MODULES = {
  "whole.mjs": `export default (options, context) => (${WHOLE});`,
  "later.mjs": `export default async (options, context) => (${WHOLE});`,
  "bare.mjs": "export const x = 1;",
  "broken.mjs": "export default (",
  "throws.mjs": "throw new Error('no libfoo here');",
  "refuses.mjs": `export default () => { throw new Error("socket: expected a path"); };`,
  "empty.mjs": "export default () => ({ name: 'mine', list() {} });",
  "misnamed.mjs": `export default (options, context) => ({ ...${WHOLE}, name: "other" });`,
  "checked.mjs": `
    export const options = { "~standard": { version: 1, vendor: "test", validate: (given) =>
      typeof given.port === "number" ? { value: { port: given.port, host: "::1" } }
        : { issues: [{ message: "expected a number", path: [{ key: "port" }] }] } } };
    export default (options, context) => (${WHOLE});`,
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "muster-modules-"));
  for (const [name, text] of Object.entries(MODULES)) await writeFile(join(folder, name), text);
});
afterAll(() => rm(folder, { recursive: true }));

function at(name: string): string {
  return join(folder, name);
}

const context: AdapterContext = {
  ...{ name: "mine", cluster: "default", node: { id: "n1", address: "10.0.0.1" } },
  ...{ resync: 0, log: silent, now: () => 0, random: () => 0 },
};

describe("a module", () => {
  it.each(["whole.mjs", "later.mjs"])("makes the adapter, given its options without `module`: %s", async (name) => {
    const registry = await loadModule("registries", { module: at(name), socket: "/run/x" }, context);
    expect(registry).toMatchObject({ name: "mine", options: { socket: "/run/x" } });
  });

  it("gives its options as its own schema made them", async () => {
    const registry = await loadModule("registries", { module: at("checked.mjs"), port: 1 }, context);
    expect(registry).toMatchObject({ options: { port: 1, host: "::1" } });
  });

  it.each([
    ["refuses.mjs", "registries.mine: socket: expected a path"],
    ["empty.mjs", "registries.mine: its module made no registry: it lacks project, apply, [Symbol.asyncDispose]"],
    ["misnamed.mjs", 'registries.mine: its module calls itself "other"; its name must be context.name'],
  ])("that makes no registry is refused: %s", async (name, error) => {
    await expect(loadModule("registries", { module: at(name) }, context)).rejects.toThrow(error);
  });
});

describe("before the start", () => {
  it("finds nothing wrong with modules that are right, and with our own adapters", async () => {
    const registries = { mine: { module: at("whole.mjs") }, embedded: {} };
    expect(await checkModules({ sources: {}, registries })).toEqual([]);
  });

  it("says of each module what is wrong with it, by its key", async () => {
    const named = ["bare.mjs", "broken.mjs", "throws.mjs", "checked.mjs"].map((name) => [
      name.replace(".mjs", ""),
      { module: at(name) },
    ]);
    const registries = { ...Object.fromEntries(named), none: { module: "./none.js" }, package: { module: "no-such" } };
    const problems = await checkModules({ sources: { s: { module: at("bare.mjs") } }, registries });
    expect(problems.map((line) => line.replaceAll(`${folder}/`, ""))).toEqual([
      "sources.s.module: bare.mjs has no default export that makes an adapter: (options, context) => …",
      "registries.bare.module: bare.mjs has no default export that makes an adapter: (options, context) => …",
      expect.stringMatching(/^registries\.broken\.module: broken\.mjs can't be imported: /),
      "registries.throws.module: throws.mjs can't be imported: no libfoo here",
      "registries.checked.port: expected a number",
      "registries.none.module: ./none.js: no such module; paths are relative to the working directory",
      "registries.package.module: no-such: no such module; install that package",
    ]);
  });
});
