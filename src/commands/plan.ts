import type { Command } from "commander";
import {
  type Context,
  checkModulesOrExit,
  checkSecretsOrExit,
  configFileOf,
  type Finish,
  loadConfigOrExit,
} from "./context.ts";
import { durationOption } from "./duration.ts";
import { untilSignalled } from "./run.ts";

const EXAMPLES = `
Examples:
  muster plan -c muster.yaml                 what one pass would change in each registry
  muster plan --details                      with the content of each new entry
  muster plan --json | jq '.registries[].changes[] | {op, key}'
  muster plan -q || echo "something to do"   for scripts

It reads sources and registries itself, whether or not a Muster runs, and writes nothing: no entry, no heart-beat, no
lock, no audit log. Exit codes: 0 in sync, 3 changes pending, 1 failure, 2 usage or configuration.`;

/** What is left to be done. */
const PENDING = 3;
const DEFAULT_TIMEOUT = "1m";

interface Options {
  readonly json?: true;
  readonly quiet?: true;
  readonly details?: true;
  readonly timeout: number;
}

/** `plan`: what one pass would do. */
export function addPlanCommand(program: Command, context: Context, finish: Finish): void {
  program
    .command("plan")
    .description("what one pass would change, writing nothing; exit 3 if there is something")
    .option("--json", "as one JSON object")
    .option("--details", "the content of what is registered or deregistered as well")
    .option("-q, --quiet", "only the exit code")
    .addOption(durationOption("--timeout <duration>", "for all of it", DEFAULT_TIMEOUT))
    .addHelpText("after", EXAMPLES)
    .action(async ({ json, quiet, details, timeout }: Options, command: Command) => {
      const config = await loadConfigOrExit(configFileOf(command), context);
      await checkSecretsOrExit(config, context);
      await checkModulesOrExit(config);
      const [{ planOnce }, { planText }, { createDiffStyle }, { systemClock }, parts] = await Promise.all([
        import("../dry-run/plan-once.ts"),
        import("../dry-run/text.ts"),
        import("./style.ts"),
        import("../clock.ts"),
        context.loadParts(config),
      ]);
      const progress = createProgress(quiet ? () => {} : context.err);
      const options = { config, parts, clock: systemClock, random: Math.random, log: parts.log, timeout };
      const exitCode = await untilSignalled(
        async (signal) => {
          const report = await planOnce({ ...options, onProgress: progress.at }, signal).finally(progress.end);
          if (json) context.out(`${JSON.stringify(report)}\n`);
          else if (!quiet) context.out(planText(report, createDiffStyle(context.colours), details));
          if (report.registries.some(({ error }) => error !== null)) return 1;
          return report.inSync ? 0 : PENDING;
        },
        { ...context, stopMs: STOP_MS },
      );
      finish(exitCode);
    });
}

const STOP_MS = 5_000;
/** What takes longer is told, ms. */
const LONG_MS = 2_000;

/** Tells what is waited for, if that takes its time. */
function createProgress(tell: (text: string) => void) {
  let timer: NodeJS.Timeout | undefined;
  return {
    at(what: string) {
      clearTimeout(timer);
      timer = setTimeout(() => tell(`${what} …\n`), LONG_MS);
    },
    end: () => clearTimeout(timer),
  };
}
