import { defineConfig } from "vitest/config";

const exclude = ["**/node_modules/**", "dist/**", ".lab/**"];
/** Tests that are calculation alone: a process of its own for each file would take them longer than the tests do. */
const pure = [
  "test/unit/**/*.test.ts",
  "test/property/**/*.test.ts",
  "test/fixtures/**/*.test.ts",
  "test/sim/**/*.test.ts",
];
// Real servers start in hooks; the limits are for a loaded two-core machine.
const limits = { hookTimeout: 180_000, testTimeout: 60_000 };

export default defineConfig({
  test: {
    globalSetup: "./test/build.ts",
    reporters: ["default", "./test/reporter.ts"],
    pool: "forks",
    maxWorkers: 2,
    projects: [
      { test: { name: "pure", include: pure, exclude, isolate: false, ...limits } },
      { test: { name: "real", include: ["test/**/*.test.ts"], exclude: [...exclude, ...pure], ...limits } },
    ],
  },
});
