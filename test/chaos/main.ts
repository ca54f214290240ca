/**
 * `npm run chaos -- [--minutes 10] [--seed N] [--json FILE]`: a real swarm and Consul, fakes of the other registries, under
 * random faults. Exit code 0: every comparison held and nothing was broken; 1: not so; 2: usage.
 */
import { randomInt } from "node:crypto";
import { setMaxListeners } from "node:events";
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { labAvailable } from "../lab/available.ts";
import { summaryText } from "./report.ts";
import { runChaos } from "./run.ts";

const program = fileURLToPath(new URL("../../src/main.js", import.meta.url));
const USAGE = "usage: npm run chaos -- [--minutes 10] [--seed N] [--json FILE]";

interface Args {
  readonly minutes: number;
  readonly seed: number;
  readonly json: string | null;
}

/** @returns what is wrong with them, in words */
function readArgs(): Args | string {
  try {
    const { values } = parseArgs({
      options: { minutes: { type: "string" }, seed: { type: "string" }, json: { type: "string" } },
    });
    const minutes = Number(values.minutes ?? 10);
    const seed = Number(values.seed ?? randomInt(2 ** 31));
    if (!(minutes > 0 && minutes <= 10_000)) return "--minutes takes a number above 0";
    if (!Number.isSafeInteger(seed) || seed < 0) return "--seed takes a whole number from 0";
    return { minutes, seed, json: values.json ?? null };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const print = (line: string) => void process.stdout.write(`${line}\n`);

async function main({ minutes, seed, json }: Args): Promise<number> {
  print(`seed ${seed}: npm run chaos -- --seed ${seed} --minutes ${minutes}`);
  for (const server of ["engine", "consul"] as const) {
    const { reason } = await labAvailable(server);
    if (reason === "") continue;
    process.stderr.write(`chaos: ${reason}\n`);
    return 1;
  }
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const interrupt = () => stop.abort(new Error("interrupted"));
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  const run = runChaos({ seed, program, forMs: minutes * 60_000, print, signal: stop.signal });
  const summary = await run.catch((error: unknown) => {
    throw stop.signal.aborted ? stop.signal.reason : error;
  });
  if (json !== null) await writeFile(json, `${JSON.stringify(summary, undefined, 2)}\n`);
  print(summaryText(summary));
  return summary.violations.length === 0 ? 0 : 1;
}

const args = readArgs();
if (typeof args === "string") {
  process.stderr.write(`chaos: ${args}\n${USAGE}\n`);
  process.exitCode = 2;
} else {
  process.exitCode = await main(args).catch((error: unknown) => {
    process.stderr.write(`chaos: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  });
}
