/** Shows that the simulation finds bugs: plants them, one at a time, and says at which seed each is found. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FLAGS } from "../flags.ts";
import { BUGS, type Bug } from "./bugs.ts";
import { copyOfBuild, withBug } from "./plant.ts";

export interface PlantingOptions {
  /** Seeds tried for each bug, from 1 on. */
  readonly seeds: number;
  /** Bugs under way at a time. */
  readonly workers: number;
  /** Only bugs whose names match. */
  readonly only: RegExp;
}

/** What the simulation said. */
interface Find {
  readonly seed: number;
  /** The rule that was broken, in the judge's words. */
  readonly rule: string;
}

interface Row {
  readonly name: string;
  /** null: not found. */
  readonly find: Find | null;
  /** Its stories of `regressions.ts` that are well, though they should break a rule with it. */
  readonly idle: readonly string[];
}

/** The repository, seen from the build. */
const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
/** Seeds without any bug, which must be well. */
const CONTROL_SEEDS = 20;

/**
 * Writes a Markdown table of the bugs to stdout, and how far it is to stderr.
 * @returns whether each was found, by its stories as well
 * Rejects with one line if a bug can't be planted, or if seeds fail without any.
 */
export async function playPlanted({ seeds, workers, only }: PlantingOptions): Promise<boolean> {
  const bugs = BUGS.filter(({ name }) => only.test(name));
  await control(bugs);
  const rows: Row[] = [];
  const left = [...bugs];
  async function work(): Promise<void> {
    for (let bug = left.shift(); bug !== undefined; bug = left.shift()) {
      const row = await rowOf(bug, seeds);
      rows.push(row);
      process.stderr.write(`${rows.length} of ${bugs.length}: ${row.name}: ${wordsOf(row)}\n`);
    }
  }
  await Promise.all(Array.from({ length: workers }, work));
  process.stdout.write(`${tableOf(rows)}\n`);
  return rows.every(({ find, idle }) => find !== null && idle.length === 0);
}

/** Every file that a bug is planted in is made anew, as it is. */
async function control(bugs: readonly Bug[]): Promise<void> {
  const files = [...new Set(bugs.map(({ file }) => file))];
  const texts = await Promise.all(files.map(async (file) => [file, await readFile(join(ROOT, file), "utf8")] as const));
  await using copy = await copyOfBuild(ROOT, new Map(texts));
  const find = await firstFailure(copy.program, CONTROL_SEEDS);
  if (find !== null) throw new Error(`without any bug seed ${find.seed} fails: ${find.rule}`);
}

async function rowOf(bug: Bug, seeds: number): Promise<Row> {
  await using copy = await copyOfBuild(ROOT, new Map([[bug.file, await withBug(ROOT, bug)]]));
  return {
    name: bug.name,
    find: await firstFailure(copy.program, seeds),
    idle: await idleStories(copy.program, bug),
  };
}

async function idleStories(program: string, { name }: Bug): Promise<readonly string[]> {
  const told = await outputOf(program, ["--stories", name]);
  return told.split("\n").filter((line) => line.endsWith(": well"));
}

async function firstFailure(program: string, seeds: number): Promise<Find | null> {
  const told = await outputOf(program, ["--first", "--workers", "1", "--seeds", String(seeds)]);
  const [, seed, rule = ""] = /^seed (\d+): (.*)$/m.exec(told) ?? [];
  if (seed !== undefined) return { seed: Number(seed), rule };
  if (!told.trim().endsWith(": all is well")) throw new Error(`the simulation failed: ${told}`);
  return null;
}

/** @returns what it said, whether it went well or not */
function outputOf(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, [...FLAGS, program, ...args], (_error, stdout, stderr) => resolve(`${stdout}${stderr}`));
  });
}

function tableOf(rows: readonly Row[]): string {
  const order = ({ find }: Row) => find?.seed ?? Number.POSITIVE_INFINITY;
  const cells = rows
    .toSorted((a, b) => order(a) - order(b) || (a.name < b.name ? -1 : 1))
    .map(({ name, find }) => [name, String(find?.seed ?? "not found"), find?.rule ?? ""]);
  const all = [["bug", "found at seed", "as"], ...cells];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[], fill = " ") =>
    `| ${widths.map((width, column) => (row[column] ?? "").padEnd(width, fill)).join(" | ")} |`;
  return [line(all[0] ?? []), line([], "-"), ...cells.map((row) => line(row))].join("\n");
}

function wordsOf({ find, idle }: Row): string {
  return [find === null ? "not found" : `seed ${find.seed}, ${find.rule}`, ...idle].join("; ");
}
