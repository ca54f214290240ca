import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const exclude = ["**/node_modules/**", "dist/**", ".lab/**"];
/** Tests that are calculation alone: a process of its own for each file would take them longer than the tests do. */
const pure = [
  "test/unit/**/*.test.ts",
  "test/property/**/*.test.ts",
  "test/fixtures/**/*.test.ts",
  "test/sim/**/*.test.ts",
];
/**
 * Tests that mostly wait, for a TTL, a swarm's election or an outage's end: on two cores three of them run well at once.
 * Longest first.
 */
const waiting = [
  "test/e2e/swarm-loss.test.ts",
  "test/e2e/swarm.test.ts",
  "test/integration/consul-election.test.ts",
  "test/e2e/outage.test.ts",
  "test/e2e/stop-gate.test.ts",
  "test/integration/swarm-leader.test.ts",
  "test/integration/swarm-source.test.ts",
  "test/lab/swarm.test.ts",
];
/** So that no worker is idle at the end: on a clean checkout vitest does not know how long files take, and goes by size. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) =>
      projectOf(a) === projectOf(b) ? rank(a) - rank(b) : byProject(a, b),
    );
  }
}
function projectOf({ project }: TestSpecification): string {
  return project.name;
}
function byProject(a: TestSpecification, b: TestSpecification): number {
  return projectOf(a) < projectOf(b) ? -1 : 1;
}
/** Of the other projects, whose many short files fill what is left, all are alike: their order stays. */
function rank({ moduleId }: TestSpecification): number {
  return waiting.findIndex((path) => moduleId.endsWith(`/${path}`));
}

// Real servers start in hooks; the limits are for a loaded two-core machine.
const limits = { hookTimeout: 180_000, testTimeout: 60_000 };
const real = { name: "real", include: ["test/**/*.test.ts"], exclude: [...exclude, ...pure, ...waiting] };

export default defineConfig({
  test: {
    globalSetup: "./test/build.ts",
    reporters: ["default", "./test/reporter.ts"],
    pool: "forks",
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      { test: { name: "pure", include: pure, exclude, isolate: false, ...limits } },
      { test: { ...real, ...limits } },
      // After the others: workers that are as many at once are of one group.
      { test: { name: "waiting", include: waiting, exclude, maxWorkers: 3, sequence: { groupOrder: 1 }, ...limits } },
    ],
  },
});
