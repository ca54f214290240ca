/**
 * What is held of one task, and how news is merged into it: the rules M1–M4 of facts/marathon.md §6. The result depends
 * on what was said and when by the leader's clock, not on the order of arrival. No I/O; `now` comes in.
 */
import { readTaskId } from "./ids.ts";
import { isOlder, type Moment, NEVER } from "./moment.ts";
import type { Definition, Placement, TaskPort } from "./shapes.ts";
import { type Phase, RANKS } from "./status.ts";

/** How many checks are alive and dead by their last result. */
export interface CheckResults {
  readonly alive: number;
  readonly dead: number;
}

export interface Task {
  readonly id: string;
  readonly app: string;
  readonly instance: string;
  /** Name of the pod's container; null for apps. */
  readonly container: string | null;
  readonly incarnation: number;
  /** Whether its id is its own, so that its end is for good even if it is resident. */
  readonly numbered: boolean;
  version: string | null;
  host: string | null;
  agent: string | null;
  ports: readonly TaskPort[];
  addresses: readonly string[];
  phase: Phase;
  phaseAt: Moment;
  /** Why it is in its phase; null where there is nothing to add. */
  reason: string | null;
  /** When we heard that it is being killed, ms since the epoch. */
  killedAt: number | null;
  /** Checks by their last result. */
  alive: number;
  dead: number;
  healthAt: Moment;
  /** What readiness checks say; null: not known. */
  ready: boolean | null;
  /** The earliest moment at which it was there, ms by the leader's clock. */
  born: number;
  /** Count of the last event about it. */
  heard: number;
  /** Whether it has been said at all, and with its definition. */
  isSaid: boolean;
  isDescribed: boolean;
  /** Since when answers lack it (ms since the epoch), and how long they must until that is believed; null: they don't. */
  missed: { readonly since: number; readonly confirmAfter: number } | null;
}

/** Which facts of a task have changed: a set of bits. */
export type Changes = number;
export const NONE: Changes = 0;
export const ASSIGNED: Changes = 1;
export const ADDRESSED: Changes = 2;
export const STATUS: Changes = 4;
export const HEALTH: Changes = 8;
export const ALL: Changes = ASSIGNED | ADDRESSED | STATUS | HEALTH;

/** Stands for "all checks", whatever their number. */
export const EVERY_CHECK = Number.MAX_SAFE_INTEGER;

export function newTask(id: string, app: string, born: number): Task {
  return {
    ...{ id, app, ...readTaskId(id, app) },
    ...{ version: null, host: null, agent: null, ports: [], addresses: [] },
    ...{ phase: "staging" as const, phaseAt: NEVER, reason: null, killedAt: null },
    ...{ alive: 0, dead: 0, healthAt: NEVER, ready: null },
    ...{ born, heard: 0, missed: null, isSaid: false, isDescribed: false },
  };
}

/**
 * M1: said once, said for good; empty never overwrites known.
 * @param corrects whether a differing value replaces the known one: an answer's does, an event's doesn't
 */
export function mergePlacement(task: Task, said: Placement, corrects: boolean): { changes: Changes; differs: boolean } {
  let changes = NONE;
  let differs = false;
  /** @returns whether the said value is to be taken */
  function take(isSaid: boolean, isKnown: boolean, isSame: boolean, bits: Changes): boolean {
    if (!isSaid || isSame) return false;
    differs ||= isKnown;
    if (isKnown && !corrects) return false;
    changes |= bits;
    return true;
  }
  const { version, host, agent, ports, addresses } = said;
  if (take(version !== null, task.version !== null, version === task.version, ASSIGNED | HEALTH))
    task.version = version;
  if (take(host !== null, task.host !== null, host === task.host, ASSIGNED | ADDRESSED)) task.host = host;
  if (take(agent !== null, task.agent !== null, agent === task.agent, ASSIGNED)) task.agent = agent;
  if (take(ports.length > 0, task.ports.length > 0, samePorts(ports, task.ports), ADDRESSED)) task.ports = ports;
  // The addresses of a task may really change its order or grow; only gaining the first matters before an answer.
  if (take(addresses.length > 0, task.addresses.length > 0, sameTexts(addresses, task.addresses), ADDRESSED))
    task.addresses = addresses;
  return { changes, differs };
}

