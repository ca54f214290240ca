import { setTimeout as delay } from "node:timers/promises";
import { until } from "../test/lab/wait.ts";
import type { Board } from "./board.ts";
import type { Containers } from "./containers.ts";
import type { Screen } from "./screen.ts";

export interface StoryParts {
  readonly containers: Containers;
  readonly board: Board;
  readonly screen: Screen;
  /** Between two steps, for those who watch; ms. */
  readonly pause: number;
}

/** One thing that happens to the containers, and what must be seen in the registry because of it. */
interface Step {
  readonly what: string;
  act(containers: Containers): Promise<unknown>;
  /** Names of the containers that must be in the registry then. */
  readonly leaves: readonly string[];
}

const steps: readonly Step[] = [
  {
    what: "start three web servers, and an api that has a HEALTHCHECK: it is registered once it is healthy",
    act: (on) =>
      Promise.all([...[1, 2, 3].map((number) => on.start("web", number)), on.start("api", 1, { healthcheck: true })]),
    leaves: ["demo-web-1", "demo-web-2", "demo-web-3", "demo-api-1"],
  },
  {
    what: "scale web up to five",
    act: (on) => Promise.all([4, 5].map((number) => on.start("web", number))),
    leaves: ["demo-web-1", "demo-web-2", "demo-web-3", "demo-web-4", "demo-web-5", "demo-api-1"],
  },
  {
    what: "stop web-1 in peace (docker stop): it is taken out at the signal, one second before it ends",
    act: (on) => on.stop("demo-web-1"),
    leaves: ["demo-web-2", "demo-web-3", "demo-web-4", "demo-web-5", "demo-api-1"],
  },
  {
    what: "crash web-2 (docker kill)",
    act: (on) => on.crash("demo-web-2"),
    leaves: ["demo-web-3", "demo-web-4", "demo-web-5", "demo-api-1"],
  },
  {
    what: "make api sick: it is taken out when its HEALTHCHECK fails",
    act: (on) => on.setSick("demo-api-1", true),
    leaves: ["demo-web-3", "demo-web-4", "demo-web-5"],
  },
  {
    what: "cure api: it comes back",
    act: (on) => on.setSick("demo-api-1", false),
    leaves: ["demo-web-3", "demo-web-4", "demo-web-5", "demo-api-1"],
  },
];

/** A check that runs each second needs up to two; the rest is for a busy machine. */
const PATIENCE_MS = 15_000;

/** Plays all steps. @returns what did not come about, one line each */
export async function play(
  { containers, board, screen, pause }: StoryParts,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const failures: string[] = [];
  for (const [index, { what, act, leaves }] of steps.entries()) {
    screen.say(`${index + 1}/${steps.length}  ${what}`);
    await act(containers);
    const expected = leaves.toSorted().join(", ");
    const isSo = (): boolean => inRegistry(board) === expected;
    await until(isSo, { timeoutMs: PATIENCE_MS, everyMs: 20, what: expected, signal }).catch(() => {
      signal.throwIfAborted();
      failures.push(`step ${index + 1}: ${screen.registry} should have ${expected}, and has ${inRegistry(board)}`);
    });
    if (pause > 0) await delay(pause, undefined, { signal });
  }
  return failures;
}

function inRegistry(board: Board): string {
  const present = board.rows().filter(({ place }) => place !== null);
  return present
    .map(({ name }) => name)
    .toSorted()
    .join(", ");
}
