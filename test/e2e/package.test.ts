/** What somebody who writes an adapter gets: the package as it would be published, its types and its conformance suite. */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../lab/run.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MODULES = join(ROOT, "node_modules");
const STRICT = {
  ...{ target: "es2023", lib: ["es2023", "esnext.disposable"], types: ["node"], module: "nodenext" },
  ...{ strict: true, noEmit: true, allowJs: true, checkJs: true, skipLibCheck: true },
};

describe("the package", () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "muster-package-"));
    const [{ filename }] = JSON.parse(
      await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], { cwd: ROOT }),
    ) as [{ filename: string }];
    await mkdir(join(folder, "node_modules"));
    await run("tar", ["xzf", filename], { cwd: folder });
    await symlink(join(folder, "package"), join(folder, "node_modules", "muster"));
    // Its dependencies, as an installation would have them.
    await symlink(MODULES, join(folder, "package", "node_modules"));
    for (const name of ["@types", "undici-types", "fast-check", "pure-rand"])
      await symlink(join(MODULES, name), join(folder, "node_modules", name));
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function check(...files: readonly string[]): Promise<string> {
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: STRICT, files }));
    // The compiler says on standard output what is wrong.
    const failed = (error: { readonly stdout: string }) => error.stdout;
    const args = [join(MODULES, "typescript", "bin", "tsc"), "-p", "."];
    return promisify(execFile)(process.execPath, args, { cwd: folder }).then(({ stdout }) => stdout, failed);
  }

  it("types the example adapter", async () => {
    await cp(join(ROOT, "examples", "haproxy"), join(folder, "haproxy"), { recursive: true });

    expect(await check("haproxy/index.js")).toBe("");
  });

  it("says what is wrong with an adapter and with a harness", async () => {
    await writeFile(
      join(folder, "wrong.ts"),
      `import type { Registry } from "muster";
import { testRegistry } from "muster/conformance";
export const registry: Partial<Registry> = { project: () => [{ nope: 1 }] };
testRegistry(7);`,
    );

    const errors = await check("wrong.ts");

    expect(errors).toMatch(/wrong\.ts\(3,.*\n?.*Registration/);
    expect(errors).toMatch(/wrong\.ts\(4,/);
  });

  it("has the conformance suite, and runs", async () => {
    const names = await run(
      process.execPath,
      ["-e", 'import("muster/conformance").then((all) => console.log(Object.keys(all).join()))'],
      { cwd: folder },
    );
    expect(names.trim()).toBe("LAWS,testRegistry");
    expect(await run(process.execPath, ["node_modules/muster/dist/src/main.js", "--version"], { cwd: folder })).toMatch(
      /^\d+\.\d+\.\d+/,
    );
  });
});
