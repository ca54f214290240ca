/**
 * Stories that once broke a rule, as short as they could be made, each with what was wrong. They must stay well. What a
 * story comes to hangs on every number that is drawn: after a change of the simulation make it anew, with its bug planted.
 */
import type { Step, Story } from "./story.ts";

export interface Regression {
  readonly what: string;
  /** Name of the bug (planted/bugs.ts) with which it breaks a rule: `npm run sim -- --planted` sees to it. */
  readonly bug: string;
  readonly story: Story;
}

const COMMON = { slowDisks: false, nodes: 1, auditBytes: 67_108_864, skews: [0] } as const;

function step(at: number, kind: Step["kind"], a = 0, b = 0, lasts = 1_000): Step {
  return { at, kind, a, b, lasts };
}

export const REGRESSIONS: readonly Regression[] = [
  {
    what: "a listing in doubt takes the routes of its services away, unguarded",
    bug: "a service-level object that was wanted once may go: no guard, no probation",
    story: {
      ...{ ...COMMON, seed: 7, slowDisks: true, skews: [-4_311] },
      steps: [
        step(4_962, "crash", 0.145, 0.096, 2_774),
        step(9_686, "end lock", 0.958, 0.857, 493),
        step(10_585, "registry wiped", 0.283, 0.598, 20_730),
        step(11_820, "marathon fails over", 0.147, 0.247, 3_761),
        step(11_880, "start", 0.305, 0.229, 3_935),
      ],
    },
  },
  {
    what: "one source's new listing confirms what only another one's listing lacked",
    bug: "one source's listing confirms what another's lacked",
    story: {
      ...{ ...COMMON, seed: 23, skews: [4_154], auditBytes: 16_384 },
      steps: [step(14_860, "cut source", 0.706, 0.566, 3_975), step(16_478, "marathon lies", 0.104, 0.265, 2_763)],
    },
  },
  {
    what: "a failed removal that the guard then holds back is due again and again: the process goes round and round",
    bug: "a failed removal that the guard holds back stays due",
    story: {
      ...{ ...COMMON, seed: 851, skews: [2_221] },
      steps: [
        step(3_828, "start", 0.764, 0.7, 482),
        step(4_743, "marathon lies", 0.652, 0.739, 2_355),
        step(5_264, "sick", 0.193, 0.488, 13_156),
        step(10_805, "registry wiped", 0.19, 0.598, 21_937),
        step(12_713, "kill muster", 0.854, 0.174, 3_946),
        step(33_149, "cut registry", 0.383, 0.471, 22_460),
        step(35_957, "sick", 0.319, 0.174, 2_821),
        step(49_596, "marathon lies", 0.951, 0.036, 2_640),
        step(54_288, "managers away", 0.294, 0.583, 12_055),
        step(54_482, "registry down", 0.233, 0.241, 15_855),
      ],
    },
  },
  {
    what: "the wall clock is set back: a registry that failed just then is left alone for as long",
    bug: "waits go by the wall clock",
    story: {
      ...{ ...COMMON, seed: 41, skews: [2_110] },
      steps: [
        step(5_273, "cut registry", 0.446, 0.444, 32_158),
        step(14_726, "change", 0.078, 0.928, 2_884),
        step(19_263, "clock jumps", 0.46, 0.281, 1_770),
      ],
    },
  },
  {
    what: "Marathon fails over while an earlier listing is still in doubt: probation is not begun anew",
    bug: "doubt counts from the first doubtful listing, whoever gave it",
    story: {
      ...{ ...COMMON, seed: 63, skews: [2_375] },
      steps: [
        step(3_460, "crash", 0.975, 0.439, 1_053),
        step(6_255, "end lock", 0.524, 0.637, 924),
        step(13_719, "marathon fails over", 0.57, 0.812, 2_301),
        step(14_682, "restart engine", 0.842, 0.666, 3_293),
        step(15_853, "cut lock", 0.309, 0.663, 2_772),
        step(20_914, "node unheard", 0.921, 0.768, 2_722),
        step(21_171, "marathon fails over", 0.851, 0.599, 33_115),
      ],
    },
  },
  {
    what: "Marathon is away for longer than the probation: what its last listing lacked, in doubt, is removed",
    bug: "doubt ends by time alone, also while the source is away",
    story: {
      ...{ ...COMMON, seed: 325, nodes: 2, skews: [4_696, 1_607], auditBytes: 16_384 },
      steps: [
        step(20_914, "managers away", 0.929, 0.356, 150),
        step(25_646, "marathon fails over", 0.388, 0.546, 21_327),
        step(45_071, "marathon lies", 0.66, 0.397, 7_019),
      ],
    },
  },
  {
    what: "a service is removed while its tasks stop: what drains is registered anew under its container's name",
    bug: "what stops is no longer what it was once its service is gone",
    story: { ...{ ...COMMON, seed: 20 }, steps: [step(7_012, "remove", 0.341, 0.956, 37_265)] },
  },
  {
    what: "a service is removed before its tasks are told to stop: they go without a drain",
    bug: "what stops is no longer what it was once its service is gone",
    story: { ...{ ...COMMON, seed: 7, skews: [-4_311] }, steps: [step(4_884, "remove", 0.021, 0.722, 1_550)] },
  },
  {
    what: "two wrong listings with a right one in between, while the registry was away: the second one is believed",
    bug: "a wrong listing is confirmed by another though a right one came in between",
    story: {
      ...{ ...COMMON, seed: 1_546, skews: [2_688] },
      steps: [
        step(18_863, "start", 0.084, 0.536, 663),
        step(28_050, "change", 0.926, 0.526, 1_891),
        step(32_948, "marathon lies", 0.568, 0.237, 42_091),
        step(37_821, "registry down", 0.869, 0.632, 4_054),
        step(38_686, "start", 0.28, 0.814, 2_735),
        step(42_479, "marathon lies", 0.417, 0.459, 3_434),
      ],
    },
  },
];
