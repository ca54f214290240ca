/** Runs the command line in this process, as `main.ts` does, with the outside world given. */
import { EventEmitter } from "node:events";
import { runCli } from "../src/cli.ts";
import type { Context } from "../src/commands/context.ts";

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** @param more what is not as by default: no environment, no colours, an agent that ends at once */
export async function runMuster(args: readonly string[], more: Partial<Context> = {}): Promise<CliResult> {
  const output = { out: "", err: "" };
  const code = await runCli(args, {
    env: {},
    out(text) {
      output.out += text;
    },
    err(text) {
      output.err += text;
    },
    colours: false,
    now: () => Date.UTC(2026, 10, 21),
    signals: new EventEmitter(),
    exit: () => {},
    loadSchemas: async () => (await import("../src/adapters.ts")).schemas,
    runAgent: async () => {},
    loadParts: async (config) => (await import("../src/parts.ts")).partsOf({ ...config, log: { level: "silent" } }),
    ...more,
  });
  return { code, ...output };
}
