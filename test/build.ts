import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Builds the program once for the tests that run it as a user does; `MUSTER_TEST_BUILD=0` takes the last build. */
export async function setup(): Promise<void> {
  if (process.env["MUSTER_TEST_BUILD"] === "0") return;
  try {
    await promisify(execFile)("npx", ["tsc", "-p", "tsconfig.build.json"]);
  } catch (error) {
    throw new Error(`the build failed: ${String((error as { stdout?: unknown }).stdout)}`, { cause: error });
  }
}
