/** Steps of the real world: what people and orchestrators do, and what tasks do by themselves. */
import { type App, isReady, type Task } from "./reality.ts";
import { type Act, letter, pick, type Stage } from "./stage.ts";
import type { Kind } from "./story.ts";

type RealityKind = Extract<
  Kind,
  "start" | "stop" | "crash" | "flap" | "restart" | "sick" | "change" | "remove" | "recreate"
>;

export function realityActs({ cluster: { reality, machine }, during, running }: Stage): Record<RealityKind, Act> {
  const existing = (exists: boolean) => reality.apps.filter((app) => app.exists === exists);
  const ofSwarm = () => running().filter(({ app }) => app.orchestrator === "swarm");
  const checked = () => running().filter((task) => task.app.isChecked && isReady(task));

  return {
    start({ a, b }) {
      const app = pick(existing(true), b);
      const at = pick(
        reality.nodes.filter(({ isOn }) => isOn),
        a,
      );
      return app === undefined || at === undefined ? null : `start ${reality.start(app, at).id} on ${letter(at)}`;
    },
    flap(step) {
      const app = pick(existing(true), step.b);
      const at = pick(
        reality.nodes.filter(({ isOn }) => isOn),
        step.a,
      );
      if (app === undefined || at === undefined) return null;
      const task = reality.start(app, at);
      machine.after(300 + (step.lasts % 1_000), null, "crashes soon", () => reality.crash(task));
      return `start ${task.id} on ${letter(at)}, which crashes at once`;
    },
    stop: ({ a }) => on(pick(running(), a), reality.stop, (task) => `stop ${task}`),
    crash: ({ a }) => on(pick(running(), a), reality.crash, (task) => `${task} crashes`),
    restart: ({ a }) => on(pick(ofSwarm(), a), reality.restart, (task) => `restart ${task}`),
    sick(step) {
      const task = pick(checked(), step.a);
      if (task === undefined) return null;
      const time = during(
        step,
        `health ${task.id}`,
        () => reality.setHealth(task, false),
        () => reality.setHealth(task, true),
      );
      return `${nameOf(task)} is sick ${time}`;
    },
    change: ({ a }) => to(pick(existing(true), a), reality.change, "change the labels of"),
    remove: ({ a }) => to(pick(existing(true), a), reality.remove, "remove"),
    recreate: ({ a }) => to(pick(existing(false), a), reality.recreate, "create again"),
  };
}

function on(task: Task | undefined, act: (task: Task) => void, tell: (name: string) => string): string | null {
  if (task === undefined) return null;
  const told = tell(nameOf(task));
  act(task);
  return told;
}

function to(app: App | undefined, act: (app: App) => void, what: string): string | null {
  if (app === undefined) return null;
  act(app);
  return `${what} ${app.name}`;
}

function nameOf({ id, node, port }: Task): string {
  return `${id} (${letter(node)}:${port})`;
}
