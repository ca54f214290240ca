/** From what Kong holds to registrations: ours, and no other. */
import type { Registration } from "../../../src/model.ts";
import type { RouteRow, ServiceRow, TargetRow, UpstreamRow } from "./answers.ts";
import { readHealth } from "./health.ts";
import { CHECKS, type Marks, marksIn, routesIn, usersIn } from "./marks.ts";
import { objectName, routeIndex } from "./names.ts";
import { isUnusual, readPath } from "./path.ts";
import { objectRegistration, targetRegistration } from "./registrations.ts";
import type { Settings } from "./settings.ts";
import type { ServiceSpec } from "./spec.ts";
import { readTarget } from "./target.ts";

export type Whose = Pick<Settings, "cluster" | "node" | "listener" | "saysUse">;

/** @returns null if it is not the cluster's */
export function readUpstream(row: UpstreamRow, { cluster }: Whose): Registration | null {
  const marks = ownMarks(row.tags, cluster);
  if (marks === null || row.name !== objectName(cluster, marks.service)) return null;
  const checks = row.tags.includes(CHECKS) ? readHealth(row) : null;
  return objectRegistration(marks.service, { kind: "upstream", name: row.name, checks });
}

/** @returns null if it is not the cluster's */
export function readService(row: ServiceRow, whose: Whose): Registration | null {
  const marks = ownMarks(row.tags, whose.cluster);
  if (marks === null || row.name !== objectName(whose.cluster, marks.service)) return null;
  const spec: ServiceSpec = {
    kind: "service",
    name: row.name,
    host: row.host ?? "",
    port: whose.listener === null ? null : (row.port ?? null),
    protocol: whose.listener === null ? null : (row.protocol ?? null),
    usedHere: usedHere(row.tags, whose),
  };
  return objectRegistration(marks.service, spec);
}

/**
 * @param services the names of Kong services by id
 * @returns null if it is not the cluster's
 */
export function readRoute(row: RouteRow, services: ReadonlyMap<string, string>, whose: Whose): Registration | null {
  const { name, tags } = row;
  const marks = ownMarks(tags, whose.cluster);
  if (marks === null || typeof name !== "string") return null;
  if (routeIndex(whose.cluster, marks.service, name) === null) return null;
  const paths = row.paths.map(readPath).sort(byText);
  const serviceId = row.service?.id ?? "";
  return objectRegistration(marks.service, {
    kind: "route",
    name,
    // One of another service is drift, and is put right.
    service: services.get(serviceId) ?? serviceId,
    hosts: row.hosts.toSorted(byText),
    paths,
    stripPath: row.strip_path ?? true,
    preserveHost: row.preserve_host ?? false,
    priority: paths.some(isUnusual) ? row.regex_priority || null : null,
    usedHere: usedHere(tags, whose),
  });
}

/** @returns null if it is not this node's, or not on the address that it was made for */
export function readTargetRow(row: TargetRow, upstream: string, { cluster, node }: Whose): Registration | null {
  const marks = ownMarks(row.tags, cluster);
  const read = readTarget(row.target);
  if (marks === null || read === null || marks.node !== node || marks.target !== read.target) return null;
  const { instance, task, source, service } = marks;
  if (instance === undefined || task === undefined || source === undefined) return null;
  if (upstream !== objectName(cluster, service)) return null;
  const { weight } = row;
  const routes = routesIn(row.tags);
  const spec = { kind: "target" as const, upstream, target: read.target, weight, instance, task, source, routes };
  return targetRegistration(marks, read.endpoint, spec);
}

function ownMarks(tags: readonly string[], cluster: string): Marks | null {
  const marks = marksIn(tags);
  return marks?.cluster === cluster ? marks : null;
}

function usedHere(tags: readonly string[], { node, saysUse }: Whose): boolean | null {
  return saysUse ? usersIn(tags).includes(node) : null;
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}
