/** Instance → Registrations: one per target group, exactly as a listing gives them back. Pure. */
import { isIP } from "node:net";
import type { Instance, Registration } from "../../../src/model.ts";
import { endpointOf, hostPort } from "../../endpoint.ts";
import { type GroupRef, readGroupRef } from "./group-ref.ts";

/** What a registration says; AWS holds nothing else of a target. */
export interface TargetSpec {
  /** Name of the target group. */
  readonly group: string;
  readonly address: string;
  readonly port: number;
}

export interface ProjectSettings {
  /** The registry's name, for messages. */
  readonly name: string;
  /** By service name. */
  readonly targetGroups: Readonly<Record<string, string>>;
  /** Name of the group that is made for an instance with routes and no other group; null: none is. */
  madeFor(instance: Instance): string | null;
  /** Why the instance's target at this address would not be ours; null if it is, or if it is for another to register. */
  foreign(address: string, instance: Instance): string | null;
}

export interface Projected {
  readonly registration: Registration;
  readonly group: GroupRef;
}

/** Throws an Error that names the culprit. Empty where no group is named, and for what is not TCP. */
export function project(
  instance: Instance,
  { name, targetGroups, foreign, madeFor }: ProjectSettings,
): readonly Projected[] {
  const { id, service, albTargetGroups, protocol } = instance;
  const own = Object.hasOwn(targetGroups, service) ? targetGroups[service] : undefined;
  const given = albTargetGroups.length > 0 ? albTargetGroups : own === undefined ? [] : [own];
  const made = given.length > 0 ? null : madeFor(instance);
  const named = made === null ? given : [made];
  if (named.length === 0 || protocol !== "tcp") return [];
  const refuse = (why: string) => new Error(`${name}: ${JSON.stringify(id)}: ${why}`);
  const groups = named.map((text) => {
    const group = readGroupRef(text);
    if (group === null) throw refuse(`${JSON.stringify(text)} is neither the name nor the ARN of a target group`);
    return group;
  });
  const { address, port } = targetOf(instance, refuse);
  const why = foreign(address, instance);
  if (why !== null) throw refuse(why);
  const unique = new Map(groups.map((group) => [group.name, group]));
  return [...unique.values()].map((group) => ({
    group,
    registration: registrationOf({ group: group.name, address, port }, instance),
  }));
}

/** @param identity of a target whose task is not known (yet): its key stands for it */
export function registrationOf(
  spec: TargetSpec,
  identity: Pick<Instance, "id" | "service" | "task" | "source"> | null,
): Registration {
  const { group, address, port } = spec;
  const key = `${group}/${hostPort(address, port)}`;
  return {
    key,
    // Never null, which would be an object of the whole service.
    instance: identity?.id ?? key,
    service: identity?.service ?? group,
    task: identity?.task ?? null,
    source: identity?.source ?? null,
    endpoint: endpointOf(address, port, "tcp"),
    rank: 0,
    spec: { group, address, port },
  };
}

/** As `project` and a listing made it. */
export function specOf({ spec }: Registration): TargetSpec {
  return spec as unknown as TargetSpec;
}

/** One spelling of each address; null for what is none. */
export function canonical(address: string): string | null {
  switch (isIP(address)) {
    case 4:
      return address;
    case 6:
      return URL.canParse(`http://[${address}]/`) ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : null;
    default:
      return null;
  }
}

function targetOf({ address, port }: Instance, refuse: (why: string) => Error) {
  if (address === null || port === null) throw refuse("it has no address and port yet");
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw refuse(`port ${port} is not between 1 and 65535`);
  const ip = canonical(address);
  if (ip === null) throw refuse(`${JSON.stringify(address)} is no IP address, and targets have no other`);
  return { address: ip, port };
}
