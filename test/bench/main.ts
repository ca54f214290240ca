/**
 * `npm run bench [-- --only NAME,… --quick --json FILE | --list]`: measures group by group, each in a process of its own;
 * prints one table and writes one JSON file. Exit code 1 if a group could not be measured (an aim that is missed is shown,
 * and no failure: that depends on the machine), 2 for arguments that make no sense.
 */
import { fork } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { groups } from "./groups.ts";
import type { Row } from "./row.ts";
import { table } from "./table.ts";
import type { Message } from "./worker.ts";

interface Result {
  readonly rows: readonly Row[];
  /** Why there are none; null: there are. */
  readonly error: string | null;
}

/** @returns the exit code */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "string", default: "bench.json" },
      list: { type: "boolean", default: false },
    },
  });
  if (values.list) return list();
  const names = values.only === undefined ? Object.keys(groups) : values.only.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => groups[name] === undefined);
  if (unknown.length > 0)
    throw new Error(`no group ${unknown.join(", ")}; there are: ${Object.keys(groups).join(", ")}`);
  const machine = {
    cpus: cpus().length,
    model: cpus()[0]?.model ?? "unknown",
    node: process.version,
    load: loadavg()[0],
  };
  const results: (Result & { readonly group: string })[] = [];
  for (const group of names) results.push({ group, ...(await measure(group, values.quick)) });
  const rows = results.flatMap((result) => result.rows);
  const errors = results.flatMap(({ group, error }) => (error === null ? [] : [{ group, error }]));
  process.stdout.write(`${table(rows)}\n`);
  for (const { group, error } of errors) process.stdout.write(`${group}: not measured: ${error}\n`);
  process.stdout.write(
    `\n${machine.cpus} x ${machine.model}, Node ${machine.node}, load before ${machine.load?.toFixed(1)}${values.quick ? "; --quick: not for comparison" : ""}\n`,
  );
  const content = { time: new Date().toISOString(), machine, quick: values.quick, rows, errors };
  writeFileSync(values.json, `${JSON.stringify(content, null, 2)}\n`);
  return errors.length > 0 ? 1 : 0;
}

function list(): number {
  for (const [name, { what }] of Object.entries(groups)) process.stdout.write(`${name.padEnd(10)} ${what}\n`);
  return 0;
}

function measure(group: string, isQuick: boolean): Promise<Result> {
  const program = fileURLToPath(new URL("./worker.js", import.meta.url));
  const child = fork(program, [group, ...(isQuick ? ["quick"] : [])]);
  tell(group, "begins");
  let result: Result = { rows: [], error: "its process ended without a word" };
  child.on("message", (message: Message) => {
    if ("note" in message) tell(group, message.note);
    else result = "rows" in message ? { rows: message.rows, error: null } : { rows: [], error: message.error };
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => resolve(result));
  });
}

function tell(group: string, text: string): void {
  process.stderr.write(`${group}: ${text}\n`);
}

// Ctrl-C reaches the group's process as well, which clears up; this one waits for it.
process.on("SIGINT", () => {});
process.exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  return 2;
});
