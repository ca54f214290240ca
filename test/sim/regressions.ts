/** Stories that once broke a rule, as short as they could be made, each with what was wrong. They must stay well. */
import type { Step, Story } from "./story.ts";

export interface Regression {
  readonly what: string;
  readonly story: Story;
}

const COMMON = { slowDisks: false, nodes: 1, auditBytes: 67_108_864, skews: [0] } as const;

function step(at: number, kind: Step["kind"], a = 0, b = 0, lasts = 1_000): Step {
  return { at, kind, a, b, lasts };
}

export const REGRESSIONS: readonly Regression[] = [
  {
    what: "an empty listing takes the routes of all its services away, unguarded",
    story: { ...COMMON, seed: 1, steps: [step(20_048, "marathon lies")] },
  },
  {
    what: "one source's new listing confirms what only another one's listing lacked",
    story: {
      ...{ ...COMMON, seed: 241, nodes: 3, skews: [3_575, 4_674, 3_733], auditBytes: 16_384 },
      steps: [
        step(5_635, "restart", 0.394, 0.973, 3_739),
        step(7_893, "marathon lies", 0.754, 0.312, 1_167),
        step(8_234, "registry wiped", 0.805, 0.52, 784),
        step(10_506, "node cut", 0.275, 0.089, 758),
      ],
    },
  },
  {
    what: "a failed removal that the guard then holds back is due again and again: the process goes round and round",
    story: {
      ...{ ...COMMON, seed: 370, skews: [4_926], auditBytes: 16_384 },
      steps: [
        step(3_285, "lose answers", 0.605, 0.769, 9_537),
        step(10_278, "remove", 0.686, 0.317, 3_272),
        step(11_695, "node cut", 0.802, 0.59, 1_828),
      ],
    },
  },
  {
    what: "the wall clock is set forward: the probation of a doubtful listing is over at once",
    story: {
      ...{ ...COMMON, seed: 32, skews: [-2_640] },
      steps: [
        step(14_488, "marathon fails over", 0.492, 0.744, 30_064),
        step(17_979, "clock jumps", 0.168, 0.812, 2_840),
        step(19_153, "flap", 0.743, 0.812, 2_284),
      ],
    },
  },
  {
    what: "Marathon fails over while an earlier listing is still in doubt: probation is not begun anew",
    story: {
      ...{ ...COMMON, seed: 254, skews: [-4_442] },
      steps: [
        step(4_806, "registry down", 0.014, 0.014, 1_211),
        step(6_917, "cut source", 0.608, 0.818, 405),
        step(11_212, "stop muster", 0.424, 0.821, 1_300),
        step(14_899, "crash", 0.091, 0.965, 1_389),
        step(16_959, "cut source", 0.593, 0.989, 3_875),
        step(17_922, "node cut", 0.407, 0.366, 2_470),
        step(21_035, "marathon fails over", 0.82, 0.837, 979),
      ],
    },
  },
];
