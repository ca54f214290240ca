/** What is held → facts. Pure. */
import type { Health, TaskStatus } from "../../../src/model.ts";
import type { Content } from "../stamps.ts";
import type { Definition } from "./shapes.ts";
import { ADDRESSED, ASSIGNED, type Changes, HEALTH, STATUS, type Task } from "./task.ts";

export interface Naming {
  /** Several Marathons may have apps of the same id (facts/marathon.md, anomaly 33). */
  readonly framework: string;
  readonly expose: "published" | "labelled";
}

/** Key of a definition; the version makes it immutable. */
export function definitionKey(framework: string, app: string, container: string | null, version: string): string {
  return `${appKey(framework, app, container)}@${version}`;
}

function appKey(framework: string, app: string, container: string | null): string {
  return `marathon:${framework}:${app}${container === null ? "" : `#${container}`}`;
}

/** @param standing whether it is the current one of an app or pod that exists, with or without tasks */
export function definedFact(definition: Definition, { framework, expose }: Naming, standing: boolean): Content {
  const { app, container, version, name, image, labels, healthChecks, ports } = definition;
  return {
    kind: "defined",
    definition: definitionKey(framework, app, container, version),
    app: appKey(framework, app, container),
    ...(standing && { standing }),
    ...{ version, name, image, labels, environment: {}, expose, healthChecked: healthChecks > 0, ports },
  };
}

/** The node that runs it: its host, under which Marathon knows it; null while neither host nor agent is known. */
export function nodeOf({ host, agent }: Task): string | null {
  return host ?? agent;
}

/**
 * The facts of those slots that have changed, as far as they are known. What takes it out of service comes first, what puts
 * it there last: none of them is wrong together with the old ones that the next ones replace.
 */
export function taskFacts(
  task: Task,
  definition: Definition | null,
  { framework }: Naming,
  changes: Changes,
): readonly Content[] {
  const { id, app, container, version, host, ports, addresses } = task;
  const contents: Content[] = [];
  const node = nodeOf(task);
  const runs = task.phase === "running";
  if ((changes & STATUS) !== 0 && !runs) contents.push(statusFact(task));
  if ((changes & ASSIGNED) !== 0 && version !== null && node !== null) {
    const key = definitionKey(framework, app, container, version);
    const created = timeOf(version);
    contents.push({
      ...{ kind: "assigned", task: id, definition: key, inherits: null, node },
      ...(created !== null && { created }),
    });
  }
  if ((changes & ADDRESSED) !== 0) {
    const bare = { mode: "mapped" as const, bindings: [], networks: [], exposed: [] };
    contents.push({ kind: "addressed", task: id, ...bare, allocated: { host, ports, addresses } });
  }
  if ((changes & HEALTH) !== 0) contents.push({ kind: "health", task: id, health: healthOf(task, definition) });
  if ((changes & STATUS) !== 0 && runs) contents.push(statusFact(task));
  return contents;
}

/** A version is the time of its deployment, ms since the epoch; null for one that is not. */
function timeOf(version: string): number | null {
  const ms = /^\d{4}-\d\d-\d\dT/.test(version) ? Date.parse(version) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

function statusFact({ id, phase, reason }: Task): Content {
  const status: TaskStatus = phase;
  return { kind: "status", task: id, status, reason };
}

/** Healthy when all declared checks say so, and no readiness check says otherwise. */
export function healthOf(task: Task, definition: Definition | null): Health {
  // Without checks it can't fail them: a pod's instance is unhealthy because of another container of it.
  const isChecked = definition?.healthChecks !== 0;
  if (isChecked && task.dead > 0) return "failing";
  if (definition === null) return "unknown";
  if (definition.readiness && task.ready !== true) return "unknown";
  if (!isChecked) return "none";
  return task.alive >= definition.healthChecks ? "passing" : "unknown";
}

/** What a running task still waits for: the rules are the core's (`declaredEndpoints`), the question is ours. */
export function lacksPlace(task: Task, { ports }: Definition): boolean {
  const mapped = ports.filter(({ hasHostPort }) => hasHostPort).length;
  if (mapped > 0 && (task.host === null || task.ports.length < mapped)) return true;
  return mapped < ports.length && task.addresses.length === 0;
}
