/** docs/reference/cli.md: the help of every command. */
import type { Command } from "commander";
import { createProgram } from "../../src/cli.ts";
import type { Context } from "../../src/commands/context.ts";
import { page, section } from "./markdown.ts";

const INTRODUCTION =
  "`muster COMMAND --help` shows the same. `muster completion bash|zsh|fish` completes commands and options.";
const WIDTH = 110;

export function cliPage(): string {
  // No command is run.
  const program = createProgram({ out() {}, err() {}, env: {} } as unknown as Context, () => {});
  return page("Command reference", INTRODUCTION, all(program, "").map(helpOf));
}

interface Named {
  readonly command: Command;
  /** With the names of the commands above. */
  readonly name: string;
}

function all(command: Command, above: string): readonly Named[] {
  const name = `${above}${command.name()}`;
  return [{ command, name }, ...command.commands.flatMap((each) => all(each, `${name} `))];
}

function helpOf({ command, name }: Named): string {
  let text = "";
  command.configureOutput({
    writeOut(part) {
      text += part;
    },
    getOutHelpWidth: () => WIDTH,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return section(name, `\`\`\`text\n${text.trim()}\n\`\`\``);
}
