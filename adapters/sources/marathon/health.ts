/** Health as events tell it: of an instance's checks together (1.4+), or of one check at a time, without saying which. */
import type { Asks } from "./asks.ts";
import type { CheckHealthEvent, InstanceHealthEvent } from "./event.ts";
import type { Held } from "./held.ts";
import { readTaskId } from "./ids.ts";
import type { Moment } from "./moment.ts";
import type { ParkedHealth, Parking } from "./parking.ts";
import {
  type Changes,
  type CheckResults,
  EVERY_CHECK,
  latest,
  mergeHealth,
  mergeUnknownHealth,
  NONE,
  type Task,
} from "./task.ts";

export interface HealthHearing {
  hearInstance(event: InstanceHealthEvent, at: Moment): void;
  hearCheck(event: CheckHealthEvent, at: Moment): void;
  /** Takes over what was heard in this epoch before the task was known. */
  takeParked(task: Task, epoch: number): Changes;
}

const FAILING: CheckResults = { alive: 0, dead: 1 };
const ONE_ALIVE: CheckResults = { alive: 1, dead: 0 };
const ALL_ALIVE: CheckResults = { alive: EVERY_CHECK, dead: 0 };

export function createHealthHearing(held: Held, asks: Asks, parking: Parking): HealthHearing {
  /** The epoch in which health of all checks together was heard: then single checks say nothing more (M4). */
  let aggregates = -1;

  return { hearInstance, hearCheck, takeParked };

  function hearInstance({ instance, app, healthy, type }: InstanceHealthEvent, at: Moment): void {
    aggregates = at.epoch;
    const news = { results: resultsOf(healthy), at };
    parking.park(instance, news);
    const tasks = latest(held.ofInstance(instance)).filter(isChecked);
    for (const task of tasks) held.say(task, take(task, news), type);
    // Some container of a pod fails, and only an answer tells which.
    if (healthy === false && tasks.length > 1) asks.tasks({ app, isPod: true });
  }

  function isChecked(task: Task): boolean {
    return held.definitionOf(task)?.healthChecks !== 0;
  }

  /** A failing check fails the task, but only a sole one can make it healthy. */
  function hearCheck(event: CheckHealthEvent, at: Moment): void {
    if (aggregates === at.epoch) return;
    const { instance, task: id, alive, app, type } = event;
    const of = instance ?? readTaskId(id ?? "", app).instance;
    const news = { results: alive ? ONE_ALIVE : FAILING, at };
    const tasks = held.ofInstance(of).filter((task) => id === null || id === task.id);
    if (tasks.length === 0) parking.park(of, news);
    for (const task of latest(tasks)) held.say(task, takeCheck(task, news), type);
  }

  function takeCheck(task: Task, news: ParkedHealth): Changes {
    const checks = held.definitionOf(task)?.healthChecks ?? 1;
    if (news.results !== ONE_ALIVE || checks <= 1) return take(task, news);
    if (task.dead > 0 || task.alive < checks) asks.tasks({ app: task.app, isPod: task.container !== null });
    return NONE;
  }

  /** Health from before a task was there is that of its predecessor under the same instance (1.8+). */
  function take(task: Task, { results, at }: ParkedHealth): Changes {
    if (task.incarnation > 1 && at.ts < task.born) return NONE;
    return results === null ? mergeUnknownHealth(task, at) : mergeHealth(task, results, at);
  }

  function takeParked(task: Task, epoch: number): Changes {
    const parked = parking.of(task.instance);
    return parked === null || parked.at.epoch !== epoch || !isChecked(task) ? NONE : take(task, parked);
  }
}

function resultsOf(healthy: boolean | null): CheckResults | null {
  if (healthy === null) return null;
  return healthy ? ALL_ALIVE : FAILING;
}
