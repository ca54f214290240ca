/** Carries a story's steps out, and keeps what each did, in words. */
import { nodeActs } from "./act-nodes.ts";
import { realityActs } from "./act-reality.ts";
import { wayActs } from "./act-ways.ts";
import type { Cluster } from "./cluster.ts";
import { type Act, createStage } from "./stage.ts";
import type { Kind, Step } from "./story.ts";

export interface Actor {
  perform(step: Step): void;
  /** Ends all that is wrong. */
  heal(): void;
  /** What was done, one line a step. */
  readonly lines: readonly string[];
}

export function createActor(cluster: Cluster): Actor {
  const stage = createStage(cluster);
  const acts: Record<Kind, Act> = { ...realityActs(stage), ...wayActs(stage), ...nodeActs(stage) };
  const lines: string[] = [];
  return {
    lines,
    heal: stage.heal,
    perform(step) {
      const told = acts[step.kind](step);
      if (told !== null) lines.push(`${(step.at / 1000).toFixed(1).padStart(6)} s  ${told}`);
      cluster.machine.note(`${step.kind} ${told}`);
    },
  };
}
