import { Argument, type Command } from "commander";
import type { Context, Finish } from "./context.ts";

const EXAMPLES = `
Examples:
  source <(muster completion bash)                            in ~/.bashrc
  source <(muster completion zsh)                             in ~/.zshrc, after compinit
  muster completion fish > ~/.config/fish/completions/muster.fish`;

const SHELLS = ["bash", "zsh", "fish"] as const;

/** `completion SHELL`: a script that completes commands, options and file names; made of the program as it is. */
export function addCompletionCommand(program: Command, context: Context, finish: Finish): void {
  program
    .command("completion")
    .description("print a script that completes muster's commands and options in a shell")
    .addArgument(new Argument("<shell>", "bash, zsh or fish").choices(SHELLS))
    .addHelpText("after", EXAMPLES)
    .action(async (shell: (typeof SHELLS)[number]) => {
      const [{ completionTree }, script] = await Promise.all([import("../completion/tree.ts"), scriptFor(shell)]);
      context.out(script(completionTree(program)));
      finish(0);
    });
}

async function scriptFor(shell: (typeof SHELLS)[number]) {
  switch (shell) {
    case "bash":
      return (await import("../completion/bash.ts")).bashCompletion;
    case "zsh":
      return (await import("../completion/zsh.ts")).zshCompletion;
    case "fish":
      return (await import("../completion/fish.ts")).fishCompletion;
    default:
      return shell satisfies never;
  }
}
