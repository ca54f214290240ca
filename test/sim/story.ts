/** What happens to a simulated cluster, as a list of steps, each of which makes sense whatever became of the others. */
import { createRandom, type Random } from "../lab/marathon/random.ts";

/** What is done in the real world, and what goes wrong. */
export const KINDS = {
  start: 6,
  stop: 5,
  crash: 3,
  flap: 3,
  restart: 3,
  sick: 3,
  change: 3,
  remove: 1,
  recreate: 1,
  "cut source": 4,
  "lose events": 3,
  "repeat events": 1,
  "slow source": 2,
  "restart engine": 2,
  "marathon fails over": 4,
  "marathon lies": 2,
  "managers away": 2,
  "cut registry": 3,
  "registry errors": 3,
  "lose answers": 4,
  "late writes": 2,
  "slow registry": 2,
  "registry down": 3,
  "registry wiped": 2,
  "kill muster": 4,
  "stop muster": 2,
  "still muster": 1,
  "node off": 1,
  "node cut": 2,
  "node unheard": 2,
  "cut lock": 2,
  "end lock": 1,
  "disk full": 1,
  "disk fails": 1,
  "clock jumps": 2,
} as const;
export type Kind = keyof typeof KINDS;

export interface Step {
  /** ms since the start of the run. */
  readonly at: number;
  readonly kind: Kind;
  /** Choose among what is there, in [0, 1). */
  readonly a: number;
  readonly b: number;
  /** ms; of what ends by itself. */
  readonly lasts: number;
}

export interface Story {
  readonly seed: number;
  readonly nodes: number;
  /** By how much each node's clock is ahead, ms. */
  readonly skews: readonly number[];
  /** Bytes after which the audit log is rotated. */
  readonly auditBytes: number;
  /** Whether the disks take time. */
  readonly slowDisks: boolean;
  readonly steps: readonly Step[];
}

/** When the first step may come: everything has started by then, ms. */
const FROM_MS = 3_000;

export function storyOf(seed: number): Story {
  const random = createRandom(seed * 2 + 1);
  for (let n = 0; n < 3; n++) random.next();
  const nodes = 1 + random.below(3);
  // Few or many: bounds need calm, and races need none.
  const count = 4 + random.below(random.chance(0.3) ? 8 : 30);
  const length = 15_000 + random.below(45_000);
  const steps = Array.from({ length: count }, () => stepOf(random, length));
  return {
    ...{ seed, nodes, auditBytes: random.chance(0.3) ? 16_384 : 1 << 26, slowDisks: random.chance(0.3) },
    skews: Array.from({ length: nodes }, () => Math.round((random.next() - 0.5) * 10_000)),
    steps: steps.sort((a, b) => a.at - b.at),
  };
}

function stepOf(random: Random, length: number): Step {
  const at = FROM_MS + random.below(length);
  const lasts = random.chance(0.7) ? 100 + random.below(4_000) : 4_000 + random.below(40_000);
  return { at, kind: kindOf(random), a: round(random.next()), b: round(random.next()), lasts };
}

/** Short enough to be read in a story. */
function round(share: number): number {
  return Math.floor(share * 1000) / 1000;
}

function kindOf(random: Random): Kind {
  const all = Object.entries(KINDS) as [Kind, number][];
  let left = random.below(all.reduce((sum, [, weight]) => sum + weight, 0));
  for (const [kind, weight] of all) {
    if (left < weight) return kind;
    left -= weight;
  }
  return "start";
}
