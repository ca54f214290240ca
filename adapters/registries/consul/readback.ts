/** What Consul holds → Registrations, exactly as `project` makes them of instances. Pure. */
import * as v from "valibot";
import type { Json, Protocol, Registration } from "../../../src/model.ts";
import { endpointOf } from "../../endpoint.ts";
import type { HealthCheck, Service } from "./answers.ts";
import { type CheckDefinition, type CheckSpec, checkPosition } from "./checks.ts";
import { isOurs, MARK, type Owner } from "./ownership.ts";
import type { ServiceSpec } from "./spec.ts";

export interface ReadBack {
  readonly ours: readonly Registration[];
  /** Ids of ours that others have taken, each with the name of their service. */
  readonly taken: ReadonlyMap<string, string>;
}

/** @param services those on our ids (`idFilter`) */
export function readBack(owner: Owner, services: Iterable<Service>, checks: Iterable<HealthCheck>): ReadBack {
  const ours: Registration[] = [];
  const taken = new Map<string, string>();
  const checksOf = byService(checks);
  for (const service of services) {
    if (isOurs(owner, service.ID, service.Meta)) ours.push(toRegistration(service, checksOf.get(service.ID) ?? []));
    else taken.set(service.ID, service.Service);
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

function toRegistration(service: Service, checks: readonly HealthCheck[]): Registration {
  const { ID, Service: name, Address, Port, Meta, Weights } = service;
  const spec: ServiceSpec = {
    service: name,
    address: Address,
    port: Port,
    tags: ownTags(service),
    meta: Meta,
    weights: { passing: Weights.Passing, warning: Weights.Warning },
    enableTagOverride: service.EnableTagOverride,
    checks: ownChecks(ID, checks),
  };
  return {
    key: ID,
    instance: Meta[`${MARK}id`] ?? null,
    service: name,
    task: Meta[`${MARK}task`] ?? null,
    source: Meta[`${MARK}source`] ?? null,
    endpoint: endpointOf(Address, Port, protocolOf(Meta[`${MARK}protocol`])),
    rank: 0,
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
  const found: { readonly position: number; readonly spec: CheckSpec }[] = [];
  for (const { CheckID, Name, Notes } of checks) {
    const position = checkPosition(service, CheckID);
    if (position !== null) found.push({ position, spec: { id: CheckID, name: Name, definition: definitionIn(Notes) } });
  }
  return found.sort((a, b) => a.position - b.position).map(({ spec }) => spec);
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
