/** What spans are given: times, and attributes by OpenTelemetry's conventions where there are any, else `muster.*`. Pure. */
import type { Attributes } from "@opentelemetry/api";
import type { Change, Instance, Outcome, Registration } from "../model.ts";
import { redactText } from "../redact.ts";
import type { Write } from "../report.ts";

/** A `Date`, since the SDK takes a number from before the process's start for one of `performance.now()`. */
export function time(ms: number): Date {
  return new Date(ms);
}

/** Longer texts are cut. */
const MAX_TEXT = 1_000;

export function clean(text: string): string {
  const redacted = redactText(text);
  return redacted.length <= MAX_TEXT ? redacted : `${redacted.slice(0, MAX_TEXT - 1)}…`;
}

export function instanceAttributes({ id, service, task, node, source, address, port }: Instance): Attributes {
  return {
    "muster.instance.id": id,
    "muster.service": service,
    "muster.task": task,
    "muster.node": node,
    "muster.source": source,
    ...(address === null || port === null ? {} : { "muster.endpoint": `${address}:${port}` }),
  };
}

export function writeAttributes(registry: string, { change, outcome, attempt, drift }: Write): Attributes {
  const { key, instance, service, task } = entryOf(change);
  return {
    "muster.registry": registry,
    "muster.operation": change.op,
    "muster.registry.key": clean(key),
    "muster.service": service,
    "muster.attempt": attempt,
    "muster.outcome": outcomeOf(outcome),
    ...(instance === null ? {} : { "muster.instance.id": instance }),
    ...(task === null ? {} : { "muster.task": task }),
    ...(drift ? { "muster.drift": true } : {}),
    ...(outcome.ok ? {} : { "error.type": outcomeOf(outcome) }),
  };
}

export function entryOf(change: Change): Registration {
  return change.op === "deregister" ? change.before : change.after;
}

/** `unknown`: it may have been done nevertheless. */
function outcomeOf(outcome: Outcome): "ok" | "refused" | "failed" | "unknown" {
  if (outcome.ok) return "ok";
  if (outcome.ambiguous) return "unknown";
  return outcome.retry ? "failed" : "refused";
}
