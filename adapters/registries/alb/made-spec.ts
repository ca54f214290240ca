/** Target groups that Muster makes for services with routes: what they are called, and what is said of them. Pure. */
import { createHash } from "node:crypto";
import type { Instance, Registration } from "../../../src/model.ts";
import type { TargetType } from "./ownership.ts";

/** `registries.alb.rules.groups`. */
export interface MadeOptions {
  readonly vpc: string;
  readonly type: TargetType;
  readonly healthPath: string;
  /** ms */
  readonly drain: number;
}

/** What a group of ours says. */
export interface MadeSpec {
  /** Its name. */
  readonly made: string;
  readonly healthPath: string;
  /** Deregistration delay, s. */
  readonly delay: number;
}

const MAX_NAME = 32;
const HASH = 8;

/** At most 32 letters, digits and hyphens (facts/alb.md §1.1), another one for each cluster and service. */
export function madeName(cluster: string, service: string): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([cluster, service]))
    .digest("hex")
    .slice(0, HASH);
  const slug = service.replace(/[^A-Za-z0-9]+/g, "-").slice(0, MAX_NAME - HASH - 1);
  const start = slug.replace(/^-+|-+$/g, "");
  // A name that begins with `internal-` is refused.
  return `${start === "" || /^internal(?:-|$)/i.test(start) ? "svc" : start}-${hash}`;
}

/** The group of an instance that needs one; its health path is that of its own check, where it has one. */
export function madeRegistration(instance: Instance, cluster: string, options: MadeOptions): Registration {
  const { service, checks, drain } = instance;
  const own = checks.find(({ type }) => type === "http" || type === "https")?.target;
  return registrationOfMade(
    {
      made: madeName(cluster, service),
      healthPath: own ?? options.healthPath,
      delay: Math.min(3600, Math.ceil((drain ?? options.drain) / 1000)),
    },
    service,
    false,
  );
}

/** @param inUse see `Registration.inUse` */
export function registrationOfMade(spec: MadeSpec, service: string, inUse: boolean): Registration {
  return {
    key: `group/${spec.made}`,
    ...{ instance: null, service, task: null, source: null, endpoint: null, rank: -2 },
    ...(inUse && { inUse }),
    spec: { ...spec },
  };
}

export function isMade({ spec }: Registration): boolean {
  return typeof spec === "object" && spec !== null && "made" in spec;
}
