import type { Command } from "commander";
import { type Context, configFileOf, type Finish, loadConfigOrExit } from "./context.ts";

const EXAMPLES = `
Examples:
  muster status                              the Muster that the configuration would start
  muster status --url http://10.0.0.11:8590  another one
  muster status --json | jq '.instances[] | select(.state == "pending")'`;

interface StatusOptions {
  readonly url?: string;
  readonly json?: true;
}

/** `status`: what a running Muster sees, over its HTTP API. */
export function addStatusCommand(program: Command, context: Context, finish: Finish): void {
  program
    .command("status")
    .description("sources, registries and instances of a running Muster")
    .option("--url <url>", "its address (default: http.listen of the configuration)")
    .option("--json", "as one JSON object")
    .addHelpText("after", EXAMPLES)
    .action(async (options: StatusOptions, command: Command) => {
      const { http } = await loadConfigOrExit(configFileOf(command), context);
      const [{ createMusterClient, urlOf }, { readStatus, showStatus }] = await Promise.all([
        import("./muster-client.ts"),
        import("./status-view.ts"),
      ]);
      const client = await createMusterClient(options.url ?? urlOf(http.listen), http.tokenFile);
      const status = await readStatus(client);
      context.out(options.json ? `${JSON.stringify(status.raw)}\n` : showStatus(status));
      finish(0);
    });
}
