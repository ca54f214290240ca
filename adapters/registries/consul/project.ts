/** Instance → Registration: what Consul should hold, exactly as `readBack` gives what it holds. Pure. */
import type { Instance, Registration } from "../../../src/model.ts";
import { endpointOf } from "../../endpoint.ts";
import { bytes, isHost, quoted, wellFormed } from "../../text.ts";
import { type CheckSpec, type CheckSubject, fixedCheck, projectChecks } from "./checks.ts";
import { MAX_VALUE, projectMeta } from "./meta.ts";
import { HOST, MARK, nodeMeta, type Owner, serviceId } from "./ownership.ts";
import { LOCAL, type Place, type Placement } from "./placement.ts";
import type { ServiceSpec } from "./spec.ts";

export interface ProjectSettings {
  /** The registry's name, for messages. */
  readonly name: string;
  readonly owner: Owner;
  readonly enableTagOverride: boolean;
  /** Absent: everything is registered with this node's agent. */
  readonly placement?: Placement;
}

/** Consul itself takes 100,000 bytes (1.8.7), but nobody could look such a service up. */
const MAX_NAME = 255;
const MAX_WEIGHT = 65_535;

/** Throws an Error that names the culprit where Consul would refuse the instance, or would take it and be wrong. */
export function project(
  instance: Instance,
  { name, owner, enableTagOverride, placement }: ProjectSettings,
): Registration {
  const { id, service, task, source, protocol } = instance;
  const fault = identityFault(instance) ?? nameFault(service);
  if (fault !== null) throw new Error(`${name}: ${quoted(id)}: ${fault}`);
  const target = targetOf(instance, name);
  const place = placement?.placeOf(instance) ?? LOCAL;

  const key = serviceId(owner, id, place);
  const notes = isDnsLabel(service) ? [] : [`service name ${quoted(service)} can't be looked up by DNS`];
  const tags = tagsOf(instance);
  const record = enableTagOverride ? recordOf(tags, notes) : null;
  const marks = {
    [`${MARK}owner`]: owner.mark,
    [`${MARK}id`]: id,
    [`${MARK}task`]: task,
    [`${MARK}source`]: source,
    ...(place.kind !== "local" && { [HOST]: place.host }),
    ...(protocol !== "tcp" && { [`${MARK}protocol`]: protocol }),
    ...(record !== null && { [`${MARK}tags`]: record }),
  };
  const draining = instance.state === "draining" ? ({ draining: true } as const) : {};
  const spec: ServiceSpec = {
    service,
    ...target,
    tags,
    meta: projectMeta(instance.meta, marks, notes),
    weights: { passing: weightOf(instance.weight, notes), warning: 1 },
    enableTagOverride: record !== null,
    checks: checksOf({ ...instance, ...target, id: key }, place, notes),
    ...draining,
    ...(place.kind === "catalog" && { node: { address: place.host, meta: nodeMeta(owner, place.host) } }),
  };
  const endpoint = endpointOf(target.address, target.port, protocol);
  const registration = { key, instance: id, service, task, source, endpoint, rank: 0, ...draining, spec };
  return notes.length === 0 ? registration : { ...registration, notes };
}

/** Identity is kept in meta, and is never shortened: two tasks could become one. */
function identityFault({ id, task, source }: Instance): string | null {
  for (const [what, value] of Object.entries({ id, task, source })) {
    if (value === "") return `its ${what} is empty`;
    if (bytes(value) > MAX_VALUE) return `its ${what} has ${bytes(value)} bytes, Consul takes ${MAX_VALUE}`;
    if (wellFormed(value) !== value) return `its ${what} is not valid Unicode`;
  }
  return null;
}

function nameFault(service: string): string | null {
  if (service === "") return "its service name is empty";
  if (bytes(service) > MAX_NAME) return `its service name has ${bytes(service)} bytes, at most ${MAX_NAME} are allowed`;
  if (/\p{Cc}/u.test(service) || wellFormed(service) !== service) {
    return `its service name ${quoted(service)} has control characters or is not valid Unicode`;
  }
  return null;
}

/** Consul takes any port and nearly any address without a word (facts/consul.md). */
function targetOf({ id, address, port }: Instance, name: string): { readonly address: string; readonly port: number } {
  if (address === null || port === null) throw new Error(`${name}: ${quoted(id)}: it has no address and port yet`);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`${name}: ${quoted(id)}: port ${port} is not between 1 and 65535`);
  }
  if (!isHost(address)) {
    throw new Error(`${name}: ${quoted(id)}: address ${quoted(address)} is no address that others could connect to`);
  }
  return { address, port };
}

/** Where no agent runs checks, a fixed one says what Muster knows. */
function checksOf(
  subject: CheckSubject & Pick<Instance, "state">,
  place: Place,
  notes: string[],
): readonly CheckSpec[] {
  if (place.kind !== "catalog") return projectChecks(subject, notes);
  const types = [...new Set(subject.checks.map(({ type }) => type))];
  if (types.length > 0) notes.push(`checks left out (${types.join(", ")}): ${place.host} has no agent to run them`);
  return [fixedCheck(subject, subject.state === "draining")];
}

/** Registrator's way: `udp` as a tag, so that `udp.dns.service.consul` finds only what speaks it. */
function tagsOf({ tags, protocol }: Instance): readonly string[] {
  const clean = tags.map(wellFormed);
  return protocol === "tcp" || clean.includes(protocol) ? clean : [...clean, protocol];
}

/** Our own tags, to tell a change of them from a change that others may make. */
function recordOf(tags: readonly string[], notes: string[]): string | null {
  const record = JSON.stringify(tags);
  if (bytes(record) <= MAX_VALUE) return record;
  notes.push(`enableTagOverride is off for it: a record of its tags would have more than ${MAX_VALUE} bytes`);
  return null;
}

function weightOf(weight: number | null, notes: string[]): number {
  if (weight === null) return 1;
  const possible = Math.min(MAX_WEIGHT, Math.max(1, Math.round(weight)));
  if (possible !== weight)
    notes.push(`weight ${weight} became ${possible}: Consul takes whole numbers from 1 to ${MAX_WEIGHT}`);
  return possible;
}

function isDnsLabel(text: string): boolean {
  return /^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/.test(text);
}
