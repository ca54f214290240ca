import type { Command } from "commander";
import {
  type Context,
  checkModulesOrExit,
  checkSecretsOrExit,
  configFileOf,
  type Finish,
  loadConfigOrExit,
  type SignalSource,
} from "./context.ts";

/** An orderly stop takes no longer, ms (contract 5.1). */
const STOP_MS = 10_000;

const EXAMPLES = `
Examples:
  muster run                                          the local Docker engine, an embedded registry
  muster run -c muster.yaml                           as the file says
  MUSTER_REGISTRIES__CONSUL__URL=http://127.0.0.1:8500 muster run

SIGTERM or SIGINT stops it in order, within 10 s; a second one at once.`;

/** `run`: registers until a signal ends it. */
export function addRunCommand(program: Command, context: Context, finish: Finish): void {
  program
    .command("run")
    .description("watch the sources and keep the registries equal to what runs")
    .addHelpText("after", EXAMPLES)
    .action(async (_options: object, command: Command) => {
      const config = await loadConfigOrExit(configFileOf(command), context);
      await checkSecretsOrExit(config, context);
      await checkModulesOrExit(config);
      await untilSignalled((signal) => context.runAgent(config, signal), { ...context, stopMs: STOP_MS });
      finish(0);
    });
}

export interface SignalHandling {
  readonly signals: SignalSource;
  readonly exit: (code: number) => void;
  readonly err: (text: string) => void;
  /** How long a stop may take, ms. */
  readonly stopMs: number;
}

/** Runs `work` until it ends; the first signal aborts it, the second, or `stopMs` later, ends the process with 1. */
export async function untilSignalled<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { signals, exit, err, stopMs }: SignalHandling,
): Promise<T> {
  const stop = new AbortController();
  let deadline: NodeJS.Timeout | undefined;
  function onSignal(name: "SIGTERM" | "SIGINT"): void {
    if (stop.signal.aborted) {
      err(`${name} again: stopping at once\n`);
      exit(1);
      return;
    }
    deadline = setTimeout(() => {
      err(`not stopped after ${stopMs / 1000} s: stopping at once\n`);
      exit(1);
    }, stopMs);
    stop.abort(new Error(`${name} received`));
  }
  const onTerm = () => onSignal("SIGTERM");
  const onInterrupt = () => onSignal("SIGINT");
  signals.on("SIGTERM", onTerm);
  signals.on("SIGINT", onInterrupt);
  try {
    return await work(stop.signal);
  } finally {
    // kept: something may be left open that keeps the process from ending
    deadline?.unref();
    signals.off("SIGTERM", onTerm);
    signals.off("SIGINT", onInterrupt);
  }
}
