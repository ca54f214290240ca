/**
 * The readiness gate (docs/alb.md): whether a task may count as started, as its own health check asks. It may once every
 * registry has it, and its targets are healthy where a registry has targets.
 */
import type { Instance, Json } from "./model.ts";
import type { RegistrationView } from "./registry-view.ts";

export interface Readiness {
  readonly ready: boolean;
  /** In words. */
  readonly reason: string;
}

/** An instance as one registry sees it. */
export interface Standing {
  readonly registry: string;
  readonly view: Pick<RegistrationView, "state" | "error" | "detail">;
}

const YES: Readiness = { ready: true, reason: "in service" };

/** @param standings of the registries that were asked for */
export function readinessOf({ state }: Pick<Instance, "state">, standings: readonly Standing[]): Readiness {
  if (state === "draining") return { ready: false, reason: "it is draining" };
  return standings.map(standingOf).find(({ ready }) => !ready) ?? YES;
}

function standingOf({ registry, view: { state, error, detail } }: Standing): Readiness {
  if (state === "not-applicable") return YES;
  if (state !== "registered") return { ready: false, reason: error ?? `${registry}: ${state}` };
  const target = targetOf(detail);
  if (target === null || target.state === "healthy" || willNeverBeHealthy(target)) return YES;
  const why = target.reason === null ? "" : ` (${target.reason})`;
  return { ready: false, reason: `${registry}: its target is ${target.state}${why}` };
}

interface Target {
  readonly state: string;
  readonly reason: string | null;
}

/** Its group is in no rule, or has no health checks: whoever waited for it would wait for ever (facts/alb.md §1.2). */
function willNeverBeHealthy({ state, reason }: Target): boolean {
  return state === "unavailable" || (state === "unused" && reason === "Target.NotInUse");
}

function targetOf(detail: Json | undefined): Target | null {
  const { target } = (detail ?? {}) as { readonly target?: Partial<Target> };
  return typeof target?.state === "string" ? { state: target.state, reason: target.reason ?? null } : null;
}
