/** Bugs put into copies of the built program. */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { build, type Plugin } from "esbuild";
import type { Bug } from "./bugs.ts";

export interface Copy extends AsyncDisposable {
  /** Path of the simulation's `main.js` in it. */
  readonly program: string;
}

/** Folders of the build of which the simulation is made. */
const PARTS = ["src", "adapters", "test"];

/**
 * The file's text with the bug in it.
 * @param root of the repository
 * @throws Error in one line if what is to be replaced is not there exactly once
 */
export async function withBug(root: string, bug: Bug): Promise<string> {
  let text = await readFile(join(root, bug.file), "utf8");
  for (const { find, replace } of [bug, ...(bug.also === undefined ? [] : [bug.also])]) {
    const parts = text.split(find);
    if (parts.length !== 2)
      throw new Error(`${bug.name}: must be once in ${bug.file}, and is ${parts.length - 1} times: ${find}`);
    text = parts.join(replace);
  }
  return text;
}

/**
 * Copies the build, with some of its files made anew. Disposing removes the copy.
 * @param root of the repository, where the build is in `dist`
 * @param texts by path from there: what is to be compiled in place of what stands there
 */
export async function copyOfBuild(root: string, texts: ReadonlyMap<string, string>): Promise<Copy> {
  const folder = await mkdtemp(join(tmpdir(), "muster-planted-"));
  for (const part of PARTS)
    await cp(join(root, "dist", part), join(folder, "dist", part), { recursive: true, filter: isCode });
  await cp(join(root, "package.json"), join(folder, "package.json"));
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  for (const [file, text] of texts) {
    const made = join(folder, "dist", file.replace(/\.ts$/, ".js"));
    await writeFile(made, await compiled(text, join(root, dirname(file))));
  }
  return {
    program: join(folder, "dist/test/sim/main.js"),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

/** Neither types, nor source maps, nor the program in one piece. */
function isCode(path: string): boolean {
  return !/(\.d\.ts|\.map|\/program)$/.test(path);
}

/** All imports stay as they are but for their endings, as `tsc` does it. */
const importsStay: Plugin = {
  name: "imports stay",
  setup({ onResolve }) {
    onResolve({ filter: /.*/ }, ({ path }) => ({ path: path.replace(/\.ts$/, ".js"), external: true }));
  },
};

async function compiled(contents: string, resolveDir: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, loader: "ts", resolveDir },
    ...{ bundle: true, write: false, format: "esm", platform: "node", target: "node20.19" },
    plugins: [importsStay],
  });
  return outputFiles[0]?.text ?? "";
}
