/** From what should be there to what is sent. */
import type { Dialect } from "./dialect.ts";
import { healthBody, NO_HEALTH } from "./health.ts";
import { CHECKS, othersTags, routesTag, tagsFor, usersIn, userTag } from "./marks.ts";
import { isUnusual, writePath } from "./path.ts";
import type { Settings } from "./settings.ts";
import type { ObjectSpec, RouteSpec, ServiceSpec, TargetSpec, UpstreamSpec } from "./spec.ts";

type Writing = Pick<Settings, "cluster" | "node">;
type Body = Readonly<Record<string, unknown>>;

/**
 * @param present the tags that it has, of which those of others and those of other nodes stay
 * @returns the fields that Muster decides, tags included
 */
export function objectBody(
  spec: ObjectSpec,
  service: string,
  present: readonly string[],
  writing: Writing,
  dialect: Pick<Dialect, "guessesRegex">,
): Body & { readonly tags: readonly string[] } {
  const { cluster } = writing;
  const isUsed = "usedHere" in spec && spec.usedHere === true;
  // Where targets tell who needs it, nobody has to say so.
  const users = isUsed ? [...usersIn(present), writing.node].map(userTag) : [];
  const checks = spec.kind === "upstream" && spec.checks !== null ? [CHECKS] : [];
  const tags = union(tagsFor({ cluster, service }), checks, users, othersTags(present));
  return { tags, ...fieldsOf(spec, present.includes(CHECKS), dialect) };
}

function fieldsOf(spec: ObjectSpec, hadChecks: boolean, dialect: Pick<Dialect, "guessesRegex">): Body {
  switch (spec.kind) {
    case "upstream":
      return upstreamFields(spec, hadChecks);
    case "service":
      return serviceFields(spec);
    case "route":
      return routeFields(spec, dialect);
    default:
      return spec satisfies never;
  }
}

function upstreamFields({ checks }: UpstreamSpec, hadChecks: boolean): Body {
  if (checks !== null) return { healthchecks: healthBody(checks) };
  return hadChecks ? { healthchecks: NO_HEALTH } : {};
}

function serviceFields({ host, port, protocol }: ServiceSpec): Body {
  return { host, ...(port !== null && { port }), ...(protocol !== null && { protocol }) };
}

function routeFields(
  { service, hosts, paths, stripPath, preserveHost, priority }: RouteSpec,
  { guessesRegex }: Pick<Dialect, "guessesRegex">,
): Body {
  return {
    service: { name: service },
    hosts: hosts.length === 0 ? null : hosts,
    paths: paths.length === 0 ? null : paths.map((path) => writePath(path, guessesRegex)),
    strip_path: stripPath,
    preserve_host: preserveHost,
    ...(paths.some(isUnusual) && { regex_priority: priority ?? 0 }),
  };
}

/** @param others tags that others have put there */
export function targetBody(spec: TargetSpec, service: string, others: readonly string[], { cluster, node }: Writing) {
  const { target, weight, instance, task, source, routes } = spec;
  const marks = { cluster, service, node, instance, task, source, target };
  const needs = routes === null ? [] : [routesTag(routes)];
  return { target, weight, tags: union(tagsFor(marks), needs, others) };
}

function union(...lists: readonly (readonly string[])[]): readonly string[] {
  return [...new Set(lists.flat())];
}
