/** The life of an instance: scheduled, provisioned, staged, run, lost from sight, killed, ended. */
import type { Definition } from "./definition.ts";
import { instanceChanged, statusUpdate, unknownTerminated } from "./events.ts";
import { isChecked, tryChecks } from "./health.ts";
import { instanceId } from "./ids.ts";
import { place, releasePorts } from "./placement.ts";
import type { Condition, Instance, RunSpec, Task } from "./state.ts";
import { noteFailure, tasksOf } from "./tasks.ts";
import { iso, later, soon, stamp, time, type World } from "./world.ts";

/** Called when something happened that may let a deployment go on or call for a replacement. */
export type Settle = (specId: string) => void;

/** How a task may end by itself. */
export type End = "Failed" | "Finished" | "Error" | "Gone" | "Dropped";

export interface Life {
  /** Whose task this is, also when Marathon has given it up while it was out of sight, and it may still run. */
  find(taskId: string): Instance | undefined;
  /** A new instance of `definition`. */
  start(spec: RunSpec, definition: Definition): void;
  /** As Marathon does it: TASK_KILLING where the version has it, then TASK_KILLED; not replaced. */
  kill(instance: Instance): void;
  /** One of its tasks ends by itself, and with it the whole instance. */
  end(instance: Instance, task: Task, end: End, message: string): void;
  unreachable(instance: Instance): void;
  reachable(instance: Instance): void;
}

/** Worst first: an instance is what its worst task is. */
const WORST: readonly Condition[] = [
  ...(["Error", "Failed", "Gone", "Dropped", "UnreachableInactive", "Unreachable", "Killing"] as const),
  ...(["Starting", "Staging", "Provisioned", "Created", "Running", "Finished", "Killed", "Scheduled"] as const),
];

/** Before a task is staged Mesos has no status of it; nor has it one for "inactive", which is Marathon's own idea. */
function hasStatus(condition: Condition): boolean {
  return condition !== "Provisioned" && condition !== "Created" && condition !== "UnreachableInactive";
}

