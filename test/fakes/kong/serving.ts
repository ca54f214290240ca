/** What a Kong with these objects would do with a request: by its routers' rules, without any proxying. */
import type { World } from "./requests.ts";
import { find, foreignId, type Row, targetsOf } from "./store.ts";
import { isAtLeast } from "./version.ts";

interface Served {
  /** Name of the route. */
  readonly route: string;
  /** What the service's host leads to: the upstream's targets with a weight, or the host itself. */
  readonly targets: readonly string[];
}

/** @returns the targets that get requests, of an upstream */
export function targetsServed(world: World, upstream: string): readonly string[] {
  const row = find(world.store.upstreams, upstream);
  if (row === undefined) return [];
  // Up to 2.1 the newest row of a target counts; later there is one.
  const weights = new Map(targetsOf(world.store, row.id).map((each) => [String(each["target"]), each["weight"]]));
  return [...weights].filter(([, weight]) => weight !== 0).map(([target]) => target);
}

/** @returns null for "no Route matched" */
export function serve(world: World, { host, path }: { readonly host: string; readonly path: string }): Served | null {
  const matches = [...world.store.routes.values()].flatMap((route) => {
    const score = scoreOf(route, host, path, world.version);
    return score === null ? [] : [{ route, score }];
  });
  const [best] = matches.sort((a, b) => b.score - a.score);
  if (best === undefined) return null;
  const service = world.store.services.get(foreignId(best.route, "service") ?? "");
  const target = String(service?.["host"]);
  const isUpstream = find(world.store.upstreams, target) !== undefined;
  return { route: String(best.route["name"]), targets: isUpstream ? targetsServed(world, target) : [target] };
}

/** With a host before without, an exact one before a wildcard, a regular expression before a prefix, a long one before a short. */
function scoreOf(route: Row, host: string, path: string, version: string): number | null {
  const byHost = best(listOf(route["hosts"]).map((pattern) => hostScore(pattern, host)));
  const byPath = best(listOf(route["paths"]).map((pattern) => pathScore(pattern, path, version)));
  if (byHost === null || byPath === null) return null;
  return byHost * 1_000_000 + byPath;
}

/** @returns 0 where nothing is asked for, null where nothing of it fits */
function best(scores: readonly (number | null)[]): number | null {
  if (scores.length === 0) return 0;
  const fitting = scores.filter((score) => score !== null);
  return fitting.length === 0 ? null : Math.max(...fitting);
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value : [];
}

function hostScore(pattern: string, host: string): number | null {
  if (pattern === host) return 2;
  return pattern.startsWith("*.") && host.endsWith(pattern.slice(1)) ? 1 : null;
}

function pathScore(pattern: string, path: string, version: string): number | null {
  const isNew = isAtLeast(version, "3.0.0");
  // Up to 2.8 any unusual character makes it a regular expression (facts/kong.md §3, "Routes").
  const isRegex = isNew ? pattern.startsWith("~") : !/^[A-Za-z0-9._~/%-]*$/.test(pattern);
  if (isRegex) return new RegExp(`^(?:${pattern.replace(/^~/, "")})`).test(path) ? 100_000 : null;
  return path.startsWith(pattern) ? pattern.length : null;
}
