/**
 * The whole program on virtual time, in thousands of clusters with things going wrong. For one seed: `npm run sim -- --seed
 * N --seeds 1`. A failure is told as a story; to keep it, put that into `regressions.ts`.
 */
import "./globals.ts";
import { describe, expect, it } from "vitest";
import { REGRESSIONS } from "./regressions.ts";
import { run } from "./run.ts";
import { firstHalf, testSeeds } from "./seeds.ts";
import { FRAMES } from "./shrink.ts";
import { storyOf } from "./story.ts";

describe("simulation", () => {
  testSeeds(firstHalf);

  it.each(REGRESSIONS)("stays well: $what", async ({ story }) => {
    const { violation, lines } = await run(story, FRAMES);
    expect({ violation, lines }).toMatchObject({ violation: null });
  });

  it("gives the same run for the same seed, step for step, and another for another", async () => {
    const hashes = new Set<string>();
    for (const seed of [3, 14, 159]) {
      const [first, second] = [await run(storyOf(seed)), await run(storyOf(seed))];
      expect([second.hash, second.steps, second.lines]).toEqual([first.hash, first.steps, first.lines]);
      hashes.add(first.hash);
    }
    expect(hashes.size).toBe(3);
  });
});
