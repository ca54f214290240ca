import type { Command } from "commander";
import { type ClientOptions, type Context, clientFor, type Finish, withClientOptions } from "./context.ts";

const EXAMPLES = `
Examples:
  muster explain web                    all tasks of a service, also those that ended lately
  muster explain 4f3a9c0d1e2b           a task, by its id or the beginning of it
  muster explain web --json | jq '.tasks[].instances[].reasons'

Every fact with its time and source, what was missing and which read brought it, every write with its outcome; for what
is not registered the reason and the remedy.`;

/** `explain ID|TASK|SERVICE`: why something is registered, or is not. */
export function addExplainCommand(program: Command, context: Context, finish: Finish): void {
  withClientOptions(program.command("explain"))
    .description("why a service, task or instance is registered, or why not")
    .argument("<id|task|service>", "what to explain")
    .addHelpText("after", EXAMPLES)
    .action(async (of: string, options: ClientOptions, command: Command) => {
      const client = await clientFor(options, command, context);
      const [{ readExplanation }, { explanationText }, { createStyle }] = await Promise.all([
        import("./explain-answer.ts"),
        import("../explain/text.ts"),
        import("./style.ts"),
      ]);
      const answer = await client.get(`/v1/explain?of=${encodeURIComponent(of)}`);
      const explanation = readExplanation(answer);
      context.out(
        options.json ? `${JSON.stringify(answer)}\n` : explanationText(explanation, createStyle(context.colours)),
      );
      finish(0);
    });
}
