import { type Command, InvalidArgumentError } from "commander";
import type { AuditRecord } from "../audit/record.ts";
import { type Context, configFileOf, type Finish, loadConfigOrExit } from "./context.ts";
import { ExitError } from "./exit-error.ts";
import { printable } from "./table.ts";

const EXAMPLES = `
Examples:
  muster audit tail -n 50
  muster audit query --since 2h --service web
  muster audit query --failed --json | jq .error
  muster audit verify /var/log/muster-audit.jsonl

They read the file itself, also while a Muster writes it.`;

interface ReadOptions {
  readonly file?: string;
  readonly json?: true;
}

interface QueryOptions extends ReadOptions {
  readonly since?: string;
  readonly service?: string;
  readonly registry?: string;
  readonly failed?: true;
  readonly limit: number;
}

/** `audit tail|query|verify` */
export function addAuditCommands(program: Command, context: Context, finish: Finish): void {
  const audit = program.command("audit").description("read and check the audit log").addHelpText("after", EXAMPLES);
  addTail(audit, context);
  addQuery(audit, context);
  addVerify(audit, context, finish);
}

function addTail(audit: Command, context: Context): void {
  audit
    .command("tail")
    .description("the last records")
    .option("-n, --lines <count>", "how many", wholeNumber, 20)
    .option("-f, --file <path>", "the log (default: audit.path of the configuration)")
    .option("--json", "one JSON object a line")
    .action(async (options: ReadOptions & { readonly lines: number }, command: Command) => {
      const path = await logPath(options.file, command, context);
      const { tailAudit } = await import("../audit/query.ts");
      print(await tailAudit(path, options.lines), options, context);
    });
}

function addQuery(audit: Command, context: Context): void {
  audit
    .command("query")
    .description("the newest records that match")
    .option("--since <time>", "not older than: 90s, 15m, 2h, or 2026-11-21T08:00:00Z")
    .option("--service <name>", "of this service")
    .option("--registry <name>", "of this registry")
    .option("--failed", "only what did not succeed")
    .option("--limit <count>", "at most so many", wholeNumber, 100)
    .option("-f, --file <path>", "the log (default: audit.path of the configuration)")
    .option("--json", "one JSON object a line")
    .action(async ({ file, json, since, ...filter }: QueryOptions, command: Command) => {
      const from = since === undefined ? {} : { since: await readTime(since, context.now()) };
      const path = await logPath(file, command, context);
      const { queryAudit } = await import("../audit/query.ts");
      print(await queryAudit(path, { ...filter, ...from }), { ...(json && { json }) }, context);
    });
}

function addVerify(audit: Command, context: Context, finish: Finish): void {
  audit
    .command("verify")
    .description("find every record that was changed, removed, repeated or moved; exit 1 if there is one")
    .argument("[path]", "the log (default: audit.path of the configuration)")
    .option("--json", "the result as one JSON object")
    .action(async (given: string | undefined, options: ReadOptions, command: Command) => {
      const path = await logPath(given, command, context);
      const { verifyAudit } = await import("../audit/verify.ts");
      const result = await verifyAudit(path);
      finish(result.ok ? 0 : 1);
      if (options.json) {
        context.out(`${JSON.stringify(result)}\n`);
        return;
      }
      for (const note of result.notes) context.out(`note: ${printable(note)}\n`);
      for (const { file, line, what } of result.problems)
        context.err(`${file}${line > 0 ? `:${line}` : ""}: ${what}\n`);
      const verdict = result.ok ? "the chain is whole" : `${result.problems.length} problem(s)`;
      context.out(`${path}: ${result.records} records, ${verdict}\n`);
    });
}

async function logPath(given: string | undefined, command: Command, context: Context): Promise<string> {
  const path = given ?? (await loadConfigOrExit(configFileOf(command), context)).audit.path;
  const { logFiles } = await import("../audit/files.ts");
  const files = await logFiles(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  if (files.length > 0) return path;
  throw new ExitError(1, [
    `${path}: no audit log there; name it as audit.path in the configuration, or on the command line`,
  ]);
}

async function readTime(text: string, now: number): Promise<number> {
  const { parseSince } = await import("../schema.ts");
  const time = parseSince(text, now);
  if (time !== null) return time;
  throw new ExitError(2, [
    `--since: expected a duration such as 2h or a time such as 2026-11-21T08:00:00Z, got "${text}"`,
  ]);
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("expected a whole number from 1.");
}

function print(records: readonly AuditRecord[], { json }: ReadOptions, context: Context): void {
  for (const record of records) context.out(`${json ? JSON.stringify(record) : lineOf(record)}\n`);
}

/** `2026-11-21T08:00:00.000Z  7 consul register web-1 (web) ok 3 ms` */
function lineOf({ time, seq, registry, action, id, service, ok, error, ms, attempt }: AuditRecord): string {
  const result = ok === null ? null : ok ? "ok" : "FAILED";
  const parts = [
    time,
    String(seq).padStart(5),
    registry,
    action,
    id,
    service === null ? null : `(${service})`,
    result,
    ms === null ? null : `${Math.round(ms)} ms`,
    attempt === null || attempt < 2 ? null : `attempt ${attempt}`,
    error === null ? null : `- ${error}`,
  ];
  return printable(parts.filter((part) => part !== null).join(" "));
}
