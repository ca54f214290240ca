/** `npm run docs`: writes docs/reference anew. */
import { mkdir, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { references } from "./references.ts";

// Run by npm, and so in the repository's folder.
const root = pathToFileURL(`${process.cwd()}/`);
const folder = new URL("docs/reference/", root);
await mkdir(folder, { recursive: true });
for (const [name, text] of Object.entries(await references(root))) {
  await writeFile(new URL(name, folder), text);
  process.stdout.write(`docs/reference/${name}\n`);
}
