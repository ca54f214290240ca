/** From layers to `Metadata`: merges them by precedence, and builds checks and routes of what is left. */
import type { Check, Metadata, Route } from "../model.ts";
import type { Layer, Said, Settings } from "./layers.ts";
import { MAX_META } from "./meta.ts";
import { byCodeUnit } from "./text.ts";

/** The layers that speak of one port, strongest first. */
export interface Stack {
  readonly muster: readonly Layer[];
  readonly registrator: readonly Layer[];
  /** Those of them that speak of this port alone. */
  readonly specific: ReadonlySet<Layer>;
}

/** What Registrator takes where nothing is said, ms (facts/peers.md §3.6). */
const DEFAULT_INTERVAL = 10_000;

/** @returns the metadata, and the keys of the meta pairs that were too many */
export function compose(stack: Stack): { readonly metadata: Metadata; readonly leftOut: readonly string[] } {
  const layers = [...stack.muster, ...stack.registrator];
  const said = merge(layers);
  const meta = mergeMeta(layers);
  const namedBy = layers.find(({ said: { name } }) => name !== undefined);
  const metadata: Metadata = {
    enable: said.enable ?? null,
    name: said.name ?? null,
    nameIsPorts: typeof said.name === "string" && namedBy !== undefined && stack.specific.has(namedBy),
    ports: said.ports ?? [],
    network: said.network ?? null,
    tags: said.tags ?? [],
    meta: meta.pairs,
    weight: said.weight ?? null,
    checks: checksOf(said, merge(stack.muster)),
    routes: routesOf(said),
    albTargetGroups: said.albTargetGroups ?? [],
    drain: said.drain ?? null,
    stopGate: said.stopGate ?? null,
    readinessGate: said.readinessGate ?? false,
  };
  return { metadata, leftOut: meta.leftOut };
}

function merge(layers: readonly Layer[]): Said {
  const said: Said = {};
  for (const layer of layers.toReversed()) Object.assign(said, layer.said);
  return said;
}

/** Pair by pair; where they are too many the strongest layers' are kept. Sorted, so that equal metadata are equal texts. */
function mergeMeta(layers: readonly Layer[]): {
  readonly pairs: Metadata["meta"];
  readonly leftOut: readonly string[];
} {
  const merged = new Map<string, string>();
  for (const { meta } of layers) {
    for (const [key, value] of meta) {
      if (!merged.has(key)) merged.set(key, value);
    }
  }
  const all = [...merged];
  const kept = all.slice(0, MAX_META).sort(([a], [b]) => byCodeUnit(a, b));
  return { pairs: Object.fromEntries(kept), leftOut: all.slice(MAX_META).map(([key]) => key) };
}

const CHECK_KINDS = ["checkHttp", "checkHttps", "checkTcp", "checkGrpc", "checkTtl"] as const;
/** Registrator runs one check, the first in this order. */
const REGISTRATOR_ORDER = ["checkHttp", "checkHttps", "checkTtl", "checkTcp", "checkGrpc"] as const;
type CheckKind = (typeof CHECK_KINDS)[number];

/** All checks that `muster.*` asks for; else the one that `SERVICE_*` asks for. */
function checksOf(said: Said, byMuster: Said): readonly Check[] {
  const wanted = CHECK_KINDS.filter((kind) => isSaid(byMuster[kind]));
  if (wanted.length > 0) return wanted.map((kind) => toCheck(kind, said));
  const first = REGISTRATOR_ORDER.find((kind) => isSaid(said[kind]));
  return first === undefined ? [] : [toCheck(first, said)];
}

function isSaid(value: Settings[keyof Settings] | null | undefined): boolean {
  return value !== undefined && value !== null;
}

function toCheck(kind: CheckKind, said: Said): Check {
  const common: Omit<Check, "type"> = {
    target: "",
    method: null,
    interval: said.checkInterval ?? DEFAULT_INTERVAL,
    timeout: said.checkTimeout ?? null,
    // Zero switches it off, as everywhere.
    deregisterAfter: said.checkDeregisterAfter || null,
    ttl: null,
    tls: { use: false, skipVerify: false },
    initialStatus: said.checkInitialStatus ?? null,
  };
  const skipVerify = said.checkSkipVerify ?? false;
  switch (kind) {
    case "checkHttp":
      return { ...common, type: "http", target: said.checkHttp ?? "/", method: methodOf(said, "checkHttpMethod") };
    case "checkHttps": {
      const method = methodOf(said, "checkHttpsMethod");
      return { ...common, type: "https", target: said.checkHttps ?? "/", method, tls: { use: true, skipVerify } };
    }
    case "checkTcp":
      return { ...common, type: "tcp" };
    case "checkGrpc": {
      const use = said.checkGrpcTls ?? false;
      return { ...common, type: "grpc", target: said.checkGrpc ?? "", tls: { use, skipVerify: use && skipVerify } };
    }
    case "checkTtl":
      return { ...common, type: "ttl", interval: null, timeout: null, ttl: said.checkTtl ?? null };
    default:
      return kind satisfies never;
  }
}

function methodOf(said: Said, registrators: "checkHttpMethod" | "checkHttpsMethod"): string | null {
  return said.checkMethod ?? said[registrators] ?? null;
}

const CHECK_DETAILS = ["checkMethod", "checkInterval", "checkTimeout", "checkDeregisterAfter"] as const;
const ROUTE_DETAILS = ["routeStripPath", "routePriority"] as const;

/** @returns a line for details of a check, or a route, that nothing in any of these layers asks for */
export function looseDetails(layers: readonly Layer[]): readonly string[] {
  const said = merge(layers);
  const lines: string[] = [];
  if (CHECK_DETAILS.some((key) => isSaid(said[key])) && !CHECK_KINDS.some((kind) => kind in said)) {
    lines.push("labels give details of a check but no check: add muster.check.http, tcp, grpc or ttl");
  }
  if (ROUTE_DETAILS.some((key) => isSaid(said[key])) && !("routeHosts" in said || "routePaths" in said)) {
    lines.push("labels give details of a route but no route: add muster.route.host or muster.route.path");
  }
  return lines;
}

/** A route needs a host or a path. One that is refused is no route at all, not one that catches more. */
function routesOf(said: Said): readonly Route[] {
  const hosts = said.routeHosts ?? [];
  const paths = said.routePaths ?? [];
  if (hosts === "refused" || paths === "refused") return [];
  if (hosts.length === 0 && paths.length === 0) return [];
  return [{ hosts, paths, stripPath: said.routeStripPath ?? false, priority: said.routePriority ?? null }];
}
