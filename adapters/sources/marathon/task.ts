/**
 * What is held of one task, and how news is merged into it: the rules M1–M4 of facts/marathon.md §6. The result depends
 * on what was said and when by the leader's clock, not on the order of arrival. No I/O; `now` comes in.
 */
import { readTaskId } from "./ids.ts";
import { isOlder, type Moment, NEVER } from "./moment.ts";
import type { Definition, TaskPort } from "./shapes.ts";
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
  /** When it was said where it is. */
  placedAt: Moment;
  phase: Phase;
  phaseAt: Moment;
  /** When the run before this one was over, or this one began: what is older says nothing of it. */
  since: Moment;
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
  /** null: answers have it. */
  missed: Missed | null;
}

/** Since when answers lack it (ms since the epoch), and how long they must until that is believed (ms). */
export interface Missed {
  readonly since: number;
  readonly confirmAfter: number;
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
  const { instance, container, incarnation, numbered } = readTaskId(id, app);
  // Written out: objects that are spread together are slow ones, and there are many of these.
  return {
    id,
    app,
    instance,
    container,
    incarnation,
    numbered,
    version: null,
    host: null,
    agent: null,
    ports: NOTHING,
    addresses: NOTHING,
    placedAt: NEVER,
    phase: "staging",
    phaseAt: NEVER,
    since: NEVER,
    reason: null,
    killedAt: null,
    alive: 0,
    dead: 0,
    healthAt: NEVER,
    ready: null,
    born,
    heard: 0,
    isSaid: false,
    isDescribed: false,
    missed: null,
  };
}

const NOTHING: readonly never[] = [];

/** It has started again, though its end was not heard. */
export function restart(task: Task, at: Moment): Changes {
  const isNews = task.phase !== "staging";
  task.phase = "staging";
  task.phaseAt = at;
  task.since = at;
  task.reason = null;
  task.killedAt = null;
  return loseHealth(task, at) | (isNews ? STATUS : NONE);
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
  if (isOlder(news.at, task.since)) return NONE;
  if (news.phase === task.phase) {
    if (isOlder(task.phaseAt, news.at)) task.phaseAt = news.at;
    return NONE;
  }
  if (!isFurther(task, news)) return NONE;
  task.phase = news.phase;
  task.phaseAt = news.at;
  task.reason = news.reason;
  task.killedAt = news.phase === "stopping" ? news.now : null;
  if (news.phase !== "stopped") return STATUS;
  task.since = news.at;
  return STATUS | loseHealth(task, news.at);
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

/** Health from before an end says nothing of the next start. */
function loseHealth(task: Task, at: Moment): Changes {
  if (isOlder(at, task.healthAt)) return NONE;
  task.ready = null;
  return mergeHealth(task, { alive: 0, dead: 0 }, at);
}

/** "Not known": after a fail-over that is no news, since the results went with the old leader (fact 9). */
export function mergeUnknownHealth(task: Task, at: Moment): Changes {
  return task.healthAt.epoch < at.epoch ? NONE : mergeHealth(task, { alive: 0, dead: 0 }, at);
}

/**
 * Whether it may start again under this same id, so that its end is not for good and its place not its last: as a resident
 * task of Marathon up to 1.4 may, and, as long as nobody knows whether it is one, any other of such an id.
 */
export function mayReturn({ numbered, container }: Task, definition: Definition | null): boolean {
  return !numbered && container === null && definition?.resident !== false;
}

/** The newest tasks of an instance: one from before may still be on its way out (1.8+). */
export function latest(tasks: readonly Task[]): readonly Task[] {
  if (tasks.length < 2) return tasks;
  const newest = Math.max(...tasks.map(({ incarnation }) => incarnation));
  return tasks.filter(({ incarnation }) => incarnation === newest);
}
