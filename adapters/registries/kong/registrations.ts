/** From what an object holds to its registration: the same for what should be there and for what is. */
import type { Registration } from "../../../src/model.ts";
import type { Marks } from "./marks.ts";
import type { ObjectSpec, TargetSpec } from "./spec.ts";

/** Creation: a target needs its upstream, a route its service. */
const RANKS = { upstream: -3, service: -2, route: -1 } as const;

/** The key is the path below the Admin API. */
export function objectRegistration(service: string, spec: ObjectSpec): Registration {
  return {
    key: `${spec.kind}s/${spec.name}`,
    instance: null,
    service,
    task: null,
    source: null,
    endpoint: null,
    rank: RANKS[spec.kind],
    ...(spec.kind === "route" && { claims: claimsOf(spec) }),
    spec,
  };
}

/** `shop.example/cart`; without a host `*` stands for it. Kong itself lets any number of routes have the same. */
function claimsOf({
  hosts,
  paths,
}: {
  readonly hosts: readonly string[];
  readonly paths: readonly string[];
}): string[] {
  const ofHosts = hosts.length === 0 ? ["*"] : hosts;
  const ofPaths = paths.length === 0 ? ["/"] : paths;
  return ofHosts.flatMap((host) => ofPaths.map((path) => `${host}${path}`));
}

/** One key per upstream and address: a task that takes over another's port takes over its target. */
export function targetRegistration(marks: Marks, endpoint: string, spec: TargetSpec): Registration {
  return {
    key: `upstreams/${spec.upstream}/targets/${spec.target}`,
    instance: spec.instance,
    service: marks.service,
    task: spec.task,
    source: spec.source,
    endpoint,
    rank: 0,
    ...(spec.weight === 0 && { draining: true }),
    spec,
  };
}
