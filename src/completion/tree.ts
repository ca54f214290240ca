/** The command line as a shell sees it, read off the program itself so that it can't be out of date. */
import type { Command, Option } from "commander";

/** What comes after an option, or as an argument. `nothing` for flags. */
export type Takes = "nothing" | "file" | "value";

export interface CompletedOption {
  /** e.g. `-c` and `--config` */
  readonly flags: readonly string[];
  /** One line. */
  readonly description: string;
  readonly takes: Takes;
  /** What may come after it; empty: anything. */
  readonly choices: readonly string[];
  /** It may stand alone as well. */
  readonly isOptional: boolean;
}

export interface CompletedCommand {
  /** Words from the program on, each with a slash before it, e.g. `/audit/query`; empty for the program. */
  readonly path: string;
  readonly name: string;
  readonly description: string;
  readonly options: readonly CompletedOption[];
  /** Of its arguments the first that is worth completing. */
  readonly takes: Takes;
  readonly choices: readonly string[];
  readonly commands: readonly CompletedCommand[];
}

const FILES = /^(?:file|path)$/;

/** The program with all its commands; each has the program's own options as well. */
export function completionTree(program: Command): CompletedCommand {
  return commandOf(program, "", [], program.options);
}

/** All commands below, and the command itself, in depth-first order. */
export function flattened(command: CompletedCommand): readonly CompletedCommand[] {
  return [command, ...command.commands.flatMap(flattened)];
}

function commandOf(
  command: Command,
  path: string,
  inherited: readonly Option[],
  own = command.options,
): CompletedCommand {
  const help = command.createHelp();
  const named = [...own, ...inherited].filter(({ hidden }) => !hidden);
  // commander makes it up when it is asked for help.
  const helpOption: CompletedOption = {
    ...{ flags: ["-h", "--help"], description: "display help for command" },
    ...{ takes: "nothing", choices: [], isOptional: false },
  };
  const [argument] = command.registeredArguments;
  const passedOn = path === "" ? own.filter(({ long }) => long !== "--version") : inherited;
  return {
    path,
    name: command.name(),
    description: oneLine(help.subcommandDescription(command)),
    options: [...named.map(optionOf), helpOption],
    takes: argument === undefined ? "nothing" : FILES.test(argument.name()) ? "file" : "value",
    choices: argument?.argChoices ?? [],
    commands: command.commands.map((each) => commandOf(each, `${path}/${each.name()}`, passedOn)),
  };
}

function optionOf({ short, long, description, flags, required, optional, argChoices }: Option): CompletedOption {
  const value = /[<[]([^>\]]+)[>\]]/.exec(flags)?.[1] ?? "";
  return {
    flags: [short, long].flatMap((flag) => flag ?? []),
    description: oneLine(description),
    takes: !required && !optional ? "nothing" : FILES.test(value) ? "file" : "value",
    choices: argChoices ?? [],
    isOptional: optional,
  };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}
