/** Opens the tracing that the environment asks for. Without that nothing of OpenTelemetry is imported. */
import type { Environment } from "../config/environment.ts";
import type { Logger, NodeIdentity } from "../model.ts";
import { redactText } from "../redact.ts";
import { tracingSettings } from "./settings.ts";
import type { Tracing } from "./tracing.ts";

export interface TracingOptions {
  /** `process.env`: what is not looked at here, OpenTelemetry's SDK reads from there. */
  readonly env: Environment;
  readonly node: NodeIdentity;
  readonly cluster: string;
  readonly log: Logger;
}

/**
 * Never rejects: what keeps traces from being exported is told in the log, and Muster goes on without.
 * @param signal its abort says that Muster is about to end: nothing is tried again
 * @returns null without tracing
 */
export async function openTracing(options: TracingOptions, signal: AbortSignal): Promise<Tracing | null> {
  const { env, log } = options;
  const settings = tracingSettings(env);
  if (settings.use === "off") return null;
  if (settings.use === "unusable") {
    log.warn({ problem: settings.problem }, "no traces are exported");
    return null;
  }
  const { endpoint, protocol } = settings;
  try {
    const [{ openProvider }, { createTracing }] = await Promise.all([import("./provider.ts"), import("./tracing.ts")]);
    const provider = await openProvider(protocol, options, signal);
    log.info({ endpoint, protocol }, "exporting traces");
    return createTracing(provider);
  } catch (error) {
    const text = redactText(error instanceof Error ? error.message : String(error));
    log.warn({ problem: text }, "no traces are exported");
    return null;
  }
}
