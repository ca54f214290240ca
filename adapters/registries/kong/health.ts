/** Active health checks of an upstream, from the check labels of its instances. */
import type { Check } from "../../../src/model.ts";
import type { UpstreamRow } from "./answers.ts";

/** What of a check an upstream holds; times in s. */
export interface HealthSpec {
  readonly type: "http" | "https" | "tcp";
  /** http(s) only; else `/`, Kong's default. */
  readonly path: string;
  readonly interval: number;
  /** @default 1, as with Kong */
  readonly timeout: number;
  readonly verify: boolean;
}

const DEFAULT_INTERVAL = 10_000;
const DEFAULT_TIMEOUT = 1000;
/** s */
const MAX_SECONDS = 65_535;
/** So many in a row until Kong believes it. */
const FAILURES = 2;
/** Without these a check that answers 204 would never bring a target back (Kong's default: 200 and 302). */
const HEALTHY = [200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 302];

/** @returns the check that Kong runs on all targets of the upstream; null for none. Adds to `notes` what it can't run. */
export function healthOf(checks: readonly Check[], notes: string[]): HealthSpec | null {
  const chosen = checks.find(isPossible);
  for (const { type } of checks.filter((check) => check !== chosen)) {
    notes.push(`${type} check left out: Kong runs one http, https or tcp check per upstream`);
  }
  if (chosen === undefined) return null;
  const { type, target, method, interval, timeout, tls } = chosen;
  if (method !== null && method !== "GET") notes.push(`check method ${method} became GET: Kong knows no other`);
  return {
    type,
    path: type === "tcp" ? "/" : target,
    interval: seconds(interval ?? DEFAULT_INTERVAL, 1),
    timeout: seconds(timeout ?? DEFAULT_TIMEOUT, 0.001),
    verify: !(type === "https" && tls.skipVerify),
  };
}

function isPossible(check: Check): check is Check & { readonly type: HealthSpec["type"] } {
  return check.type === "http" || check.type === "https" || check.type === "tcp";
}

function seconds(ms: number, min: number): number {
  return Math.min(MAX_SECONDS, Math.max(min, ms / 1000));
}

/** The `healthchecks` to send; what it leaves out stays as it is (`PATCH` merges records). */
export function healthBody(spec: HealthSpec): object {
  const { type, path, interval, timeout, verify } = spec;
  return {
    active: {
      type,
      http_path: path,
      timeout,
      https_verify_certificate: verify,
      healthy: { interval, successes: 1, http_statuses: HEALTHY },
      unhealthy: { interval, http_failures: FAILURES, tcp_failures: FAILURES, timeouts: FAILURES },
    },
  };
}

/** Switches off what {@link healthBody} has switched on. */
export const NO_HEALTH = {
  active: {
    healthy: { interval: 0, successes: 0 },
    unhealthy: { interval: 0, http_failures: 0, tcp_failures: 0, timeouts: 0 },
  },
};

/** @returns null if its checks are none that Muster could have written */
export function readHealth({ healthchecks }: UpstreamRow): HealthSpec | null {
  const { type, http_path, timeout, https_verify_certificate, healthy, unhealthy } = healthchecks?.active ?? {};
  if (type !== "http" && type !== "https" && type !== "tcp") return null;
  const interval = healthy?.interval ?? 0;
  return {
    type,
    path: http_path ?? "/",
    // Two different ones are neither.
    interval: interval === unhealthy?.interval ? interval : 0,
    timeout: timeout ?? 1,
    verify: https_verify_certificate ?? true,
  };
}
