/** What a fake account in one region holds: groups with their targets, EC2 instances, listeners and rules, tags. */
import { notFound } from "./errors.ts";
import { createRouting, type Routing } from "./routing.ts";
import { type Pace, stateOf, type Target, type TargetState, type Verdict } from "./targets.ts";

export interface Group {
  readonly arn: string;
  readonly name: string;
  readonly type: "instance" | "ip";
  readonly port: number;
  /** By `id:port`: what identifies a target. */
  readonly targets: Map<string, Target>;
  readonly attributes: Map<string, string>;
  readonly settings: Map<string, string>;
  /** Stands for rules that a test does not want to write down. */
  isAttached: boolean;
}

export interface Machine {
  readonly vpc: string;
  state: "running" | "stopped";
}

export interface Quotas {
  targetsPerGroup: number;
  rulesPerListener: number;
  groups: number;
}

/** How a test sees a target. */
export interface SeenTarget extends TargetState {
  readonly id: string;
  readonly port: number;
}

export interface World {
  readonly groups: Map<string, Group>;
  readonly machines: Map<string, Machine>;
  /** By ARN. */
  readonly tags: Map<string, Map<string, string>>;
  readonly quotas: Quotas;
  readonly routing: Routing;
  readonly pace: Pace;
  now(): number;
  /** Throws TargetGroupNotFound. */
  group(arn: string | undefined): Group;
  addGroup(group: {
    readonly name: string;
    readonly type?: "instance" | "ip";
    readonly port?: number;
    readonly tags?: Readonly<Record<string, string>>;
    /** Whether traffic comes to it. @default true */
    readonly attached?: boolean;
  }): Group;
  removeGroup(arn: string): void;
  /** Also what is draining. */
  seen(group: Group): readonly SeenTarget[];
  setVerdict(group: Group, id: string, port: number, verdict: Verdict): void;
}

const ACCOUNT = "123456789012";

/** @param region of every ARN */
export function createElbWorld(now: () => number, region: string): World {
  const groups = new Map<string, Group>();
  const machines = new Map<string, Machine>();
  const tags = new Map<string, Map<string, string>>();
  const start = `arn:aws:elasticloadbalancing:${region}:${ACCOUNT}`;
  let made = 0;

  const world: World = {
    groups,
    machines,
    tags,
    quotas: { targetsPerGroup: 1000, rulesPerListener: 100, groups: 3000 },
    routing: createRouting(start),
    pace: { registration: 1000, firstCheck: 2000 },
    now,
    group(arn) {
      const group = groups.get(arn ?? "");
      if (group === undefined) throw notFound();
      forget(group);
      return group;
    },
    addGroup({ name, type = "instance", port = 80, tags: marks = {}, attached = true }) {
      made += 1;
      const suffix = made.toString(16).padStart(16, "0");
      const arn = `${start}:targetgroup/${name}/${suffix}`;
      const attributes = new Map([["deregistration_delay.timeout_seconds", "300"]]);
      const group: Group = {
        ...{ arn, name, type, port, attributes, isAttached: attached },
        ...{ targets: new Map(), settings: new Map() },
      };
      groups.set(arn, group);
      tags.set(arn, new Map(Object.entries(marks)));
      return group;
    },
    removeGroup(arn) {
      groups.delete(arn);
      tags.delete(arn);
    },
    seen(group) {
      forget(group);
      return [...group.targets.values()].map((target) => ({
        id: target.id,
        port: target.port,
        ...state(group, target),
      }));
    },
    setVerdict(group, id, port, verdict) {
      const target = group.targets.get(`${id}:${port}`);
      if (target === undefined) throw new Error(`${group.name} has no target ${id}:${port}`);
      target.verdict = verdict;
    },
  };
  return world;

  function state(group: Group, target: Target): TargetState {
    return stateOf(target, {
      now: now(),
      pace: world.pace,
      isInUse: group.isAttached || world.routing.uses(group.arn),
      isRunning: group.type === "ip" || machines.get(target.id)?.state === "running",
    });
  }

  /** Draining ends with the group's delay, not with the connections. */
  function forget(group: Group): void {
    const delay = Number(group.attributes.get("deregistration_delay.timeout_seconds")) * 1000;
    for (const [key, { deregisteredAt }] of group.targets) {
      if (deregisteredAt !== null && now() - deregisteredAt >= delay) group.targets.delete(key);
    }
  }
}
