/** Health checks: what they find, what the leader knows of it, and what it says. */
import type { Definition } from "./definition.ts";
import { failedHealthCheck, healthStatusChanged, instanceHealthChanged, statusUpdate } from "./events.ts";
import type { HealthCheckSpec } from "./spec.ts";
import type { CheckResult, Instance, Task } from "./state.ts";
import { stamp, type World } from "./world.ts";

/** COMMAND and MESOS_* checks are run by Mesos, the others by Marathon's leader. */
function isRunByMesos({ protocol }: HealthCheckSpec): boolean {
  return protocol === "COMMAND" || (protocol ?? "").startsWith("MESOS_");
}

/** As Marathon sees it: null while a result is missing, or where nothing is checked. */
function aggregate({ tasks }: Instance): boolean | null {
  const results = tasks.flatMap((task) => task.results);
  if (results.some((result) => result?.alive === false)) return false;
  return results.length > 0 && results.every((result) => result?.alive) ? true : null;
}

/** Whether every check of the task really passes. */
export function isHealthy({ alive }: Pick<Task, "alive">): boolean {
  return alive.every((value) => value === true);
}

/** Whether it counts for a deployment: running, healthy as far as the leader knows, and ready. */
export function isServing({ condition, tasks, definition }: Instance): boolean {
  return (
    condition === "Running" &&
    tasks.every((task) => task.results.every((result) => result?.alive)) &&
    (!definition.hasReadiness || tasks.every(({ ready }) => ready === true))
  );
}

/** A check of a running task gives a result. Mesos has one state for all the checks that it runs for a task. */
export function report(world: World, instance: Instance, task: Task, check: number, alive: boolean): void {
  const spec = task.container.checks[check];
  if (spec === undefined) throw new Error(`marathon simulator: ${task.id} has no health check ${check}`);
  const before = aggregate(instance);
  if (isRunByMesos(spec)) reportByMesos(world, instance, task, alive);
  else reportOne(world, instance, task, check, alive);
  const after = aggregate(instance);
  if (after === before) return;
  instanceHealthChanged(world, instance, after);
  // Both the tracker and the check's actor publish it for checks that Mesos runs.
  if (isRunByMesos(spec)) instanceHealthChanged(world, instance, after);
}

function reportByMesos(world: World, instance: Instance, task: Task, alive: boolean): void {
  statusUpdate(world, instance, task);
  for (const [index, other] of task.container.checks.entries()) {
    if (isRunByMesos(other)) reportOne(world, instance, task, index, alive);
  }
}

/** Results start from "not alive", so a first failure changes nothing. */
function reportOne(world: World, instance: Instance, task: Task, check: number, alive: boolean): void {
  const spec = task.container.checks[check] ?? {};
  const known = task.results[check] ?? null;
  task.alive[check] = alive;
  task.results[check] = next(known, alive, stamp(world));
  if (!alive && !isRunByMesos(spec)) failedHealthCheck(world, instance, task, spec);
  if (alive !== (known?.alive ?? false)) healthStatusChanged(world, instance, task, alive);
}

function next(known: CheckResult | null, alive: boolean, now: string): CheckResult {
  return alive
    ? {
        alive,
        consecutiveFailures: 0,
        firstSuccess: known?.firstSuccess ?? now,
        lastSuccess: now,
        lastFailure: known?.lastFailure ?? null,
        lastFailureCause: null,
      }
    : {
        alive,
        consecutiveFailures: (known?.consecutiveFailures ?? 0) + 1,
        firstSuccess: known?.firstSuccess ?? null,
        lastSuccess: known?.lastSuccess ?? null,
        lastFailure: now,
        lastFailureCause: "500 Internal Server Error",
      };
}

/** Tries every check that has no result: it finds how the task really is, and a task that was never tried is well. */
export function tryChecks(world: World, instance: Instance, task: Task): void {
  // One result of a check that Mesos runs is the result of all of those, so `results` is read anew each time.
  for (const check of task.results.keys()) {
    if (task.results[check] === null) report(world, instance, task, check, task.alive[check] ?? true);
  }
  if (instance.definition.hasReadiness) task.ready ??= true;
}

/** A new leader has lost what only the old one's memory held (facts/marathon.md, fact 9). */
export function forgetResults(world: World, task: Task): void {
  for (const [check, spec] of task.container.checks.entries()) {
    if (!(world.traits.restoresMesosHealth && isRunByMesos(spec))) task.results[check] = null;
  }
}

export function isChecked({ containers, hasReadiness }: Definition): boolean {
  return hasReadiness || containers.some(({ checks }) => checks.length > 0);
}
