/** From an instance to its registrations. Pure: what is written is what `list` reads back, on every version. */
import type { Instance, Registration, Route } from "../../../src/model.ts";
import { quoted } from "../../text.ts";
import { healthOf } from "./health.ts";
import { type Marks, tagFault } from "./marks.ts";
import { objectName, routeName, serviceFault } from "./names.ts";
import { isUnusual, normalPath } from "./path.ts";
import { objectRegistration, targetRegistration } from "./registrations.ts";
import type { Settings } from "./settings.ts";
import type { RouteSpec } from "./spec.ts";
import { addressFault, readTarget, targetOf } from "./target.ts";

const DEFAULT_WEIGHT = 100;
const MAX_WEIGHT = 65_535;
const MAX_ROUTES = 1000;

/**
 * Kong balances TCP only: other protocols have no registrations here.
 * Throws an Error that names the culprit where Kong would refuse the instance, or take it and be wrong.
 */
export function project(instance: Instance, settings: Settings): readonly Registration[] {
  const { protocol, service, routes } = instance;
  const { name, cluster, listener, onlyRouted } = settings;
  if (protocol !== "tcp") return [];
  if (routes.length === 0 && (onlyRouted || listener !== null)) return [];
  const fault = serviceFault(cluster, service) ?? identityFault(instance) ?? addressFault(instance);
  if (fault !== null) throw new Error(`${name}: ${quoted(instance.id)}: ${fault}`);
  const gateway = routes.length === 0 ? [] : gatewayObjects(instance, settings);
  return listener === null ? [...toInstances(instance, settings), ...gateway] : gateway;
}

/** Marks are never shortened: two tasks could become one. */
function identityFault({ id, task, source }: Instance): string | null {
  for (const [what, value] of Object.entries({ id, task, source })) {
    const fault = tagFault(what, value);
    if (fault !== null) return fault;
  }
  return null;
}

function toInstances(instance: Instance, settings: Settings): readonly Registration[] {
  const { id, service, task, source, checks, state, routes } = instance;
  const { cluster, node } = settings;
  const upstream = objectName(cluster, service);
  const notes: string[] = [];
  const health = healthOf(checks, notes);
  const ofUpstream = objectRegistration(service, { kind: "upstream", name: upstream, checks: health });

  const weightNotes: string[] = [];
  // The address was looked at.
  const target = targetOf(instance.address ?? "", instance.port ?? 0);
  const weight = state === "draining" ? 0 : weightOf(instance.weight, weightNotes);
  const identity = { instance: id, task, source };
  const spec = { kind: "target" as const, upstream, target, weight, ...identity, routes: routes.length };
  const marks: Marks = { cluster, service, node, ...identity, target };
  const ofTarget = targetRegistration(marks, readTarget(target)?.endpoint ?? "", spec);
  return [withNotes(ofUpstream, notes), withNotes(ofTarget, weightNotes)];
}

function weightOf(weight: number | null, notes: string[]): number {
  if (weight === null) return DEFAULT_WEIGHT;
  const possible = Math.min(MAX_WEIGHT, Math.max(1, Math.round(weight)));
  if (possible !== weight) notes.push(`weight ${weight} became ${possible}: Kong takes whole numbers to ${MAX_WEIGHT}`);
  return possible;
}

function gatewayObjects(instance: Instance, settings: Settings): readonly Registration[] {
  const { service, routes, id } = instance;
  const { name, cluster, listener, saysUse } = settings;
  const usedHere = saysUse ? true : null;
  const host = objectName(cluster, service);
  const pointsTo = listener ?? { host, port: null, protocol: null };
  if (routes.length > MAX_ROUTES) throw new Error(`${name}: ${quoted(id)}: more than ${MAX_ROUTES} routes`);
  return [
    objectRegistration(service, { kind: "service", name: host, ...pointsTo, usedHere }),
    ...routes.map((route, index) => {
      const notes: string[] = [];
      const spec = routeSpec(route, index, instance, settings, notes);
      return withNotes(objectRegistration(service, { ...spec, usedHere }), notes);
    }),
  ];
}

function routeSpec(
  route: Route,
  index: number,
  { id, service }: Instance,
  { name, cluster, preserveHost }: Settings,
  notes: string[],
): Omit<RouteSpec, "usedHere"> {
  const refuse = (reason: string): never => {
    throw new Error(`${name}: ${quoted(id)}: ${reason}`);
  };
  if (route.hosts.length === 0 && route.paths.length === 0) refuse("a route needs a host or a path");
  const hosts = route.hosts.map((host) => (isRouteHost(host) ? host.toLowerCase() : refuse(hostFault(host))));
  const paths = route.paths.map((path) => normalPath(path) ?? refuse(pathFault(path)));
  const isOrdered = paths.some(isUnusual);
  if (route.priority !== null && !isOrdered) {
    notes.push(`route priority ${route.priority} left out: Kong orders plain paths by their length`);
  }
  return {
    kind: "route",
    name: routeName(cluster, service, index),
    service: objectName(cluster, service),
    hosts: distinct(hosts),
    paths: distinct(paths),
    stripPath: route.stripPath,
    preserveHost,
    // 0 is what Kong takes if nothing is said.
    priority: isOrdered ? route.priority || null : null,
  };
}

function isRouteHost(host: string): boolean {
  return host.length <= 253 && /^(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(host);
}

function hostFault(host: string): string {
  return `route host ${quoted(host)} is no host name such as www.example.com or *.example.com`;
}

function pathFault(path: string): string {
  return `route path ${quoted(path)} is none that Kong would match: it begins with '/', and has no '//', '.' or '..' segments, queries or blanks`;
}

/** In an order of their own, since theirs means nothing. */
function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort((a, b) => (a < b ? -1 : 1));
}

function withNotes(registration: Registration, notes: readonly string[]): Registration {
  return notes.length === 0 ? registration : { ...registration, notes };
}
