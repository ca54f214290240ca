/**
 * What really is so, independently of what any Muster believes: nodes, services, and the tasks that run. Nothing here is
 * shared with the program.
 */
import type { Random } from "../lab/marathon/random.ts";
import type { Machine } from "./machine.ts";

export interface Node {
  /** As Swarm has it: 25 letters and digits. */
  readonly id: string;
  readonly address: string;
  /** Managers don't hear of it; all else does. */
  isUnheard?: boolean;
  /** Off: all that ran there has ended. */
  isOn: boolean;
  /** Cut off from managers, registries and other nodes; what runs there goes on. */
  isCut: boolean;
}

export type Orchestrator = "swarm" | "marathon";

export interface App {
  readonly name: string;
  readonly orchestrator: Orchestrator;
  /** Tasks have to be seen healthy. */
  readonly isChecked: boolean;
  exists: boolean;
  /** Counts the changes of its labels; Marathon's tasks keep that of their start. */
  revision: number;
}

export interface Task {
  readonly id: string;
  readonly app: App;
  readonly node: Node;
  readonly revision: number;
  /** ms since the start of the run. */
  readonly created: number;
  port: number;
  state: "staging" | "running" | "stopping" | "stopped" | "gone";
  isHealthy: boolean;
  /** When it last became, or ceased to be, fit for traffic. */
  changedAt: number;
}

export interface RealityListener {
  /** `before`: its state until now. */
  task?(task: Task, what: TaskEvent): void;
  app?(app: App): void;
  node?(node: Node): void;
}
export type TaskEvent = "created" | "running" | "stopping" | "stopped" | "gone" | "health";

export type Reality = ReturnType<typeof createReality>;

const PORTS = 4;

