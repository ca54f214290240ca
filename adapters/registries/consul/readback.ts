/** What Consul holds → Registrations, exactly as `project` makes them of instances. Pure. */
import * as v from "valibot";
import type { Json, Protocol, Registration } from "../../../src/model.ts";
import { endpointOf } from "../../endpoint.ts";
import type { HealthCheck, Service } from "./answers.ts";
import { type CheckDefinition, type CheckSpec, checkPosition, isDrainingBy } from "./checks.ts";
import { isOurs, MARK, type Owner } from "./ownership.ts";
import type { NodeSpec, ServiceSpec } from "./spec.ts";

export interface ReadBack {
  readonly ours: readonly Registration[];
  /** Ids of ours that others have taken, each with the name of their service. */
  readonly taken: ReadonlyMap<string, string>;
}

/**
 * @param services those on our ids (`idFilter`)
 * @param where the catalog's node that they are on; or, of an agent, ids of those that drain
 */
export function readBack(
  owner: Owner,
  services: Iterable<Service>,
  checks: Iterable<HealthCheck>,
  where: NodeSpec | ReadonlySet<string> = new Set(),
): ReadBack {
  const ours: Registration[] = [];
  const taken = new Map<string, string>();
  const checksOf = byService(checks);
  for (const service of services) {
    const { ID, Meta, Service: name } = service;
    if (!isOurs(owner, ID, Meta, where instanceof Set ? "agent" : "catalog")) taken.set(ID, name);
    else ours.push(toRegistration(service, checksOf.get(ID) ?? [], where));
  }
  return { ours, taken };
}

function byService(checks: Iterable<HealthCheck>): ReadonlyMap<string, readonly HealthCheck[]> {
  const grouped = new Map<string, HealthCheck[]>();
  for (const check of checks) {
    const group = grouped.get(check.ServiceID);
    if (group === undefined) grouped.set(check.ServiceID, [check]);
    else group.push(check);
  }
  return grouped;
}

function toRegistration(
  service: Service,
  found: readonly HealthCheck[],
  where: NodeSpec | ReadonlySet<string>,
): Registration {
  const { ID, Service: name, Address, Port, Meta, Weights } = service;
  const isAgent = where instanceof Set;
  const checks = isAgent ? ownChecks(ID, found) : fixedChecks(ID, found);
  const isDraining = isAgent ? where.has(ID) : isDrainingBy(checks);
  const draining = isDraining ? ({ draining: true } as const) : {};
  const spec: ServiceSpec = {
    service: name,
    address: Address,
    port: Port,
    tags: ownTags(service),
    meta: Meta,
    weights: { passing: Weights.Passing, warning: Weights.Warning },
    enableTagOverride: service.EnableTagOverride,
    checks,
    ...draining,
    ...(!isAgent && { node: where as NodeSpec }),
  };
  return {
    key: ID,
    instance: Meta[`${MARK}id`] ?? null,
    service: name,
    task: Meta[`${MARK}task`] ?? null,
    source: Meta[`${MARK}source`] ?? null,
    endpoint: endpointOf(Address, Port, protocolOf(Meta[`${MARK}protocol`])),
    rank: 0,
    ...draining,
    spec,
  };
}

/** Others may change the tags where they may override them; then what we last wrote is what counts. */
function ownTags({ EnableTagOverride, Tags, Meta }: Service): readonly string[] {
  const record = Meta[`${MARK}tags`];
  if (!EnableTagOverride || record === undefined) return Tags;
  const own = v.safeParse(v.array(v.string()), parsed(record));
  return own.success ? own.output : Tags;
}

/** Status is left out: what a check finds, or a maintenance, is no drift. */
function ownChecks(service: string, checks: readonly HealthCheck[]): readonly CheckSpec[] {
  return checks
    .flatMap(({ CheckID, Name, Notes }) => {
      const position = checkPosition(service, CheckID);
      return position === null ? [] : [{ position, id: CheckID, name: Name, definition: definitionIn(Notes) }];
    })
    .sort((a, b) => a.position - b.position)
    .map(({ position: _, ...spec }) => spec);
}

/** In the catalog nothing finds anything: a status that we did not write is drift. */
function fixedChecks(service: string, checks: readonly HealthCheck[]): readonly CheckSpec[] {
  const status = new Map(checks.map(({ CheckID, Status }) => [CheckID, Status]));
  return ownChecks(service, checks).map(({ id, name, definition }) => ({
    ...{ id, name },
    definition: { ...definition, Status: status.get(id) ?? "" },
  }));
}

const Definition = v.record(v.string(), v.union([v.string(), v.boolean()]));

/** Notes that are not ours any more make a definition that equals no other, so that the check is written anew. */
function definitionIn(notes: string): CheckDefinition {
  const result = v.safeParse(Definition, parsed(notes));
  return result.success ? result.output : { notes };
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return null;
  }
}

function protocolOf(mark: string | undefined): Protocol {
  return mark === "udp" || mark === "sctp" ? mark : "tcp";
}
