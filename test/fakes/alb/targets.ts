/** One target's life by the clock: initial → healthy or unhealthy → draining → gone (facts/alb.md §1.2). */
import type { Xml } from "./xml.ts";

/** What the load balancer's checks find once they run. */
export type Verdict = "healthy" | { readonly reason: string; readonly description: string };

export interface Target {
  readonly id: string;
  readonly port: number;
  registeredAt: number;
  /** null while registered. */
  deregisteredAt: number | null;
  verdict: Verdict;
}

export interface TargetState {
  readonly state: string;
  readonly reason?: string;
  readonly description?: string;
}

/** ms that a registration takes, and ms until the first check is through. */
export interface Pace {
  registration: number;
  firstCheck: number;
}

export interface Surroundings {
  readonly now: number;
  readonly pace: Pace;
  /** Whether a listener sends traffic to the group. */
  readonly isInUse: boolean;
  /** Whether the EC2 instance runs; true for addresses. */
  readonly isRunning: boolean;
}

export const NOT_REGISTERED: TargetState = {
  state: "unused",
  reason: "Target.NotRegistered",
  description: "Target is not registered to the target group",
};

export function stateOf(target: Target, { now, pace, isInUse, isRunning }: Surroundings): TargetState {
  if (target.deregisteredAt !== null)
    return reason("draining", "Target.DeregistrationInProgress", "Target deregistration is in progress");
  if (!isRunning) return reason("unused", "Target.InvalidState", "Target is in the stopped state");
  if (!isInUse) {
    return reason(
      "unused",
      "Target.NotInUse",
      "Target group is not configured to receive traffic from the load balancer",
    );
  }
  const age = now - target.registeredAt;
  if (age < pace.registration)
    return reason("initial", "Elb.RegistrationInProgress", "Target registration is in progress");
  if (age < pace.registration + pace.firstCheck) {
    return reason("initial", "Elb.InitialHealthChecking", "Initial health checks in progress");
  }
  if (target.verdict === "healthy") return { state: "healthy" };
  return { state: "unhealthy", ...target.verdict };
}

function reason(state: string, code: string, description: string): TargetState {
  return { state, reason: code, description };
}

export function healthXml(id: string, port: number, { state, reason: code, description }: TargetState): Xml {
  return {
    Target: { Id: id, Port: port },
    HealthCheckPort: String(port),
    TargetHealth: { State: state, Reason: code, Description: description },
  };
}
