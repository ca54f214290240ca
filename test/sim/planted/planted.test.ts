/** That each bug can still be planted; that each is found is shown by `npm run sim -- --planted`, which takes a while. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { BUGS } from "./bugs.ts";
import { withBug } from "./plant.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

describe("planted bugs", () => {
  it.each(BUGS)("$name", async (bug) => {
    expect(await withBug(ROOT, bug)).toContain(bug.replace);
  });
});
