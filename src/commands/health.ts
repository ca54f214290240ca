import type { Command } from "commander";
import { type Context, configFileOf, type Finish, loadConfigOrExit } from "./context.ts";

const EXAMPLES = `
Examples:
  muster health                              the Muster that the configuration would start
  muster health --url http://10.0.0.11:8590  another one
  HEALTHCHECK CMD ["muster", "health"]       in a Dockerfile`;

/** `health`: exit 0 if a Muster answers `/healthz`, which needs no token. It says nothing of readiness. */
export function addHealthCommand(program: Command, context: Context, finish: Finish): void {
  program
    .command("health")
    .description("whether a Muster is alive, for a container's health check; exit 1 if not")
    .option("--url <url>", "its address (default: http.listen of the configuration)")
    .option("--json", "as JSON")
    .addHelpText("after", EXAMPLES)
    .action(async ({ url, json }: { readonly url?: string; readonly json?: true }, command: Command) => {
      const base = url ?? (await configuredUrl(command, context));
      const { createMusterClient } = await import("./muster-client.ts");
      const client = await createMusterClient(base, null);
      await client.get("/healthz");
      context.out(json ? `${JSON.stringify({ url: base, alive: true })}\n` : `${base}: alive\n`);
      finish(0);
    });
}

async function configuredUrl(command: Command, context: Context): Promise<string> {
  const [{ http }, { urlOf }] = await Promise.all([
    loadConfigOrExit(configFileOf(command), context),
    import("./muster-client.ts"),
  ]);
  return urlOf(http.listen);
}
