/** What happens to the app in the second act, and what must be seen because of it. */
import { setTimeout as delay } from "node:timers/promises";
import type { Cluster } from "../test/lab/marathon/cluster.ts";
import type { TrueTask } from "../test/lab/marathon/truth.ts";
import { until } from "../test/lab/wait.ts";
import type { Screen } from "./screen.ts";

export interface MarathonStoryParts {
  readonly cluster: Cluster;
  readonly screen: Screen;
  /** Between two steps, for those who watch; ms. */
  readonly pause: number;
  /** Everything in which what is registered differs from what runs, one line each. */
  differences(signal: AbortSignal): Promise<readonly string[]>;
}

interface Step {
  readonly what: string;
  act(cluster: Cluster): void;
  /** How many tasks run then, */
  readonly leaves: number;
  /** and how many of these ran before. */
  readonly keeps: number;
}

export const APP = "/web";
export const SERVICE_PORT = 10_000;

const steps: readonly Step[] = [
  {
    what: `start web, service port ${SERVICE_PORT}`,
    act: (cluster) => void cluster.deploy({ id: APP, instances: 1, ports: [SERVICE_PORT] }),
    leaves: 1,
    keeps: 0,
  },
  {
    what: "scale web to 3",
    act: (cluster) => void cluster.scale(APP, 3),
    leaves: 3,
    keeps: 1,
  },
  {
    what: "restart web from the UI: only status events tell of the new tasks",
    act: (cluster) => void cluster.restart(APP),
    leaves: 3,
    keeps: 0,
  },
  {
    what: "kill one: Marathon replaces it",
    act: (cluster) => cluster.killTask(cluster.tasks(APP)[0] ?? ""),
    leaves: 3,
    keeps: 2,
  },
  {
    what: "delete web",
    act: (cluster) => void cluster.destroy(APP),
    leaves: 0,
    keeps: 0,
  },
];

export const STEPS = steps.length;

/** A rolling restart takes some 2 s; the rest is for a busy machine. */
const PATIENCE_MS = 15_000;

/** Plays all steps. @returns what did not come about, one line each */
export async function playMarathonStory(
  { cluster, screen, pause, differences }: MarathonStoryParts,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const failures: string[] = [];
  for (const [index, { what, act, leaves, keeps }] of steps.entries()) {
    screen.say(`Marathon ${index + 1}/${steps.length}  ${what}`);
    const before = new Set(cluster.tasks(APP));
    act(cluster);
    let found: readonly string[] = [];
    const isSo = async (): Promise<boolean> => {
      found = [...unfinished(cluster.truth(), before, { leaves, keeps }), ...(await differences(signal))];
      return found.length === 0;
    };
    await until(isSo, { timeoutMs: PATIENCE_MS, everyMs: 20, what, signal }).catch((error: unknown) => {
      signal.throwIfAborted();
      // It could not even be compared.
      if (found.length === 0) throw error;
      failures.push(...found.map((one) => `Marathon step ${index + 1}: ${one}`));
    });
    if (pause > 0) await delay(pause, undefined, { signal });
  }
  return failures;
}

/** Without this the world of before, which agrees as well, would pass for that of after. */
function unfinished(
  tasks: readonly TrueTask[],
  before: ReadonlySet<string>,
  { leaves, keeps }: Pick<Step, "leaves" | "keeps">,
): readonly string[] {
  const kept = tasks.filter(({ task }) => before.has(task)).length;
  const isOver = tasks.length === leaves && kept === keeps && tasks.every(({ running }) => running);
  return isOver ? [] : [`the simulated Marathon has ${tasks.length} tasks, ${kept} of before, in place of ${leaves}`];
}
