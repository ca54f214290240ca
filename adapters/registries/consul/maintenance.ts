/**
 * What drains is in maintenance: a critical check takes it out of DNS and of every query for healthy services, while it
 * stays to be seen, with the reason, until its task has ended. Consul keeps one maintenance per service and ignores a second
 * one (1.8.7), so somebody's own is neither changed nor lifted.
 */
import type { HealthCheck } from "./answers.ts";
import type { ConsulClient } from "./client.ts";

/** Of our maintenance; the beginning is what it is known by. */
const REASON = "muster: draining, as its task is about to stop or was drained by hand (muster explain)";
const OURS = /^muster: draining/;

export interface Maintenance {
  /** @returns ids of services that drain: by our maintenance, or by somebody's that was there before */
  found(checks: readonly HealthCheck[]): ReadonlySet<string>;
  begin(id: string, signal: AbortSignal): Promise<void>;
  /** Somebody's own stays. */
  end(id: string, signal: AbortSignal): Promise<void>;
  /** The service is deregistered. */
  forget(id: string): void;
}

export function createMaintenance({ maintain, checks }: Pick<ConsulClient, "maintain" | "checks">): Maintenance {
  const wanted = new Set<string>();

  return {
    found(all) {
      const counts = ({ CheckID, ServiceID, Notes }: HealthCheck) =>
        CheckID === checkOf(ServiceID) && (OURS.test(Notes) || wanted.has(ServiceID));
      return new Set(all.filter(counts).map(({ ServiceID }) => ServiceID));
    },
    async begin(id, signal) {
      wanted.add(id);
      await maintain(id, REASON, signal);
    },
    async end(id, signal) {
      wanted.delete(id);
      // Read once more: whoever took ours away may have set one of their own.
      const [check] = await checks(`CheckID == \`${checkOf(id)}\``, signal);
      if (check !== undefined && OURS.test(check.Notes)) await maintain(id, null, signal);
    },
    forget: (id) => void wanted.delete(id),
  };
}

function checkOf(id: string): string {
  return `_service_maintenance:${id}`;
}
