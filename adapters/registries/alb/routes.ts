/** A service's routes → what listener rules have to say: conditions and a place among the other rules. Pure. */
import type { Instance, Registration, Route } from "../../../src/model.ts";

/** What a rule of ours says. */
export interface RuleSpec {
  /** ARN of the listener. */
  readonly listener: string;
  /** Empty: any. */
  readonly hosts: readonly string[];
  /** As the load balancer matches them: `/cart` and `/cart/*`. Empty: any. */
  readonly paths: readonly string[];
  /** Name of the target group that gets the traffic. */
  readonly group: string;
  /** As a label gave it; null: by how specific the rule is. */
  readonly priority: number | null;
}

export interface Conditions {
  readonly hosts: readonly string[];
  readonly paths: readonly string[];
}

/** At most five values in a rule's conditions, of at most 128 characters (facts/alb.md §1.1). */
const MAX_VALUES = 5;
const MAX_LENGTH = 128;
/** What such a value may hold, but for its wildcards, which nobody means by a plain path. */
const PLAIN = /^[A-Za-z0-9_.$/~"'@:+&-]*$/;
/** Who a rule, or a group, is for is written into its tags. */
const TAG_VALUE = /^[\p{L}\p{N} _.:/=+@-]{1,256}$/u;
/** Rules per listener, and so the places that each degree of being specific has. */
export const PER_DEGREE = 100;
const DEGREES_PER_HOST = MAX_LENGTH + 1;

/** Throws an Error that says what no rule can express. */
export function rulesOf(
  { service, routes }: Instance,
  group: string,
  listeners: readonly string[],
): readonly Registration[] {
  if (routes.length > 0 && !TAG_VALUE.test(service)) {
    throw new Error(`service ${JSON.stringify(service)} can't be a tag's value: name it with muster.name`);
  }
  const conditions = routes.flatMap((route) => {
    const { priority } = route;
    if (priority !== null && !(Number.isInteger(priority) && priority >= 1 && priority <= 50_000)) {
      throw new Error(`route priority ${priority} is not between 1 and 50000`);
    }
    if (route.stripPath)
      throw new Error("a load balancer's rule can't strip the path: leave muster.route.strip-path out");
    return conditionsOf(route).map((each) => ({ ...each, priority }));
  });
  return listeners.flatMap((listener) =>
    conditions.map((each) => ruleRegistration({ listener, group, ...each }, service, [])),
  );
}

/** @param users see `Registration.users` */
export function ruleRegistration(spec: RuleSpec, service: string, users: readonly string[]): Registration {
  const { hosts, paths, listener } = spec;
  const claims = claimsOf(spec);
  return {
    key: `rule/${listener.slice(listener.indexOf(":listener/") + 10)}/${service}/${claims.join(",")}`,
    ...{ instance: null, service, task: null, source: null, endpoint: null, rank: -1 },
    // On another listener it is another claim.
    claims: claims.map((claim) => `${claim} on ${listener.slice(listener.lastIndexOf("/") + 1)}`),
    ...(users.length > 0 && { inUse: true, users }),
    spec: { ...spec, hosts: sorted(hosts), paths: sorted(paths) },
  };
}

export function isRule({ spec }: Registration): boolean {
  return typeof spec === "object" && spec !== null && "listener" in spec;
}

/** Where a rule without a priority of its own has its places: the more specific, the earlier. From 0 on. */
export function degreeOf({ hosts, paths }: Conditions): number {
  const host = hosts.length === 0 ? 2 : hosts.some((one) => one.startsWith("*")) ? 1 : 0;
  const longest = Math.max(0, ...paths.map((path) => path.replace(/\/\*$/, "").length));
  return (host * DEGREES_PER_HOST + (MAX_LENGTH - longest)) * PER_DEGREE;
}

function conditionsOf({ hosts, paths }: Route): readonly Conditions[] {
  const names = [...new Set(hosts.map(checkedHost))];
  const wanted = [...new Set(paths.map(checkedPath))].filter((path) => path !== "/" || names.length === 0);
  const any = paths.length > 0 && wanted.length === 0;
  if (wanted.length === 0 || any) return chunks(names, MAX_VALUES).map((some) => ({ hosts: some, paths: [] }));
  if (names.length === 0) return wanted.map((path) => ({ hosts: [], paths: patternsOf(path) }));
  return wanted.flatMap((path) => {
    const patterns = patternsOf(path);
    return chunks(names, MAX_VALUES - patterns.length).map((some) => ({ hosts: some, paths: patterns }));
  });
}

/** The path and what is below it; never `/cartoon` for `/cart`. */
function patternsOf(path: string): readonly string[] {
  const base = path.replace(/\/+$/, "");
  return base === "" ? ["/*"] : [base, `${base}/*`];
}

function checkedHost(host: string): string {
  const plain = host.startsWith("*.") ? host.slice(2) : host;
  const isFine = /^[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/.test(plain) && host.length <= MAX_LENGTH;
  if (!isFine) throw new Error(`route host ${JSON.stringify(host)} can't be a rule's condition`);
  return host.toLowerCase();
}

function checkedPath(path: string): string {
  const isFine = path.startsWith("/") && PLAIN.test(path) && path.length <= MAX_LENGTH - 2;
  if (!isFine) throw new Error(`route path ${JSON.stringify(path)} can't be a rule's condition`);
  return path === "/" ? path : path.replace(/\/+$/, "") || "/";
}

function claimsOf({ hosts, paths }: Conditions): readonly string[] {
  const plain = paths
    .filter((path) => path === "/*" || !path.endsWith("/*"))
    .map((path) => (path === "/*" ? "/" : path));
  const names = hosts.length === 0 ? ["*"] : hosts;
  const claims = names.flatMap((host) => (plain.length === 0 ? [`${host}/`] : plain.map((path) => `${host}${path}`)));
  // In whichever order the load balancer gives them back.
  return sorted(claims);
}

/** One order for values that have none. */
export function sorted(texts: readonly string[]): readonly string[] {
  return [...texts].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

function chunks<T>(all: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, n) => all.slice(n * size, (n + 1) * size));
}