export function createLife(world: World, settle: Settle): Life {
  const { traits } = world;
  const hasKilling = world.settings.hasKilling ?? traits.hasKilling;
  const byTask = new Map<string, Instance>();
  const givenUp = new Map<string, Instance>();
  /** Those for which no agent had room. */
  const unplaced = new Set<Instance>();

  /** The next step of a life, unless it takes another turn meanwhile. */
  function next(instance: Instance, step: () => void): void {
    const { turn } = instance;
    soon(world, () => {
      if (instance.turn === turn) step();
    });
  }

  function change(instance: Instance, condition: Condition, message = ""): void {
    for (const task of instance.tasks) {
      task.condition = condition;
      if (!hasStatus(condition)) continue;
      statusUpdate(world, instance, task, message);
      become(instance);
    }
    if (!hasStatus(condition)) become(instance);
  }

  function become(instance: Instance): void {
    const worst = WORST.find((condition) => instance.tasks.some((task) => task.condition === condition));
    instance.condition = worst ?? "Scheduled";
    instance.since = iso(time(world));
    instanceChanged(world, instance);
  }

  function provision(instance: Instance): void {
    const placement = place(world, instance);
    if (placement === undefined) {
      unplaced.add(instance);
      return;
    }
    unplaced.delete(instance);
    instance.turn += 1;
    instance.agent = placement.agent;
    instance.incarnation += 1;
    instance.tasks = tasksOf(world, instance, placement);
    for (const task of instance.tasks) byTask.set(task.id, instance);
    change(instance, traits.hasIncarnations ? "Provisioned" : "Created");
    next(instance, () => stage(instance));
  }

  function stage(instance: Instance): void {
    change(instance, "Staging");
    next(instance, () => {
      if (traits.hasKilling) change(instance, "Starting");
      next(instance, () => running(instance));
    });
  }

  function running(instance: Instance): void {
    const now = stamp(world);
    for (const task of instance.tasks) {
      task.startedAt ??= now;
      task.shownAddresses = task.addresses;
    }
    change(instance, "Running");
    if (world.settings.health === "automatic" && isChecked(instance.definition)) {
      next(instance, () => {
        for (const task of instance.tasks) tryChecks(world, instance, task);
        settle(instance.specId);
      });
    }
    settle(instance.specId);
  }

  /** Its ports are free again; either it is scheduled once more, or it is gone. */
  function ended(instance: Instance): void {
    const spec = world.state.specs.get(instance.specId);
    releasePorts(instance);
    unplaced.delete(instance);
    for (const task of instance.tasks) byTask.delete(task.id);
    for (const waiting of unplaced) next(waiting, () => provision(waiting));
    instance.turn += 1;
    const relaunches = traits.hasIncarnations || instance.definition.isResident;
    const target = spec?.target ?? null;
    if (instance.goal === "running" && relaunches && target !== null) {
      instance.definition = target;
      instance.tasks = [];
      if (!target.isResident) instance.agent = null;
      schedule(instance);
    } else {
      spec?.instances.delete(instance.id);
    }
    settle(instance.specId);
  }

  function schedule(instance: Instance): void {
    if (traits.hasIncarnations) become(instance);
    else instance.condition = "Scheduled";
    next(instance, () => provision(instance));
  }

  /** Gives up an instance that has been out of sight for long: no status tells it, for Mesos knows of no end. */
  function expunge(instance: Instance): void {
    instance.goal = "stopped";
    for (const task of instance.tasks) givenUp.set(task.id, instance);
    instance.condition = "Killed";
    instanceChanged(world, instance);
    ended(instance);
  }

  function kill(instance: Instance): void {
    if (instance.condition === "Killing") return;
    instance.goal = "stopped";
    instance.turn += 1;
    if (instance.tasks.length === 0) ended(instance);
    else if (instance.condition.startsWith("Unreachable")) expunge(instance);
    else dying(instance);
  }

  function dying(instance: Instance): void {
    if (hasKilling) change(instance, "Killing");
    else instance.condition = "Killing";
    next(instance, () => {
      change(instance, "Killed");
      ended(instance);
    });
  }

  return {
    find: (id) => byTask.get(id) ?? givenUp.get(id),
    start(spec, definition) {
      const uuid = world.random.uuid();
      const instance: Instance = {
        id: instanceId(traits, definition, uuid),
        uuid,
        specId: spec.id,
        definition,
        incarnation: 0,
        agent: null,
        tasks: [],
        condition: "Scheduled",
        since: iso(time(world)),
        goal: "running",
        turn: 0,
      };
      spec.instances.set(instance.id, instance);
      schedule(instance);
    },
    kill,
    end(instance, task, end, message) {
      instance.turn += 1;
      task.condition = end;
      noteFailure(world, instance, task, message);
      statusUpdate(world, instance, task, message);
      // The executor of a pod does not outlive one of its containers.
      for (const other of instance.tasks) {
        if (other === task) continue;
        become(instance);
        other.condition = "Killed";
        statusUpdate(world, instance, other, "");
      }
      become(instance);
      ended(instance);
    },
    unreachable(instance) {
      instance.turn += 1;
      // Seen: an update without addresses overwrites those that were known.
      for (const task of instance.tasks) task.shownAddresses = [];
      change(instance, "Unreachable");
      const { unreachable } = instance.definition;
      const { turn } = instance;
      if (unreachable === "disabled") return;
      later(world, unreachable.inactiveAfterSeconds * 1000, () => {
        if (instance.turn !== turn) return;
        change(instance, "UnreachableInactive");
        settle(instance.specId);
      });
      later(world, unreachable.expungeAfterSeconds * 1000, () => {
        if (instance.turn === turn) expunge(instance);
      });
    },
    reachable(instance) {
      instance.turn += 1;
      const isKnown = world.state.specs.get(instance.specId)?.instances.has(instance.id) ?? false;
      if (isKnown) {
        running(instance);
        // It went out of sight before it could be killed.
        if (instance.goal === "stopped") kill(instance);
        return;
      }
      // Marathon kills what it has given up.
      for (const task of instance.tasks) {
        if (!givenUp.delete(task.id)) continue;
        task.condition = "Killed";
        unknownTerminated(world, instance, task);
      }
    },
  };
}
