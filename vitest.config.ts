import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    dir: "test",
    exclude: ["**/node_modules/**", "dist/**", ".lab/**"],
    globalSetup: "./test/build.ts",
    reporters: ["default", "./test/reporter.ts"],
    // Real servers start in hooks; the limits are for a loaded two-core machine.
    hookTimeout: 180_000,
    testTimeout: 60_000,
    pool: "forks",
    maxWorkers: 2,
  },
});
