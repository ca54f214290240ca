/** The command line (contract 5.1). Commands import what they need when they run, so that `--version` costs nothing. */
import { Command, CommanderError } from "commander";
import { addAuditCommands } from "./commands/audit.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addConfigCommands } from "./commands/config.ts";
import type { Context, Finish } from "./commands/context.ts";
import { addDoctorCommand } from "./commands/doctor.ts";
import { addDrainCommands } from "./commands/drain.ts";
import { ExitError } from "./commands/exit-error.ts";
import { addExplainCommand } from "./commands/explain.ts";
import { addHealthCommand } from "./commands/health.ts";
import { addPlanCommand } from "./commands/plan.ts";
import { addRunCommand } from "./commands/run.ts";
import { addStatusCommand } from "./commands/status.ts";
import { version } from "./version.ts";

const EXAMPLES = `
Examples:
  muster run                          watch the local Docker engine, keep an embedded registry
  muster run -c muster.yaml           the same, as the file says
  muster config check muster.yaml     what the file amounts to, or what is wrong with it
  muster doctor -c muster.yaml        what keeps it from its work, with the fix
  muster status                       what a running Muster sees and has registered
  muster explain web                  why it is registered, or why not
  muster drain web --wait             take it out of service without stopping it
  muster audit query --failed         what could not be done, and why

Exit codes: 0 fine, 1 failure, 2 usage or configuration.`;

/**
 * Runs one command.
 * @param args without node and script
 * @returns the exit code: 0 fine, 1 failure, 2 usage or configuration
 */
export async function runCli(args: readonly string[], context: Context): Promise<number> {
  let code = 0;
  const program = createProgram(context, (exitCode) => {
    code = exitCode;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    return exitCodeOf(error, context);
  }
}

/** All commands; none is run. */
export function createProgram(context: Context, finish: Finish): Command {
  const program = new Command("muster")
    .description("Registers every running task, and only running tasks, where the rest of the platform looks for them.")
    .version(version(), "-V, --version", "print the version")
    .option("-c, --config <file>", "configuration file (default: the one that MUSTER_CONFIG names, if any)")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: context.out, writeErr: context.err })
    .showHelpAfterError("(add --help for help)")
    .exitOverride()
    .addHelpText("after", EXAMPLES);
  addRunCommand(program, context, finish);
  addPlanCommand(program, context, finish);
  addConfigCommands(program, context, finish);
  addStatusCommand(program, context, finish);
  addExplainCommand(program, context, finish);
  addDrainCommands(program, context, finish);
  addDoctorCommand(program, context, finish);
  addHealthCommand(program, context, finish);
  addAuditCommands(program, context, finish);
  addCompletionCommand(program, context, finish);
  return program;
}

function exitCodeOf(error: unknown, context: Context): number {
  // commander has printed its own already; help and version are no errors
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (error instanceof ExitError) {
    for (const line of error.lines) context.err(`${line}\n`);
    return error.exitCode;
  }
  context.err(`${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
}
