/**
 * The invariants of the design's section 4, held against reality and against what each Muster was told: at every write as
 * it is sent, all the time with the bounds that hold in calm, and at the end.
 */
import type { Change, Registration } from "../../src/model.ts";
import type { AdapterOptions, AdapterWatcher } from "./adapters.ts";
import type { Machine } from "./machine.ts";
import { type Life, POLICY } from "./muster.ts";
import { isReady, type Reality, type Task } from "./reality.ts";
import { CLUSTER } from "./registries.ts";
import type { Told } from "./told.ts";

export interface Violation {
  /** In a word or two: which invariant. */
  readonly rule: string;
  readonly at: number;
  readonly what: string;
}

export interface Judge extends Pick<AdapterWatcher, "sends"> {
  settles(changes: readonly Change[], options: AdapterOptions): void;
  readonly violations: Violation[];
  violate(rule: string, what: string): void;
}

export interface JudgeOptions {
  readonly machine: Machine;
  readonly reality: Reality;
  lifeOf(options: AdapterOptions): Life;
  /** Numbers of the terms that were ever begun. */
  terms(): number;
}

/** For how long after its source has gone away the reaper may go on with what it has begun, ms. */
const REAPING_MS = 5_000;

export function createJudge({ machine, reality, lifeOf, terms }: JudgeOptions): Judge {
  const violations: Violation[] = [];
  /** How many of the living were taken out of a registry by a Muster that has been lied to. */
  const misled = new Map<string, number>();
  /** What each adapter is writing at present, by what only one write at a time may be about. */
  const underWay = new Map<AdapterOptions, Set<string>>();
  /** What each adapter has registered to be given traffic. */
  const given = new Map<AdapterOptions, Set<string>>();
  return { violations, violate, sends, settles };

  function violate(rule: string, what: string): void {
    violations.push({ rule, at: machine.now(), what });
  }

  function sends(changes: readonly Change[], options: AdapterOptions): void {
    const life = lifeOf(options);
    const isLeader = options.owner === CLUSTER;
    if (isLeader) checkLease(life, options);
    checkOrder(changes, options);
    checkOverlap(changes, options);
    const told = isLeader ? life.told.cluster : life.told.node;
    for (const change of changes) checkChange(change, told, options);
  }

  function settles(changes: readonly Change[], options: AdapterOptions): void {
    for (const name of namesOf(changes, options)) underWay.get(options)?.delete(name);
  }

  /** Writes may overlap only where entries have nothing to do with each other, and then only with other keys and endpoints. */
  function checkOverlap(changes: readonly Change[], options: AdapterOptions): void {
    const { process, server, concurrent } = options;
    const busy = underWay.get(options) ?? new Set();
    underWay.set(options, busy);
    const names = namesOf(changes, options);
    const twice = concurrent ? names.find((name) => busy.has(name)) : names.length > 0 ? [...busy][0] : undefined;
    if (twice !== undefined)
      violate("at the same time", `${process.name} writes ${server.name} while it writes ${twice}`);
    for (const name of names) busy.add(name);
  }

  /** Nobody writes for the cluster once its term is over, whether or not another's has begun. */
  function checkLease({ term }: Life, { process, server }: AdapterOptions): void {
    if (term === null || term.isOver || term.number < terms())
      violate("two writers", `${process.name} writes ${server.name} for the cluster after its term, of ${terms()}`);
  }

  /** What holds an endpoint that another is to have goes first. */
  function checkOrder(changes: readonly Change[], { process, server }: AdapterOptions): void {
    const taken = new Map<string, string>();
    for (const { op, key, before, after } of changes) {
      if (op === "register" && after.endpoint !== null) taken.set(after.endpoint, key);
      const endpoint = op === "deregister" ? before.endpoint : null;
      const by = endpoint === null ? undefined : taken.get(endpoint);
      if (by !== undefined)
        violate("order", `${process.name} gives ${endpoint} in ${server.name} to ${by} before it takes it from ${key}`);
    }
  }

  function checkChange(change: Change, told: Told, options: AdapterOptions): void {
    const { before, after } = change;
    const from = before ?? after;
    if (options.server.entries.get(change.key)?.owner === null)
      violate("stranger", `${options.process.name} writes ${change.key}, which is a stranger's`);
    else if (from.instance === null) checkServiceLevel(change, told, options);
    else if (after !== null && after.draining !== true) {
      given.set(options, (given.get(options) ?? new Set()).add(change.key));
      checkRegistered(after, told, options);
    } else if (from.node !== undefined && from.node !== options.owner) checkReaped(from, told, options);
    else checkWithdrawn(change, from, told, options);
  }

  function checkServiceLevel(change: Change, told: Told, options: AdapterOptions): void {
    const { process, server } = options;
    if (change.after !== null) return;
    const { service } = change.before;
    const app = reality.apps.find(({ name }) => name === service);
    if (app?.exists !== true || told.service(service, app.orchestrator) === "unready") return;
    if (isFew(told, app.orchestrator, options)) return;
    violate("living service", `${process.name} removes ${change.key} from ${server.name}, whose service exists`);
  }

  function checkRegistered(after: Registration, told: Told, { process, server }: AdapterOptions): void {
    const source = after.source ?? "";
    if (!told.hasListed(source))
      violate(
        "registered too early",
        `${process.name} writes ${after.key} to ${server.name}, though ${source} has not listed`,
      );
    const verdict = told.task(after.task ?? "", source);
    if (verdict === "ready") return;
    violate(
      "registered the dead",
      `${process.name} writes ${after.key} to ${server.name}, though told that it is ${verdict}`,
    );
  }

  function checkWithdrawn(change: Change, before: Registration, told: Told, options: AdapterOptions): void {
    const { process, server } = options;
    const task = reality.tasks.find(({ id }) => id === before.task);
    if (task === undefined) return;
    checkDrained(change, task, told, options);
    if (!isServing(task, before)) return;
    if (told.task(task.id, sourceOf(task)) === "unready") return;
    // A container that was started again may have moved away and back, of which it has heard the half.
    const port = told.port(task.id, sourceOf(task));
    if (port !== null && before.endpoint?.endsWith(`:${port}/tcp`) === false) return;
    if (isFew(told, sourceOf(task), options)) return;
    violate(
      "removed the living",
      `${process.name} takes ${before.key} out of ${server.name}, though it runs and nobody told otherwise`,
    );
  }

  /** What it has given traffic stays, drained, for as long as it is known to be stopping. */
  function checkDrained({ key, after }: Change, task: Task, told: Told, options: AdapterOptions): void {
    if (after !== null || task.state !== "stopping") return;
    if (!told.isDraining(task.id) || given.get(options)?.has(key) !== true) return;
    const { process, server } = options;
    violate("not drained", `${process.name} removes ${key} from ${server.name}, though it has not stopped yet`);
  }

  /** The guard against mass removal lets a few pass, also where a listing lied: so many, whether at once or one by one. */
  function isFew(told: Told, source: string, { process, server }: AdapterOptions): boolean {
    const lie = told.lie(source);
    if (lie === null) return false;
    const key = `${process.name} ${server.name} ${lie}`;
    misled.set(key, (misled.get(key) ?? 0) + 1);
    return (misled.get(key) ?? 0) <= POLICY.massDelete.max;
  }

  function checkReaped({ key, node = "" }: Registration, told: Told, { process, server }: AdapterOptions): void {
    const since = told.downSince(node);
    const isDown = since !== null && machine.now() - since >= POLICY.reapAfter - 1;
    const awaySince = told.awaySince("swarm");
    if (isDown && (awaySince === null || machine.now() - awaySince < REAPING_MS)) return;
    violate(
      "reaped the living",
      `${process.name} takes ${key} out of ${server.name}, though ${node.slice(0, 1)} is not known to be down for long`,
    );
  }
}

/** Keys and endpoints; what is reaped is another node's. */
function namesOf(changes: readonly Change[], { owner }: AdapterOptions): readonly string[] {
  return changes
    .filter(({ before }) => before?.node === undefined || before.node === owner)
    .flatMap(({ key, before, after }) => [key, before?.endpoint, after?.endpoint])
    .filter((name) => typeof name === "string");
}

export function sourceOf(task: Task): "docker" | "marathon" {
  return task.app.orchestrator === "swarm" ? "docker" : "marathon";
}

/** Whether the entry leads to what it stands for. */
export function isServing(task: Task, { endpoint }: Pick<Registration, "endpoint">): boolean {
  return isReady(task) && endpoint === endpointOf(task);
}

export function endpointOf({ node, port }: Task): string {
  return `${node.address}:${port}/tcp`;
}
