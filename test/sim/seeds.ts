/**
 * The seeds that CI runs, in two halves, one for each core. Each half is a process of its own, from the build: what vitest
 * makes of modules, and the helper threads of V8, take half as long again.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { FLAGS } from "./flags.ts";

interface Range {
  readonly from: number;
  readonly count: number;
}

/** MUSTER_SIM_SEEDS: how many in all. In CI they take two minutes of its 20; nights run more by `npm run sim`. */
const SEEDS = Number(process.env["MUSTER_SIM_SEEDS"] ?? 2_000);
/** On a loaded machine, ms. */
const TIME_LIMIT_MS = 600_000;

const PROGRAM = fileURLToPath(new URL("../../dist/test/sim/main.js", import.meta.url));

const half = Math.ceil(SEEDS / 2);
export const firstHalf: Range = { from: 1, count: half };
export const secondHalf: Range = { from: 1 + half, count: SEEDS - half };

export function testSeeds({ from, count }: Range): void {
  it(`breaks no rule, and all is right in the end: ${count} seeds from ${from}`, { timeout: TIME_LIMIT_MS }, async ({
    signal,
  }) => {
    const told = await play(["--seed", String(from), "--seeds", String(count), "--workers", "1"], signal);
    // What fails is told before it, as stories.
    expect(told.trim()).toMatch(new RegExp(`^${count} seeds from ${from} in .*: all is well$`));
  });
}

/** @returns what it said, whether it went well or not */
function play(args: readonly string[], signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, [...FLAGS, PROGRAM, ...args], { signal }, (error, stdout, stderr) =>
      resolve(`${stdout}${stderr}${error !== null && stdout === "" ? error.message : ""}`),
    );
  });
}
