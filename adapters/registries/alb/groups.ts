/** Which target groups may be touched: those that the configuration names, and those tagged with this cluster's name. */
import type { Logger } from "../../../src/model.ts";
import { messageOf } from "../../failure.ts";
import type { Elb, GroupDescription } from "./elb.ts";
import { isDenied } from "./errors.ts";
import { type GroupRef, readGroupRef } from "./group-ref.ts";
import type { TargetType } from "./ownership.ts";
import type { Timing } from "./pace.ts";

export interface Group {
  readonly name: string;
  readonly arn: string;
  readonly type: TargetType;
  /** Whether Muster made it (`rules.groups`), and for which service. */
  readonly made: { readonly service: string; readonly healthPath: string } | null;
}

/** Why a group can't be used. */
export interface Refused {
  /** One line with the remedy. */
  readonly why: string;
  /** Whether it does not exist, so that it holds nothing. */
  readonly isAbsent: boolean;
}

export interface Groups {
  /** All that may be touched, as of at most five minutes ago. */
  all(signal: AbortSignal): Promise<readonly Group[]>;
  find(name: string, arn: string | null, signal: AbortSignal): Promise<Group | Refused>;
  /** It has just been made, or changed. */
  add(group: Group): void;
  /** It turned out not to exist (any more). */
  forget(name: string): void;
}

export interface GroupsOptions {
  readonly cluster: string;
  /** Names or ARNs. */
  readonly named: readonly string[];
  readonly discover: boolean;
  /** Whether Muster makes groups, which are then found whatever `discover` says. */
  readonly makes: boolean;
}

export const TAG = "muster:cluster";
/** Of what Muster made: a rule, or a group. */
export const SERVICE = "muster:service";
/** Types never change, and names only lead elsewhere once a group is gone, which is noticed. ms */
const FRESH_MS = 300_000;
/** For a group that a label names and nobody knew five seconds ago. */
const AGAIN_MS = 5_000;

interface Known {
  readonly at: number;
  readonly usable: ReadonlyMap<string, Group>;
  /** Why a group that exists, or that the configuration names, can't be used. */
  readonly refused: ReadonlyMap<string, string>;
}

export function createGroups(elb: Elb, options: GroupsOptions, timing: Timing, log: Logger): Groups {
  const { cluster, discover, makes } = options;
  const named = new Map(options.named.flatMap((text) => readGroupRef(text) ?? []).map((ref) => [ref.name, ref]));
  const told = new Set<string>();
  let known: Known | null = null;

  async function read(signal: AbortSignal): Promise<Known> {
    const at = timing.now();
    const all = await elb.groups(signal);
    const tagged = await taggedOf(
      all.filter(({ name }) => !named.has(name)),
      signal,
    );
    const usable = new Map<string, Group>();
    const refused = new Map<string, string>();
    for (const group of all) {
      const why = fault(group, tagged);
      if (why === null) usable.set(group.name, usableOf(group, makes ? (tagged.get(group.arn) ?? null) : null));
      else refused.set(group.name, why);
    }
    for (const { name } of named.values()) if (!usable.has(name)) tell(name, refused.get(name) ?? absent(name));
    return { at, usable, refused };
  }

  function fault({ name, arn, type }: GroupDescription, tagged: ReadonlyMap<string, string | null>): string | null {
    const ref = named.get(name);
    if (ref === undefined && !tagged.has(arn)) return notOurs(name);
    if (ref !== undefined && !leadsTo(ref.arn, arn)) return `target group ${name} is ${arn}, not ${ref.arn}`;
    if (type !== "instance" && type !== "ip")
      return `target group ${name} has targets of type ${type}; instance or ip is needed`;
    return null;
  }

  /** @returns those with this cluster's tag by ARN, with the service for which Muster made them; null: somebody else did */
  async function taggedOf(
    groups: readonly GroupDescription[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, string | null>> {
    if (!(discover || makes) || groups.length === 0) return new Map();
    try {
      const tags = await elb.tags(
        groups.map(({ arn }) => arn),
        signal,
      );
      const ours = [...tags].filter(([, own]) => own.get(TAG) === cluster && (discover || own.has(SERVICE)));
      return new Map(ours.map(([arn, own]) => [arn, own.get(SERVICE) ?? null]));
    } catch (error) {
      // Without this permission there is less to find, and nothing wrong.
      if (!isDenied(error)) throw error;
      tell(TAG, `only the groups in registries.alb.targetGroups are used: ${messageOf(error)}`);
      return new Map();
    }
  }

  /** Once per thing. */
  function tell(about: string, why: string): void {
    if (told.has(about)) return;
    told.add(about);
    log.warn({ about, why }, "target group not usable");
  }

  async function current(maxAge: number, signal: AbortSignal): Promise<Known> {
    if (known === null || timing.now() - known.at >= maxAge) known = await read(signal);
    return known;
  }

  return {
    all: async (signal) => [...(await current(FRESH_MS, signal)).usable.values()],
    async find(name, arn, signal) {
      let state = await current(FRESH_MS, signal);
      if (!state.usable.has(name)) state = await current(AGAIN_MS, signal);
      const group = state.usable.get(name);
      const refused = state.refused.get(name);
      if (refused !== undefined) return { why: refused, isAbsent: false };
      if (group === undefined) return { why: absent(name), isAbsent: true };
      return leadsTo(arn, group.arn)
        ? group
        : { why: `target group ${name} is ${group.arn}, not ${arn}`, isAbsent: false };
    },
    add(group) {
      if (known !== null) known = { ...known, usable: new Map([...known.usable, [group.name, group]]) };
    },
    forget(name) {
      if (known === null) return;
      const usable = new Map(known.usable);
      usable.delete(name);
      known = { ...known, at: Number.NEGATIVE_INFINITY, usable };
    },
  };

  function notOurs(name: string): string {
    return `target group ${name} is not this cluster's: name it in registries.alb.targetGroups or tag it ${TAG}=${cluster}`;
  }
}

/** @param service for which Muster made it; null: somebody else did */
function usableOf({ name, arn, type, healthPath }: GroupDescription, service: string | null): Group {
  return { name, arn, type: type as TargetType, made: service === null ? null : { service, healthPath } };
}

function leadsTo(wanted: GroupRef["arn"], arn: string): boolean {
  return wanted === null || wanted === arn;
}

function absent(name: string): string {
  return `there is no target group ${name} in this region: create it, or correct registries.alb.targetGroups or the label muster.alb.target-group`;
}
