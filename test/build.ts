import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** Builds the program and its page once for the tests that run them as a user does; `MUSTER_TEST_BUILD=0` takes the last build. */
export async function setup(): Promise<void> {
  if (process.env["MUSTER_TEST_BUILD"] === "0") return;
  try {
    await promisify(execFile)("npm", ["run", "-s", "build"]);
  } catch (error) {
    const { stdout, stderr } = error as { readonly stdout?: unknown; readonly stderr?: unknown };
    throw new Error(`the build failed: ${String(stdout)}${String(stderr)}`, { cause: error });
  }
}
