/**
 * `npm run sim -- --seeds 100000 [--seed N] [--workers N]`: as many runs, from seed N (1) on, on all cores. Each failing
 * seed is told with a story as short as can be; exit code 1 if there is any. With `--first` each worker stops at its first
 * failing seed, told in one line.
 *
 * `npm run sim -- --planted [--seeds 2000] [--only PATTERN]`: plants the bugs of `planted/bugs.ts` (those whose names
 * match), one at a time, and says at which seed each is found; exit code 1 if one is not, or if a story of
 * `regressions.ts` is well with its bug.
 */
import "./globals.ts";
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { FLAGS } from "./flags.ts";
import { playPlanted } from "./planted/play.ts";
import { REGRESSIONS } from "./regressions.ts";
import { run } from "./run.ts";
import { shrink, tell } from "./shrink.ts";
import { storyOf } from "./story.ts";

/** Stories told; more failures than that are only counted. */
const TOLD = 5;

/** Seeds for each planted bug: no more than CI runs. */
const PLANTED_SEEDS = "2000";

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    seed: { type: "string", default: "1" },
    workers: { type: "string", default: String(availableParallelism()) },
    first: { type: "boolean", default: false },
    planted: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    /** The stories of `regressions.ts` that belong to this bug, in place of seeds. */
    stories: { type: "string" },
    /** A worker's own: it takes every so manieth seed. */
    every: { type: "string", default: "0" },
  },
});
const { planted, only, seeds: wanted = planted ? PLANTED_SEEDS : "2000" } = values;
const [seeds, first, workers, every] = [wanted, values.seed, values.workers, values.every].map(Number) as [
  number,
  number,
  number,
  number,
];
if (![seeds, first, workers, every].every(Number.isSafeInteger)) {
  process.stderr.write("sim: --seeds, --seed and --workers take whole numbers\n");
  process.exitCode = 2;
} else if (planted) process.exitCode = (await playPlanted({ seeds, workers, only: new RegExp(only) })) ? 0 : 1;
else if (values.stories !== undefined) await playStories(values.stories);
else if (every > 0) process.exitCode = await work(every);
else await share();

/** Takes its part of the seeds, and says what fails. @returns the exit code */
async function work(step: number): Promise<number> {
  let failed = 0;
  for (let seed = first; seed < first + seeds; seed += step) {
    const story = storyOf(seed);
    const { violation } = await run(story);
    if (violation === null) continue;
    failed++;
    if (values.first) {
      process.stdout.write(`seed ${seed}: ${violation.rule}\n`);
      break;
    }
    if (failed <= TOLD) process.stdout.write(`${tell(await shrink(story))}\n`);
    else process.stdout.write(`seed ${seed}: ${violation.rule}\n`);
  }
  return failed > 0 ? 1 : 0;
}

/** Says which of them break a rule. */
async function playStories(bug: string): Promise<void> {
  for (const { story } of REGRESSIONS.filter((regression) => regression.bug === bug)) {
    const { violation } = await run(story);
    process.stdout.write(`story of seed ${story.seed}: ${violation === null ? "well" : violation.rule}\n`);
  }
}

async function share(): Promise<void> {
  const count = Math.max(1, Math.min(workers, seeds));
  const began = performance.now();
  const parts = Array.from({ length: count }, (_, index) => (count === 1 ? work(1) : forked(index, count)));
  const codes = await Promise.all(parts);
  const seconds = (performance.now() - began) / 1000;
  const each = ((1000 * seconds * count) / seeds).toFixed(0);
  const isWell = codes.every((code) => code === 0);
  const outcome = isWell ? "all is well" : "there are failures";
  process.stdout.write(
    `${seeds} seeds from ${first} in ${seconds.toFixed(1)} s on ${count} cores (${each} ms each): ${outcome}\n`,
  );
  process.exitCode = isWell ? 0 : 1;
}

function forked(index: number, count: number): Promise<number> {
  const range = ["--seeds", String(seeds - index), "--seed", String(first + index), "--every", String(count)];
  const args = values.first ? [...range, "--first"] : range;
  const child = fork(fileURLToPath(import.meta.url), args, { execArgv: FLAGS });
  return new Promise<number>((resolve) => child.on("exit", (code) => resolve(code ?? 1)));
}
