/** What the bundle of the program (`npm run build:program`, docs/decisions/013) asks of the source. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";

const FOLDERS = ["src", "adapters"];
/** `import("x")` of neither a path nor one of Node's modules. */
const IMPORTED_PACKAGE = /\bimport\("(?!\.|node:)/;

test("no package is imported while it runs: in the bundle a CommonJS one would have no named exports", async () => {
  const listed = await Promise.all(
    FOLDERS.map(async (folder) => (await readdir(folder, { recursive: true })).map((file) => join(folder, file))),
  );
  const sources = listed.flat().filter((file) => file.endsWith(".ts"));
  const found = await Promise.all(
    sources.map(async (file) => (IMPORTED_PACKAGE.test(await readFile(file, "utf8")) ? [file] : [])),
  );

  expect(sources.length).toBeGreaterThan(100);
  expect(found.flat()).toEqual([]);
});
