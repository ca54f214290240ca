/** That each bug can still be planted; that each is found is shown by `npm run sim -- --planted`, which takes a while. */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { REGRESSIONS } from "../regressions.ts";
import { BUGS } from "./bugs.ts";
import { withBug } from "./plant.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

describe("planted bugs", () => {
  it.each(BUGS)("$name", async (bug) => {
    expect(await withBug(ROOT, bug)).toContain(bug.replace);
  });

  it.each(REGRESSIONS)("has the one that belongs to this story: $what", ({ bug }) => {
    expect(BUGS.map(({ name }) => name)).toContain(bug);
  });
});
