/** Instance → Registration: what Consul should hold, exactly as `readBack` gives what it holds. Pure. */
import { isIP } from "node:net";
import type { Instance, Registration } from "../../../src/model.ts";
import { endpointOf } from "../../endpoint.ts";
import { projectChecks } from "./checks.ts";
import { MAX_VALUE, projectMeta } from "./meta.ts";
import { MARK, type Owner, serviceId } from "./ownership.ts";
import type { ServiceSpec } from "./spec.ts";
import { bytes, quoted, wellFormed } from "./text.ts";

export interface ProjectSettings {
  /** The registry's name, for messages. */
  readonly name: string;
  readonly owner: Owner;
  readonly enableTagOverride: boolean;
}

/** Consul itself takes 100,000 bytes (1.8.7), but nobody could look such a service up. */
const MAX_NAME = 255;
const MAX_WEIGHT = 65_535;

/** Throws an Error that names the culprit where Consul would refuse the instance, or would take it and be wrong. */
export function project(instance: Instance, { name, owner, enableTagOverride }: ProjectSettings): Registration {
  const { id, service, task, source, protocol } = instance;
  const fault = identityFault(instance) ?? nameFault(service);
  if (fault !== null) throw new Error(`${name}: ${quoted(id)}: ${fault}`);
  const where = placeOf(instance, name);

  const key = serviceId(owner, id);
  const notes = isDnsLabel(service) ? [] : [`service name ${quoted(service)} can't be looked up by DNS`];
  const tags = tagsOf(instance);
  const record = enableTagOverride ? recordOf(tags, notes) : null;
  const marks = {
    [`${MARK}owner`]: owner.mark,
    [`${MARK}id`]: id,
    [`${MARK}task`]: task,
    [`${MARK}source`]: source,
    ...(protocol !== "tcp" && { [`${MARK}protocol`]: protocol }),
    ...(record !== null && { [`${MARK}tags`]: record }),
  };
  const spec: ServiceSpec = {
    service,
    ...where,
    tags,
    meta: projectMeta(instance.meta, marks, notes),
    weights: { passing: weightOf(instance.weight, notes), warning: 1 },
    enableTagOverride: record !== null,
    checks: projectChecks({ ...instance, ...where, id: key }, notes),
  };
  const endpoint = endpointOf(where.address, where.port, protocol);
  const registration = { key, instance: id, service, task, source, endpoint, rank: 0, spec };
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
function placeOf({ id, address, port }: Instance, name: string): { readonly address: string; readonly port: number } {
  if (address === null || port === null) throw new Error(`${name}: ${quoted(id)}: it has no address and port yet`);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Error(`${name}: ${quoted(id)}: port ${port} is not between 1 and 65535`);
  }
  if (address === "0.0.0.0" || address === "::" || (isIP(address) === 0 && !isHostName(address))) {
    throw new Error(`${name}: ${quoted(id)}: address ${quoted(address)} is no address that others could connect to`);
  }
  return { address, port };
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

function isHostName(text: string): boolean {
  return text.length <= 253 && /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/.test(text);
}
