/** The seeds that CI runs, in two halves, one for each core. */
import { expect, it } from "vitest";
import { run } from "./run.ts";
import { shrink, tell } from "./shrink.ts";
import { storyOf } from "./story.ts";

interface Range {
  readonly from: number;
  readonly count: number;
}

/** MUSTER_SIM_SEEDS: how many in all. 600 by default, so that CI stays under its 20 minutes; nights run `npm run sim`. */
const SEEDS = Number(process.env["MUSTER_SIM_SEEDS"] ?? 600);
const BATCH = 250;
/** Stories told of one batch: more than that would only cost time. */
const TOLD = 2;
/** On a loaded machine, ms. */
const TIME_LIMIT_MS = 600_000;

const half = Math.ceil(SEEDS / 2);
export const firstHalf: Range = { from: 1, count: half };
export const secondHalf: Range = { from: 1 + half, count: SEEDS - half };

export function testSeeds({ from, count }: Range): void {
  const batches = Array.from({ length: Math.ceil(count / BATCH) }, (_, index) => from + index * BATCH);
  it.each(batches)(
    "breaks no rule, and all is right in the end: seeds from %i",
    { timeout: TIME_LIMIT_MS },
    async (first) => {
      const failures = await failuresIn(first, Math.min(BATCH, from + count - first));
      expect(failures.join("\n\n")).toBe("");
    },
  );
}

async function failuresIn(from: number, count: number): Promise<readonly string[]> {
  const told: string[] = [];
  for (let seed = from; seed < from + count && told.length < TOLD; seed++) {
    const story = storyOf(seed);
    const { violation } = await run(story);
    if (violation !== null) told.push(tell(await shrink(story)));
  }
  return told;
}
