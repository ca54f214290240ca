/** The shortest story that breaks the same rule: steps are left out for as long as it still does. */
import { type Run, run } from "./run.ts";
import type { Step, Story } from "./story.ts";

export interface Failure {
  readonly story: Story;
  readonly run: Run;
}

/** How long a shrinking may take, ms of real time. */
const PATIENCE_MS = 15_000;
/** Of the stacks that are told. */
export const FRAMES = 10;

/** @returns the story itself if it breaks no rule */
export async function shrink(story: Story): Promise<Failure> {
  let best: Failure = { story, run: await run(story, FRAMES) };
  const rule = best.run.violation?.rule;
  if (rule === undefined) return best;
  const until = performance.now() + PATIENCE_MS;

  async function breaks(candidate: Story): Promise<boolean> {
    if (performance.now() > until) return false;
    const tried = await run(candidate, FRAMES);
    if (tried.violation?.rule !== rule) return false;
    best = { story: candidate, run: tried };
    return true;
  }

  const after = best.run.violation?.at ?? Number.POSITIVE_INFINITY;
  await breaks({ ...story, steps: story.steps.filter(({ at }) => at <= after) });
  for (let size = Math.ceil(best.story.steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    await leaveOut(size);
  }
  await breaks({ ...best.story, slowDisks: false });
  await breaks({ ...best.story, nodes: 1 });
  return best;

  async function leaveOut(size: number): Promise<void> {
    for (let from = 0; from < best.story.steps.length; ) {
      const steps: readonly Step[] = best.story.steps.filter((_, index) => index < from || index >= from + size);
      if (!(await breaks({ ...best.story, steps }))) from += size;
    }
  }
}

/** The story, for people, and as the line for `regressions.ts` that keeps it. */
export function tell({ story, run: { violation, lines } }: Failure): string {
  if (violation === null) return `seed ${story.seed}: all is well`;
  const { rule, at, what } = violation;
  return [
    `seed ${story.seed}: ${rule}, at ${(at / 1000).toFixed(1)} s: ${what}`,
    `  ${story.nodes} node(s); what happened:`,
    ...lines.map((line) => `  ${line}`),
    `  to keep it: ${JSON.stringify(story)}`,
  ].join("\n");
}
