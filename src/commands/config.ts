import type { Command } from "commander";
import {
  type Context,
  checkModulesOrExit,
  checkSecretsOrExit,
  configFileOf,
  type Finish,
  loadConfigOrExit,
} from "./context.ts";

const EXAMPLES = `
Examples:
  muster config check                  the environment and the defaults alone
  muster config check muster.yaml      the file, with the environment over it`;

/** `config check [FILE]`: prints the effective configuration, or all that is wrong with it. */
export function addConfigCommands(program: Command, context: Context, finish: Finish): void {
  const config = program.command("config").description("look at the configuration");
  config
    .command("check")
    .description("print the effective configuration, secrets redacted; or every problem, one line each")
    .argument("[file]", "configuration file; beats -c")
    .option("--json", "as JSON")
    .addHelpText("after", EXAMPLES)
    .action(async (file: string | undefined, { json }: { readonly json?: true }, command: Command) => {
      const loaded = await loadConfigOrExit(file ?? configFileOf(command), context);
      await checkSecretsOrExit(loaded, context);
      await checkModulesOrExit(loaded);
      const { printConfig } = await import("../config/print.ts");
      context.out(printConfig(loaded, json ? "json" : "yaml"));
      finish(0);
    });
}
