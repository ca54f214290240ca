/** What to look at when a target gets no traffic (facts/alb.md §1.2). */

/** How a target is, as the API shows it (contract 5.4). */
export interface TargetDetail {
  readonly target: {
    /** AWS's word: initial, healthy, unhealthy, draining, unused, unavailable. */
    readonly state: string;
    /** AWS's code, e.g. `Target.Timeout`. */
    readonly reason: string | null;
    readonly description: string | null;
    /** For people; null where there is nothing to do. */
    readonly hint: string | null;
  };
}

interface Seen {
  readonly state: string;
  readonly reason: string | null;
}

const HINTS: Readonly<Record<string, string>> = {
  "Target.NotInUse":
    "the group is in no listener rule, or the load balancer is not enabled in this machine's zone: it gets no traffic and is never checked",
  "Target.InvalidState": "the EC2 instance is stopped or terminated",
  "Target.IpUnusable": "the address can't be used as a target: another load balancer has it",
  "Target.ResponseCodeMismatch": "the health check's path answers with a status that the group's matcher does not have",
  "Target.FailedHealthChecks": "the connection is refused or broken: does the task listen on this port?",
  "Target.Timeout": "no answer in the health check's time-out: is the task overloaded, or the path slow?",
  "Target.HealthCheckDisabled": "health checks are off for this group",
  "Elb.InternalError": "an error inside the load balancer; it should pass",
};

const ALL_TIME_OUT =
  "all of this machine's targets in the group time out: does its security group let the load balancer in (published ports: 30000-60999)?";

/** @param siblings all of our targets in the same group */
export function hintFor({ reason }: Seen, siblings: readonly Seen[]): string | null {
  const checked = siblings.filter(({ state }) => state === "healthy" || state === "unhealthy");
  if (reason === "Target.Timeout" && checked.every((other) => other.reason === reason)) return ALL_TIME_OUT;
  return HINTS[reason ?? ""] ?? null;
}
