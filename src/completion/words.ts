/** What the shells' scripts are put together from. Pure. */
import type { CompletedCommand, CompletedOption } from "./tree.ts";

export function flagsOf(options: readonly CompletedOption[]): readonly string[] {
  return options.flatMap(({ flags }) => flags);
}

/** Flags whose next word is never a command or another flag. */
export function valueFlags(commands: readonly CompletedCommand[]): readonly string[] {
  return unique(commands, ({ takes, isOptional }) => takes !== "nothing" && !isOptional);
}

/** Flags whose next word is a file. */
export function fileFlags(commands: readonly CompletedCommand[]): readonly string[] {
  return unique(commands, ({ takes }) => takes === "file");
}

function unique(commands: readonly CompletedCommand[], is: (option: CompletedOption) => boolean): readonly string[] {
  return [...new Set(commands.flatMap(({ options }) => flagsOf(options.filter(is))))];
}

/** Of a `case`: the paths of all commands. */
export function pathPattern(commands: readonly CompletedCommand[]): string {
  return commands.flatMap(({ path }) => (path === "" ? [] : [path])).join("|");
}

/** For bash and zsh. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