/** Names count only where both sides have them: events don't tell the names that a pod's status has. */
function samePorts(said: readonly TaskPort[], known: readonly TaskPort[]): boolean {
  if (said.length !== known.length) return false;
  const isNamed = said.some(({ name }) => name !== null);
  if (isNamed && known.some(({ name }) => name === null)) return false;
  return isNamed
    ? said.every(({ name, port }, at) => known[at]?.port === port && known[at]?.name === name)
    : sameNumbers(said, known);
}

function sameNumbers(said: readonly TaskPort[], known: readonly TaskPort[]): boolean {
  const numbers = new Set(known.map(({ port }) => port));
  return said.every(({ port }) => numbers.has(port));
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, at) => text === b[at]);
}

export interface PhaseNews {
  readonly phase: Phase;
  readonly at: Moment;
  readonly reason: string | null;
  /** By our own clock: ms since the epoch. */
  readonly now: number;
  /** From this long after a kill on an answer that shows it running is believed; null: news from an event, which never is. */
  readonly killGrace: number | null;
}

/** M2: of two phases the later in rank wins, whenever it is heard; running and unreachable alternate by time. */
export function mergePhase(task: Task, news: PhaseNews): Changes {
  if (news.phase === task.phase) {
    if (isOlder(task.phaseAt, news.at)) task.phaseAt = news.at;
    return NONE;
  }
  if (!isFurther(task, news)) return NONE;
  task.phase = news.phase;
  task.phaseAt = news.at;
  task.reason = news.reason;
  task.killedAt = news.phase === "stopping" ? news.now : null;
  return STATUS;
}

function isFurther(task: Task, news: PhaseNews): boolean {
  const by = RANKS[news.phase] - RANKS[task.phase];
  // Only a resident task stops; it may have started again since.
  if (by > 0) return news.phase !== "stopped" || !isOlder(news.at, task.phaseAt);
  return by === 0 ? !isOlder(news.at, task.phaseAt) : isBack(task, news);
}

/** Whether it has really gone back in rank: outlived a kill, or started again on its volumes. */
function isBack(task: Task, news: PhaseNews): boolean {
  if (task.phase === "stopped") return isOlder(task.phaseAt, news.at);
  if (task.phase !== "stopping" || news.phase !== "running" || news.killGrace === null) return false;
  return !isOlder(news.at, task.phaseAt) && news.now - (task.killedAt ?? news.now) > news.killGrace;
}

/** M4: explicit results only; older ones are ignored. */
export function mergeHealth(task: Task, { alive, dead }: CheckResults, at: Moment): Changes {
  if (isOlder(at, task.healthAt)) return NONE;
  task.healthAt = at;
  if (task.alive === alive && task.dead === dead) return NONE;
  task.alive = alive;
  task.dead = dead;
  return HEALTH;
}

/** "Not known": after a fail-over that is no news, since the results went with the old leader (fact 9). */
export function mergeUnknownHealth(task: Task, at: Moment): Changes {
  return task.healthAt.epoch < at.epoch ? NONE : mergeHealth(task, { alive: 0, dead: 0 }, at);
}

/** Whether a resident task may start again under this same id, so that its end is not for good. */
export function mayReturn(task: Task, definition: Definition | null): boolean {
  return definition?.resident === true && !task.numbered && task.container === null;
}

/** The newest tasks of an instance: one from before may still be on its way out (1.8+). */
export function latest(tasks: readonly Task[]): readonly Task[] {
  if (tasks.length < 2) return tasks;
  const newest = Math.max(...tasks.map(({ incarnation }) => incarnation));
  return tasks.filter(({ incarnation }) => incarnation === newest);
}
