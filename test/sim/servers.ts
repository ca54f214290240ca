/** What the engines and the swarm's managers say of reality, each in the facts of its own source. */
import type { Content } from "../../adapters/sources/stamps.ts";
import type { Machine } from "./machine.ts";
import { type App, labelsOf, type Node, type Reality, type Task, type TaskEvent } from "./reality.ts";
import type { Server, ServerEvent } from "./server.ts";

type Watchers = Set<{ readonly listener: (event: ServerEvent) => void; readonly audience: string | null }>;

export function watchersOf() {
  const watchers: Watchers = new Set();
  return {
    watch(listener: (event: ServerEvent) => void, audience: string | null) {
      const watcher = { listener, audience };
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    tell(
      what: ServerEvent["what"],
      seq: number | null = null,
      isFor: (audience: string | null) => boolean = () => true,
    ) {
      for (const { listener, audience } of [...watchers]) if (isFor(audience)) listener({ what, seq });
    },
  };
}

export const NOTHING = { networks: [], exposed: [] } as const;

export function statusOf(task: Task): Content {
  const { state } = task;
  return { kind: "status", task: task.id, status: state === "gone" ? "stopped" : state, reason: null };
}

export function healthOf({ id, app, isHealthy }: Task): Content {
  const health = !app.isChecked ? "none" : isHealthy ? "passing" : "failing";
  return { kind: "health", task: id, health };
}

function bindingOf({ port }: Task) {
  const mapping = { containerPort: 8080, protocol: "tcp", hostAddress: "0.0.0.0", hostPort: port } as const;
  return { ...mapping, servicePort: null, portName: null };
}

/** A node's engine: knows its own containers, and nothing of their service but its name. */
export function createEngine(reality: Reality, node: Node): Server {
  const { watch, tell } = watchersOf();
  reality.subscribe({
    task(task, what) {
      if (task.node !== node || task.app.orchestrator !== "swarm" || !node.isOn) return;
      tell(eventOf(task, what));
    },
  });
  const own = () => reality.living().filter((task) => task.node === node && task.app.orchestrator === "swarm");
  return {
    watch,
    list: () => ({
      ...{ trust: "node", isLie: false, seq: null },
      contents: [nodeContent(node, "up"), ...own().flatMap(container)],
    }),
    inspect: (id) =>
      own()
        .filter((task) => task.id === id)
        .flatMap(container),
  };
}

export function eventOf(task: Task, what: TaskEvent): ServerEvent["what"] {
  switch (what) {
    case "created":
    case "running":
      return { inspect: task.id };
    case "stopping":
    case "stopped":
      return [statusOf(task)];
    case "health":
      return [healthOf(task)];
    case "gone":
      return [{ kind: "gone", task: task.id, reason: null }];
    default:
      return what satisfies never;
  }
}

function container(task: Task): readonly Content[] {
  const { id, app, node, created } = task;
  const definition = `container:${id}`;
  return [
    defined(app, { definition, version: null, labels: {} }),
    { kind: "assigned", task: id, definition, inherits: `service:${app.name}`, node: node.id, created },
    { kind: "addressed", task: id, mode: "mapped", bindings: [bindingOf(task)], ...NOTHING },
    healthOf(task),
    statusOf(task),
  ];
}

export function defined(
  { name, orchestrator, isChecked }: App,
  own: { definition: string; version: string | null; labels: Record<string, string>; standing?: boolean },
): Extract<Content, { kind: "defined" }> {
  const app = `${orchestrator}:${name}`;
  const rest = { image: null, environment: {}, expose: "published", healthChecked: isChecked } as const;
  return { kind: "defined", app, name, ...rest, ...own };
}

function nodeContent({ id, address }: Node, state: "up" | "down"): Content {
  return { kind: "node", node: id, address, state };
}

/** How long a node must be silent until the managers call it down, ms. */
const SILENCE_MS = 5_000;

/** The swarm's managers: services, nodes, and what they have told tasks to do. */
export function createManagers(machine: Machine, reality: Reality): { of(audience: string | null): Server } {
  const { watch, tell } = watchersOf();
  const down = new Set<Node>();
  reality.subscribe({
    app(app) {
      if (app.orchestrator === "swarm") tell(app.exists ? [service(app)] : "list");
    },
    task(task, what) {
      if (task.app.orchestrator === "swarm") tellTask(task, what);
    },
    node(node) {
      machine.after(isAway(node) ? SILENCE_MS : 200, null, "managers look", () => look(node));
    },
  });
  return {
    of: (audience) => ({
      watch,
      list: () => ({ contents: contents(audience), trust: "whole", isLie: false, seq: null }),
      inspect: () => [],
    }),
  };

  function look(node: Node): void {
    if (isAway(node) === down.has(node)) return;
    if (isAway(node)) down.add(node);
    else down.delete(node);
    tell([nodeContent(node, isAway(node) ? "down" : "up")]);
    tell("list");
  }

  function tellTask(task: Task, what: TaskEvent): void {
    const isLeader = (audience: string | null) => audience === null;
    const concerns = (audience: string | null) => isLeader(audience) || audience === task.node.id;
    if (what === "stopping") tell([statusOf(task)], null, concerns);
    else if (what === "gone") tell([{ kind: "gone", task: task.id, reason: null }], null, isLeader);
    else if (what !== "health") tell(asTask(task), null, isLeader);
  }

  function contents(audience: string | null): readonly Content[] {
    const tasks = reality.living().filter(({ app, node }) => app.orchestrator === "swarm" && !down.has(node));
    const own = tasks.filter(({ node, state }) => node.id === audience && state === "stopping");
    return [
      ...reality.nodes.map((node) => nodeContent(node, down.has(node) ? "down" : "up")),
      ...reality.apps.filter(({ orchestrator, exists }) => orchestrator === "swarm" && exists).map(service),
      ...(audience === null ? tasks.flatMap(asTask) : own.map(statusOf)),
    ];
  }
}

export function isAway({ isOn, isCut, isUnheard }: Node): boolean {
  return !isOn || isCut || isUnheard === true;
}

function service(app: App): Content {
  const { name, revision } = app;
  const own = { definition: `service:${name}`, version: String(revision), labels: labelsOf(app, revision) };
  return { ...defined(app, { ...own, standing: true }), healthChecked: false };
}

function asTask(task: Task): readonly Content[] {
  const { id, app, node, created } = task;
  return [
    { kind: "assigned", task: id, definition: `service:${app.name}`, inherits: null, node: node.id, created },
    { kind: "addressed", task: id, mode: "mapped", bindings: [bindingOf(task)], ...NOTHING },
    statusOf(task),
  ];
}
