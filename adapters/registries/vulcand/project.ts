/** Instance → Registrations: what Vulcand should hold, exactly as `readBack` gives what it holds. Pure. */
import type { Instance, Registration, Route } from "../../../src/model.ts";
import { endpointOf, hostPort } from "../../endpoint.ts";
import { bytes, isHost, quoted, wellFormed } from "../../text.ts";
import { type Ids, MAX_ID, tokenOf } from "./ids.ts";
import type { VulcandOptions } from "./options.ts";
import { claimOf, expressionOf, faultOf, type Target } from "./route.ts";
import { keyOf, RANKS, type Spec } from "./spec.ts";

export type ProjectOptions = Pick<VulcandOptions, "instances" | "passHost" | "listen">;

interface Shared {
  readonly spec: Exclude<Spec, { readonly kind: "server" }>;
  readonly claims?: readonly string[];
  readonly inUse?: boolean;
}

/**
 * Empty for what speaks no TCP, and for what has no route where only those are wanted.
 * Throws an Error that names the culprit where Vulcand would take the instance and be wrong (hazard 2).
 * @param name the registry's name, for messages
 */
export function project(
  instance: Instance,
  { name, ids, options }: { readonly name: string; readonly ids: Ids; readonly options: ProjectOptions },
): readonly Registration[] {
  if (instance.protocol !== "tcp") return [];
  if (options.instances === "routed" && instance.routes.length === 0) return [];
  const { id, service, task, source } = instance;
  const refuse = (fault: string): never => {
    throw new Error(`${name}: ${quoted(id)}: ${fault}`);
  };
  const fault = identityFault(instance);
  if (fault !== null) refuse(fault);
  const { address, port } = targetOf(instance, refuse);
  const notes: string[] = [];
  const targets = targetsOf(instance, refuse, notes);

  const shared = sharedOf(instance, targets, ids, options, notes);
  const needs = shared.flatMap(({ spec }) => (isNeeded(spec) ? [tokenOf(spec.id)] : []));
  const server: Spec = {
    kind: "server",
    backend: ids.backend(service),
    id: ids.server({ source, task, instance: id, needs }),
    url: `http://${hostPort(address, port)}`,
  };
  for (const spec of [...shared.map((each) => each.spec), server]) {
    const length = bytes(keyOf(spec));
    if (length > MAX_ID) refuse(`its ${spec.kind} would have a path of ${length} bytes, at most ${MAX_ID} are allowed`);
  }
  return [
    ...shared.map((each) => sharedRegistration(service, each)),
    {
      ...{ key: keyOf(server), instance: id, service, task, source },
      endpoint: endpointOf(address, port, "tcp"),
      rank: RANKS.server,
      spec: server,
      ...(notes.length > 0 && { notes }),
    },
  ];
}

export function sharedRegistration(service: string, { spec, claims, inUse }: Shared): Registration {
  return {
    ...{ key: keyOf(spec), instance: null, service, task: null, source: null, endpoint: null },
    rank: RANKS[spec.kind],
    ...(claims !== undefined && { claims }),
    ...(inUse === true && { inUse }),
    spec,
  };
}

/** The service-level objects, in the order of their creation. */
function sharedOf(
  { service, servicePort }: Instance,
  targets: readonly Target[],
  ids: Ids,
  { passHost, listen }: ProjectOptions,
  notes: string[],
): readonly Shared[] {
  const backend = ids.backend(service);
  const hosts = new Set(targets.flatMap(({ host }) => (host === null || host.startsWith("*.") ? [] : [host])));
  const shared: Shared[] = [...hosts].map((name) => ({ spec: { kind: "host", name } }));
  shared.push({ spec: { kind: "backend", id: backend } });
  if (listen !== undefined && targets.length > 0 && servicePort === null) {
    notes.push("no listener: it has no service port");
  } else if (listen !== undefined && targets.length > 0 && servicePort !== null) {
    const address = hostPort(listen, servicePort);
    const id = ids.listener(service, servicePort);
    shared.push({ spec: { kind: "listener", id, address }, claims: [`listener ${address}`] });
  }
  for (const target of targets) {
    const id = ids.frontend(service, target.host ?? "", target.path);
    const route = expressionOf(target);
    shared.push({ spec: { kind: "frontend", id, backend, route, passHost }, claims: [claimOf(target)] });
  }
  return shared;
}

function isNeeded(spec: Shared["spec"]): spec is Extract<Shared["spec"], { readonly kind: "frontend" | "listener" }> {
  return spec.kind === "frontend" || spec.kind === "listener";
}

/** One per host and path, whatever number of routes ask for it. */
function targetsOf({ routes }: Instance, refuse: (fault: string) => never, notes: string[]): readonly Target[] {
  const targets = new Map<string, Target>();
  for (const route of routes) {
    const { stripPath, priority } = route;
    for (const target of crossed(route)) {
      const fault = faultOf(target);
      if (fault !== null) refuse(fault);
      const claim = claimOf(target);
      if (stripPath && target.path !== "/") notes.push(`route ${claim} left out: Vulcand would not strip its path`);
      else targets.set(claim, target);
    }
    if (priority !== null)
      notes.push(`route priority ${priority} left out: Vulcand takes the more specific route first`);
  }
  return [...targets.values()];
}

/** Without a host for all hosts, without a path for all paths; without both it is no route. */
function crossed({ hosts, paths }: Route): readonly Target[] {
  if (hosts.length === 0 && paths.length === 0) return [];
  const anyOr = <T>(some: readonly T[], any: T): readonly T[] => (some.length === 0 ? [any] : some);
  return anyOr<string | null>(hosts, null).flatMap((host) =>
    anyOr(paths, "/").map((path) => ({ host: host?.toLowerCase() ?? null, path })),
  );
}

/** Identity is kept in ids, and is never shortened: two tasks could become one. */
function identityFault({ id, task, source, service }: Instance): string | null {
  for (const [what, value] of Object.entries({ id, task, source, "service name": service })) {
    if (value === "") return `its ${what} is empty`;
    if (wellFormed(value) !== value) return `its ${what} is not valid Unicode`;
  }
  return null;
}

/** Vulcand takes any URL without a word, and fails requests because of it later. */
function targetOf({ address, port }: Instance, refuse: (fault: string) => never) {
  if (address === null || port === null) return refuse("it has no address and port yet");
  if (!Number.isInteger(port) || port < 1 || port > 65_535) refuse(`port ${port} is not between 1 and 65535`);
  if (!isHost(address)) refuse(`address ${quoted(address)} is no address that others could connect to`);
  return { address, port };
}
