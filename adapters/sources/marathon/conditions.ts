/** What is said of an instance as a whole, whichever of its tasks it is about: where it is news, an answer tells which. */
import { type Asks, subjectOf, type Wish } from "./asks.ts";
import type { InstanceEvent, StrangerEvent } from "./event.ts";
import type { Held } from "./held.ts";
import { type Phase, type Standing, standingOf } from "./status.ts";
import { latest, type Task } from "./task.ts";

export interface ConditionHearing {
  hearInstance(event: InstanceEvent): void;
  hearStranger(event: StrangerEvent): void;
}

export function createConditionHearing(held: Held, asks: Asks): ConditionHearing {
  return { hearInstance, hearStranger };

  /** Comes right after the status of the task, so it only tells when that was lost: then an answer tells which task. */
  function hearInstance({ instance, app, condition }: InstanceEvent): void {
    const standing = standingOf(condition);
    if (standing !== null && disagrees(instance, standing)) askFor(instance, app, () => disagrees(instance, standing));
  }

  function disagrees(instance: string, standing: Standing): boolean {
    const tasks = latest(held.ofInstance(instance));
    const phases: readonly Phase[] = tasks.map(({ phase }) => phase);
    switch (standing) {
      case "running":
        return phases.length === 0 || phases.includes("staging") || phases.includes("unreachable");
      case "unreachable":
      case "stopping":
        return phases.includes("running");
      case "ended":
        return phases.some((phase) => phase !== "stopped");
      default:
        return false;
    }
  }

  function hearStranger({ task, instance, app, condition, type }: StrangerEvent): void {
    if (standingOf(condition) !== "ended") return;
    if (task !== null) held.end(task, condition, type);
    else if (instance !== null) askWhile(app, () => held.ofInstance(instance));
  }

  function askWhile(app: string, tasks: () => readonly Task[]): void {
    const [first] = tasks();
    if (first !== undefined) asks.tasks(subjectOf(first.id, app), { isStillNeeded: () => tasks().length > 0 });
  }

  function askFor(instance: string, app: string, isStillNeeded: NonNullable<Wish["isStillNeeded"]>): void {
    const [known] = held.ofInstance(instance);
    // Without a task of it nobody knows whether it is a pod's, unless the app is known as one.
    const isPod =
      known === undefined ? held.ofApp(app).some(({ container }) => container !== null) : known.container !== null;
    asks.tasks({ app, isPod }, { isStillNeeded });
  }
}
