/** What Marathon says of reality. */
import type { Content } from "../../adapters/sources/stamps.ts";
import type { Random } from "../lab/marathon/random.ts";
import type { Machine } from "./machine.ts";
import { type App, labelsOf, type Reality, type Task, type TaskEvent } from "./reality.ts";
import type { Listing, Server } from "./server.ts";
import { defined, eventOf, healthOf, NOTHING, statusOf, watchersOf } from "./servers.ts";

export interface Marathon extends Server {
  /** Another leader takes over: for a while its listings lack things, and say that they may. */
  failOver(settles: number): void;
  /** Its next listing is empty and claims to be whole. */
  lie(): void;
}

/** Marathon numbers what happens, so its events may come in any order. */
export function createMarathon(machine: Machine, reality: Reality, random: Random): Marathon {
  const { watch, tell } = watchersOf();
  let seq = 1_000;
  let settledAt = 0;
  let lies = 0;
  const isOurs = ({ orchestrator }: App) => orchestrator === "marathon";
  reality.subscribe({
    task(task, what) {
      if (!isOurs(task.app)) return;
      tell(what === "created" ? runSpec(task) : fromEvent(task, what), ++seq);
      // The last of an app takes it along.
      if (what === "gone" && !task.app.exists) tell("list", ++seq);
    },
    app(app) {
      if (!isOurs(app)) return;
      seq++;
      tell(app.exists ? [version(app, app.revision)] : "list", seq);
    },
  });
  return {
    watch,
    list,
    inspect: (id) =>
      reality
        .living()
        .filter((task) => task.id === id)
        .flatMap(runSpec),
    failOver(settles) {
      settledAt = machine.now() + settles;
    },
    lie() {
      lies = 1;
    },
  };

  function list(): Listing {
    seq++;
    if (lies > 0) {
      lies--;
      return { contents: [], trust: "whole", isLie: true, seq };
    }
    const isDoubtful = machine.now() < settledAt;
    const tasks = reality.living().filter(({ app }) => isOurs(app));
    const shown = isDoubtful ? tasks.filter(() => random.chance(0.4)) : tasks;
    const apps = reality.apps.filter((app) => isOurs(app) && app.exists);
    const known = isDoubtful ? apps.filter(() => random.chance(0.6)) : apps;
    const contents = [...known.map((app) => version(app, app.revision)), ...shown.flatMap(runSpec)];
    return { contents, trust: isDoubtful ? "doubtful" : "whole", isLie: false, seq };
  }
}

function fromEvent(task: Task, what: TaskEvent): readonly Content[] {
  const event = eventOf(task, what);
  return Array.isArray(event) ? event : runSpec(task);
}

function version(app: App, revision: number): Content {
  const own = { definition: `${app.name}@${revision}`, version: String(revision), labels: labelsOf(app, revision) };
  const port = { name: null, protocols: ["tcp"], containerPort: null, servicePort: 10_001 } as const;
  return { ...defined(app, { ...own, standing: true }), ports: [{ ...port, hasHostPort: true, labels: {} }] };
}

function runSpec(task: Task): readonly Content[] {
  const { id, app, node, revision, created, port } = task;
  const allocated = { host: node.address, ports: [{ name: null, port }], addresses: [] };
  return [
    version(app, revision),
    { kind: "assigned", task: id, definition: `${app.name}@${revision}`, inherits: null, node: node.id, created },
    { kind: "addressed", task: id, mode: "mapped", bindings: [], ...NOTHING, allocated },
    healthOf(task),
    statusOf(task),
  ];
}
