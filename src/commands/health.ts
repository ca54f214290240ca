import type { Command } from "commander";
import { type Context, configFileOf, type Finish, loadConfigOrExit } from "./context.ts";
import { ExitError } from "./exit-error.ts";
import { printable } from "./table.ts";

const EXAMPLES = `
Examples:
  muster health                              the Muster that the configuration would start
  muster health --url http://10.0.0.11:8590  another one
  HEALTHCHECK CMD ["muster", "health"]       in a Dockerfile
  muster health --target 4f3a9c0d1e2b        whether a container is in service, its ALB targets healthy`;

/**
 * `health`: exit 0 if a Muster answers `/healthz`; with `--target`, if it says that a task is in service. Neither needs a
 * token.
 */
export function addHealthCommand(program: Command, context: Context, finish: Finish): void {
  program
    .command("health")
    .description("whether a Muster is alive, for a container's health check; exit 1 if not")
    .option("--url <url>", "its address (default: http.listen of the configuration)")
    .option("--target <id>", "ask whether this instance, task or container is in service in all registries")
    .option("--registry <name>", "with --target: only in this one")
    .option("--json", "as JSON")
    .addHelpText("after", EXAMPLES)
    .action(async ({ url, json, target, registry }: HealthOptions, command: Command) => {
      if (registry !== undefined && target === undefined)
        throw new ExitError(2, ["--registry: expected with --target"]);
      const base = url ?? (await configuredUrl(command, context));
      const { createMusterClient } = await import("./muster-client.ts");
      const client = await createMusterClient(base, null);
      await client.get(target === undefined ? "/healthz" : readyPath(target, registry));
      const what = target === undefined ? { url: base, alive: true } : { url: base, target, ready: true };
      const line = target === undefined ? `${base}: alive` : `${printable(target)}: in service`;
      context.out(`${json ? JSON.stringify(what) : line}\n`);
      finish(0);
    });
}

interface HealthOptions {
  readonly url?: string;
  readonly json?: true;
  readonly target?: string;
  readonly registry?: string;
}

function readyPath(target: string, registry: string | undefined): string {
  const query = registry === undefined ? "" : `?registry=${encodeURIComponent(registry)}`;
  return `/v1/instances/${encodeURIComponent(target)}/ready${query}`;
}

async function configuredUrl(command: Command, context: Context): Promise<string> {
  const [{ http }, { urlOf }] = await Promise.all([
    loadConfigOrExit(configFileOf(command), context),
    import("./muster-client.ts"),
  ]);
  return urlOf(http.listen);
}
