import type { Command } from "commander";
import { type ClientOptions, type Context, clientFor, type Finish, withClientOptions } from "./context.ts";

const EXAMPLES = `
Examples:
  muster status                              the Muster that the configuration would start
  muster status --url http://10.0.0.11:8590  another one
  muster status --service web
  muster status --json | jq '.instances[] | select(.state == "pending")'`;

interface StatusOptions extends ClientOptions {
  readonly service?: string;
  readonly all?: true;
}

/** `status`: what a running Muster sees, over its HTTP API. */
export function addStatusCommand(program: Command, context: Context, finish: Finish): void {
  withClientOptions(program.command("status"))
    .description("sources, registries and instances of a running Muster")
    .option("--service <name>", "only instances of this service")
    .option("--all", "every instance, however many there are; else many are summed up by service")
    .addHelpText("after", EXAMPLES)
    .action(async (options: StatusOptions, command: Command) => {
      const client = await clientFor(options, command, context);
      const [{ readStatus, showStatus }, { colourOf, createPaint }] = await Promise.all([
        import("./status-view.ts"),
        import("./paint.ts"),
      ]);
      const status = await readStatus(client, options.service);
      const paint = createPaint(context.colours);
      const colour = (state: string) => {
        const known = colourOf(state);
        return known === null ? state : paint(known, state);
      };
      context.out(options.json ? `${JSON.stringify(status.raw)}\n` : showStatus(status, colour, options));
      finish(0);
    });
}
