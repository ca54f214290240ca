import { destination, pino } from "pino";
import type { Json, Logger } from "./model.ts";
import { redact, redactText } from "./redact.ts";

/** JSON lines on standard error; standard output belongs to commands' answers. Secrets are taken out, as far as they look like one. */
export function createLog(level: string): Logger {
  return pino(
    {
      ...{ level, base: null, formatters: { log: withoutSecrets } },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
    },
    destination({ fd: 2, sync: true }),
  );
}

/** Errors may hold what a server, or an adapter of others, has said. */
export function withoutSecrets(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, shown(key, value)]));
}

function shown(key: string, value: unknown): unknown {
  if (value instanceof Error) {
    const { name, message, stack = "" } = value;
    return { type: name, message: redactText(message), stack: redactText(stack) };
  }
  // As JSON prints them.
  const json = JSON.stringify(value);
  return json === undefined ? undefined : (redact({ [key]: JSON.parse(json) as Json }) as Record<string, Json>)[key];
}