export function createReality(machine: Machine, random: Random) {
  const nodes: Node[] = [];
  const apps: App[] = [];
  const tasks: Task[] = [];
  const listeners = new Set<RealityListener>();
  let revision = 0;

  return {
    /** Counts what changes tasks and apps. */
    get revision() {
      return revision;
    },
    nodes,
    apps,
    /** All that ever were. */
    tasks,
    /** Sooner than anybody else: they are the engines and the orchestrators. */
    subscribe(listener: RealityListener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    addNode,
    addApp,
    start,
    stop,
    crash,
    restart,
    setHealth,
    change,
    remove,
    recreate,
    powerOff,
    powerOn,
    touch: (node: Node) => tellNode(node),
    living: () => tasks.filter(({ state }) => state !== "gone"),
    ready: () => tasks.filter(isReady),
  };

  function addNode(index: number): void {
    nodes.push({
      id: "abc".charAt(index).repeat(25),
      address: `10.0.0.${index + 1}`,
      isOn: true,
      isCut: false,
    });
  }

  function addApp(name: string, orchestrator: Orchestrator, isChecked: boolean): void {
    revision++;
    apps.push({ name, orchestrator, isChecked, exists: true, revision: 1 });
  }

  function tell(task: Task, what: TaskEvent): void {
    revision++;
    for (const listener of listeners) listener.task?.(task, what);
  }

  function tellNode(node: Node): void {
    for (const listener of listeners) listener.node?.(node);
  }

  function set(task: Task, state: Task["state"]): void {
    if (task.state === state || task.state === "gone") return;
    const wasReady = isReady(task);
    task.state = state;
    if (wasReady !== isReady(task)) task.changedAt = machine.now();
    tell(task, state === "staging" ? "created" : state);
  }

  /** Few ports, so that they are soon used again, by whatever comes next. */
  function freePort(node: Node): number {
    const taken = new Set(tasks.filter((task) => task.node === node && holdsPort(task)).map(({ port }) => port));
    const free = Array.from({ length: PORTS + taken.size }, (_, index) => 30_000 + index).filter((p) => !taken.has(p));
    return free[random.below(Math.min(free.length, 2))] ?? 30_000;
  }

  function start(app: App, node: Node): Task {
    const task: Task = {
      ...{ id: `${app.name}.${tasks.length}`, app, node, revision: app.revision, created: machine.now() },
      ...{ port: freePort(node), state: "staging", isHealthy: !app.isChecked, changedAt: machine.now() },
    };
    tasks.push(task);
    tell(task, "created");
    machine.after(50 + random.below(400), null, "task runs", () => {
      if (task.state === "staging") set(task, "running");
    });
    if (app.isChecked) machine.after(600 + random.below(1500), null, "task healthy", () => setHealth(task, true));
    return task;
  }

  /** Asked to stop, it goes on for a while. */
  function stop(task: Task): void {
    if (task.state === "gone" || task.state === "stopping") return;
    if (task.state === "stopped") {
      set(task, "gone");
      return;
    }
    set(task, "stopping");
    machine.after(300 + random.below(6000), null, "task ends", () => end(task));
  }

  function end(task: Task): void {
    if (task.state === "gone") return;
    set(task, "stopped");
    // Its container is removed.
    machine.after(random.below(400), null, "task removed", () => {
      if (task.state === "stopped") set(task, "gone");
    });
  }

  function crash(task: Task): void {
    if (task.state === "running" || task.state === "staging") end(task);
  }

  /** The same container once more, on whatever port the engine gives it. Not for Marathon, whose tasks have one life. */
  function restart(task: Task): void {
    if (task.state !== "running" || task.app.orchestrator === "marathon") return;
    set(task, "stopped");
    machine.after(100 + random.below(800), null, "task starts again", () => {
      if (task.state !== "stopped" || !task.node.isOn) return;
      task.port = freePort(task.node);
      task.isHealthy = !task.app.isChecked;
      set(task, "running");
      if (task.app.isChecked) machine.after(500, null, "task healthy", () => setHealth(task, true));
    });
  }

  function setHealth(task: Task, isHealthy: boolean): void {
    if (!task.app.isChecked || task.state !== "running" || task.isHealthy === isHealthy) return;
    task.isHealthy = isHealthy;
    task.changedAt = machine.now();
    tell(task, "health");
  }

  /** Its labels are changed: Swarm's tasks have the new ones at once, Marathon replaces its tasks. */
  function change(app: App): void {
    if (!app.exists) return;
    app.revision++;
    tellApp(app);
    if (app.orchestrator === "swarm") return;
    for (const old of tasks.filter((task) => task.app === app && task.state === "running")) replace(old);
  }

  function replace(old: Task): void {
    const next = start(old.app, old.node);
    machine.after(1500 + random.below(2000), null, "task replaced", () => {
      if (next.state === "running") stop(old);
    });
  }

  function tellApp(app: App): void {
    revision++;
    for (const listener of listeners) listener.app?.(app);
  }

  function remove(app: App): void {
    if (!app.exists) return;
    app.exists = false;
    tellApp(app);
    for (const task of tasks) if (task.app === app) stop(task);
  }

  function recreate(app: App): void {
    app.exists = true;
    app.revision++;
    tellApp(app);
  }

  function powerOff(node: Node): void {
    if (!node.isOn) return;
    node.isOn = false;
    for (const task of tasks) if (task.node === node) set(task, "gone");
    tellNode(node);
  }

  function powerOn(node: Node): void {
    if (node.isOn) return;
    node.isOn = true;
    tellNode(node);
  }
}

/** Whether it is fit for traffic. */
export function isReady({ state, isHealthy }: Task): boolean {
  return state === "running" && isHealthy;
}

function holdsPort({ state }: Task): boolean {
  return state !== "gone" && state !== "stopped";
}

/** The labels of a service at one of its revisions, as people wrote them. */
export function labelsOf(app: App, revision: number): Record<string, string> {
  return {
    "muster.name": app.name,
    "muster.tags": `rev${revision}`,
    "muster.route.host": `${app.name}.example`,
    "muster.route.path": `/r${revision}`,
  };
}
