#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";
import { runCli } from "./cli.ts";
import { showsColours } from "./commands/paint.ts";

// `muster audit query | head`: the reader has enough, and that is no failure
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  colours: showsColours(process.stdout, process.env),
  now: Date.now,
  signals: process,
  exit: (code) => process.exit(code),
  loadSchemas: async () => (await import("./adapters.ts")).schemas,
  runAgent: async (config, signal) => {
    // V8's young generation stays at 1 MB a half: what is not grown in the burst of the start is not kept (decisions/013).
    setFlagsFromString("--semi-space-growth-factor=1");
    const [{ runAgent }, { partsOf }] = await Promise.all([import("./agent.ts"), import("./parts.ts")]);
    await runAgent(config, partsOf(config), signal);
  },
  // What goes amiss is told by the command itself.
  loadParts: async (config) => (await import("./parts.ts")).partsOf({ ...config, log: { level: "silent" } }),
});
