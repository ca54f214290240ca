/** What the commands take from the outside world, and what they share. */
import type { Command } from "commander";
import type { AgentParts } from "../agent.ts";
import type { Environment } from "../config/environment.ts";
import type { AdapterSchemas, Config } from "../config.ts";
import { ExitError } from "./exit-error.ts";
import type { MusterClient } from "./muster-client.ts";

/** The part of `process` that tells of signals. */
export interface SignalSource {
  on(signal: "SIGTERM" | "SIGINT", listener: () => void): unknown;
  off(signal: "SIGTERM" | "SIGINT", listener: () => void): unknown;
}

export interface Context {
  readonly env: Environment;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Whether the answer goes to a terminal that shows colours, and nobody has set NO_COLOR. */
  readonly colours: boolean;
  /** ms since the epoch. */
  readonly now: () => number;
  readonly signals: SignalSource;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
  readonly loadSchemas: () => Promise<AdapterSchemas>;
  /** Runs until `signal` aborts; rejects in one line if it can't. */
  readonly runAgent: (config: Config, signal: AbortSignal) => Promise<void>;
  /** What a Muster with this configuration is made of, for commands that look at the same systems as it does. */
  readonly loadParts: (config: Config) => Promise<LookingParts>;
}

/** The parts of a Muster that read. */
export type LookingParts = Pick<AgentParts, "identify" | "load" | "sourceNames" | "whyStandby" | "log">;

/** Sets the exit code of a command that has done its work. */
export type Finish = (exitCode: number) => void;

/** Options of every command that talks to a running Muster. */
export interface ClientOptions {
  readonly url?: string;
  readonly json?: true;
}

/** Gives a command the options of {@link ClientOptions}. */
export function withClientOptions(command: Command): Command {
  return command
    .option("--url <url>", "address of the running Muster (default: http.listen of the configuration)")
    .option("--json", "as JSON");
}

/** A client for the Muster that the options, or the configuration, name. @throws ExitError 2 where they are wrong */
export async function clientFor(options: ClientOptions, command: Command, context: Context): Promise<MusterClient> {
  const { http } = await loadConfigOrExit(configFileOf(command), context);
  const { createMusterClient, urlOf } = await import("./muster-client.ts");
  return await createMusterClient(options.url ?? urlOf(http.listen), http.tokenFile);
}

/** The file that `-c` names, before or after the command. */
export function configFileOf(command: Command): string | undefined {
  return command.optsWithGlobals<{ readonly config?: string }>().config;
}

/** @throws ExitError 2 with every problem */
export async function loadConfigOrExit(file: string | undefined, context: Context): Promise<Config> {
  const [{ loadConfig }, schemas] = await Promise.all([import("../config.ts"), context.loadSchemas()]);
  const loaded = await loadConfig(file, context.env, schemas);
  if ("problems" in loaded) throw new ExitError(2, loaded.problems);
  return loaded.config;
}

/** Warns of secret files that everybody may read. @throws ExitError 2 for those that can't be used */
export async function checkSecretsOrExit(config: Config, context: Context): Promise<void> {
  const { checkSecretFiles } = await import("../config/secret-files.ts");
  const { problems, warnings } = await checkSecretFiles(config);
  for (const warning of warnings) context.err(`warning: ${warning}\n`);
  if (problems.length > 0) throw new ExitError(2, problems);
}

/** Imports the adapters from elsewhere. @throws ExitError 2 for those that can't be, or that refuse their options */
export async function checkModulesOrExit(config: Config): Promise<void> {
  const { checkModules } = await import("../modules.ts");
  const problems = await checkModules(config);
  if (problems.length > 0) throw new ExitError(2, problems);
}
