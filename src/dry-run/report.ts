/** What a plan tells: plain JSON, without secrets. */
import type { Change, Instance, Json, Registration } from "../model.ts";
import { redact } from "../redact.ts";

/** What one pass would do, had it been allowed to. */
export interface PlanReport {
  readonly cluster: string;
  /** Id of this node. */
  readonly node: string;
  /** Why the leader's part is not in it, in one line; null: this Muster leads, or could, or there is no such part. */
  readonly standby: string | null;
  /** Whether every registry could be read and has nothing to be changed. */
  readonly inSync: boolean;
  readonly registries: readonly RegistryPlan[];
  /** Instances that are not fit to be registered (yet). */
  readonly pending: readonly PendingInstance[];
}

export interface RegistryPlan {
  readonly registry: string;
  /** `cluster`: what the leader would do for all nodes; `node`: what this node's Muster would do. */
  readonly scope: "node" | "cluster";
  /** Why there is no plan for it; null if there is one. */
  readonly error: string | null;
  /** In the order in which they would be made. */
  readonly changes: readonly PlannedChange[];
  /** How many entries are as they should be. */
  readonly unchanged: number;
  /** What is there, is not wanted, and stays for now. */
  readonly kept: readonly KeptEntry[];
  /** What can't be registered there. */
  readonly refused: readonly RefusedInstance[];
}

export interface PlannedChange {
  readonly op: Change["op"];
  readonly key: string;
  readonly service: string;
  readonly task: string | null;
  /** null for a service-level object. */
  readonly instance: string | null;
  readonly endpoint: string | null;
  /** What it is and what it would be; null: not there. */
  readonly before: Json;
  readonly after: Json;
}

export interface KeptEntry {
  readonly key: string;
  readonly service: string;
  /** One line. */
  readonly why: string;
}

export interface RefusedInstance {
  readonly instance: string;
  readonly service: string;
  readonly error: string;
}

export interface PendingInstance {
  readonly instance: string;
  readonly service: string;
  readonly state: Instance["state"];
  readonly missing: readonly string[];
  readonly notes: readonly string[];
}

export function plannedChange({ op, key, before, after }: Change): PlannedChange {
  const { service, task, instance, endpoint } = (after ?? before) as Registration;
  return {
    ...{ op, key, service, task, instance, endpoint },
    before: redact(before?.spec ?? null),
    after: redact(after?.spec ?? null),
  };
}

/** One place in which two values differ. */
export interface Difference {
  /** e.g. `checks.0.interval`; empty for the value as a whole. */
  readonly path: string;
  /** undefined: not there. */
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** Where two values differ, leaf by leaf, in the order of their keys. */
export function differences(before: Json | undefined, after: Json | undefined, path = ""): readonly Difference[] {
  if (!isBranch(before) || !isBranch(after) || Array.isArray(before) !== Array.isArray(after)) {
    return Object.is(before, after) || JSON.stringify(before) === JSON.stringify(after)
      ? []
      : [{ path, before, after }];
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].flatMap((key) => differences(at(before, key), at(after, key), path === "" ? key : `${path}.${key}`));
}

type Branch = Extract<Json, object>;

function isBranch(value: Json | undefined): value is Branch {
  return typeof value === "object" && value !== null;
}

function at(branch: Branch, key: string): Json | undefined {
  return Object.hasOwn(branch, key) ? (branch as Readonly<Record<string, Json>>)[key] : undefined;
}
