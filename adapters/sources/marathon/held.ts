/**
 * What this Marathon is held to run: tasks and definitions, and the facts that say so. News is merged here first, by the
 * leader's clock (task.ts); a fact says what is held after that, stamped with the source's own clock, which only grows.
 * So the facts need no clock of the leader's, and a listing is simply all of it said again.
 */
import type { Fact } from "../../../src/model.ts";
import type { Content, Stamps } from "../stamps.ts";
import { createDefinitions, type Definitions } from "./definitions.ts";
import { type Naming, taskFacts } from "./facts.ts";
import { createIntroductions } from "./introductions.ts";
import type { MarathonLimits } from "./limits.ts";
import type { AppReport, Definition } from "./shapes.ts";
import { ALL, ASSIGNED, type Changes, HEALTH, mayReturn, NONE, newTask, type Task } from "./task.ts";
import { createTombstones, type Tombstones } from "./tombstones.ts";

export interface Held {
  readonly definitions: Definitions;
  readonly tombstones: Tombstones;
  readonly tasks: ReadonlyMap<string, Task>;
  ofApp(app: string): readonly Task[];
  ofInstance(instance: string): readonly Task[];
  definitionOf(task: Task): Definition | null;
  /** The task under this id, taken up if it is new; null where there are too many. */
  open(id: string, app: string, born: number): Task | null;
  /** Says those facts of it that have changed. */
  say(task: Task, changes: Changes, via: string): void;
  /** Takes over an app's current definition; says so where that is news. */
  current(report: AppReport, via: string): void;
  /** Says the current definition of an app or pod, unless it has been said since the last listing began. */
  sayApp(app: string, via: string): void;
  /** An app or pod was deleted: its definition stands no more. */
  forget(app: string, via: string): void;
  /** Says the definitions of an app that tasks of it have waited for, and their health with it. */
  describe(app: string, via: string): void;
  /** Its end was seen; said once, and also of a task that was not known. */
  end(id: string, reason: string | null, via: string): void;
  /** Answers lack it for good: it is not said again, and the next listing shows that. */
  drop(task: Task): void;
  /** Until the first listing begins nothing is said. */
  setFramework(framework: string): void;
  /** Begins to say everything again: from here on nothing counts as said. */
  reopen(): void;
  /** Ends that nobody may have heard of since the last time this was asked; the latest ones only. */
  takeEnds(): readonly Content[];
  notice(message: string, task?: string): void;
}

const NO_TASKS: readonly Task[] = [];

export interface HeldOptions {
  readonly stamps: Stamps;
  readonly expose: Naming["expose"];
  readonly limits: MarathonLimits;
  now(): number;
  emit(facts: readonly Fact[]): void;
}

export function createHeld(options: HeldOptions): Held {
  const { stamps, limits, expose, now } = options;
  const tasks = new Map<string, Task>();
  const apps = new Map<string, Set<Task>>();
  /** Mostly of one task each, so that a list is smaller than a set. */
  const instances = new Map<string, readonly Task[]>();
  const definitions = createDefinitions(limits.maxDefinitions);
  const tombstones = createTombstones({ ttl: limits.tombstoneTtl, max: limits.maxTombstones }, now);
  /** What has been complained of, so that it is said once; by app and text. */
  const complaints = new Set<string>();
  let ends: Content[] = [];
  let naming: Naming = { framework: stamps.source, expose };
  const introductions = createIntroductions(definitions, naming);
  let isMute = true;

  return {
    ...{ definitions, tombstones, tasks, definitionOf, open, say, describe, end, drop, notice, reopen, takeEnds },
    ...{ current, sayApp, forget },
    ofApp: (app) => [...(apps.get(app) ?? [])],
    ofInstance: (instance) => instances.get(instance) ?? NO_TASKS,
    setFramework(framework) {
      naming = { framework, expose };
    },
  };

  function definitionOf({ app, version, container }: Task): Definition | null {
    return version === null ? null : definitions.find(app, version, container);
  }

  function open(id: string, app: string, born: number): Task | null {
    const known = tasks.get(id);
    if (known !== undefined) {
      known.born = Math.min(known.born, born);
      return known;
    }
    if (tasks.size >= limits.maxTasks) {
      complain("", `more than ${limits.maxTasks} tasks: the others are not registered`);
      return null;
    }
    const task = newTask(id, app, born);
    tasks.set(id, task);
    add(apps, app, task);
    // Not by spreading, which leaves room for sixteen more.
    instances.set(task.instance, instances.get(task.instance)?.concat(task) ?? [task]);
    return task;
  }

  function say(task: Task, changes: Changes, via: string): void {
    if (isMute || (changes === NONE && task.isSaid)) return;
    const definition = definitionOf(task);
    // Its end came before its definition, which now tells that it does not come back.
    if (task.phase === "stopped" && !mayReturn(task, definition)) end(task.id, task.reason, via);
    else sayOf(task, definition, changes, via);
  }

  function sayOf(task: Task, definition: Definition | null, changes: Changes, via: string): void {
    const due = task.isSaid ? changes : ALL;
    // What it refers to has been said with it, unless this is the first time, or all is said again.
    const isNews = (due & ASSIGNED) !== 0 || (definition !== null && !task.isDescribed);
    task.isSaid = true;
    task.isDescribed = definition !== null;
    const contents = taskFacts(task, definition, naming, due);
    emit(isNews ? [...introductions.ofTask(task, definition), ...contents] : contents, via);
    if (isNews && definition !== null) complainOfLabels(definition);
  }

  function current(report: AppReport, via: string): void {
    const before = definitions.app(report.app)?.current ?? [];
    definitions.current(report);
    const now = definitions.app(report.app)?.current ?? [];
    if (isMute || now[0]?.version === before[0]?.version) return;
    emit([...introductions.again(before), ...introductions.of(now)], via);
  }

  function sayApp(app: string, via: string): void {
    if (!isMute) emit(introductions.of(definitions.app(app)?.current ?? []), via);
  }

  function forget(app: string, via: string): void {
    const before = definitions.app(app)?.current ?? [];
    definitions.forget(app);
    if (!isMute) emit(introductions.again(before), via);
  }

  function describe(app: string, via: string): void {
    if (isMute) return;
    for (const task of apps.get(app) ?? [])
      if (!task.isDescribed && definitionOf(task) !== null) say(task, HEALTH, via);
  }

  function end(id: string, reason: string | null, via: string): void {
    const task = tasks.get(id);
    if (task !== undefined) remove(task);
    if (!tombstones.put(id, "ended")) return;
    const gone: Content = { kind: "gone", task: id, reason };
    ends.push(gone);
    if (ends.length > limits.queue / 4) ends = ends.slice(-limits.queue / 8);
    if (!isMute) emit([gone], via);
  }

  function drop(task: Task): void {
    remove(task);
    tombstones.put(task.id, "absent");
  }

  function remove(task: Task): void {
    tasks.delete(task.id);
    cut(apps, task.app, task);
    const others = (instances.get(task.instance) ?? NO_TASKS).filter((other) => other !== task);
    if (others.length > 0) instances.set(task.instance, others);
    else instances.delete(task.instance);
  }

  function reopen(): void {
    isMute = false;
    introductions.reset(naming);
    const used = new Set<Definition | null>([...tasks.values()].map(definitionOf));
    definitions.prune((definition) => used.has(definition));
  }

  function takeEnds(): readonly Content[] {
    const taken = ends;
    ends = [];
    return taken;
  }

  function complainOfLabels({ app, unused }: Definition): void {
    if (unused.length > 0) complain(app, `${app}: labels without a meaning here: ${unused.join(", ")}`);
  }

  function complain(app: string, message: string): void {
    const key = `${app} ${message}`;
    if (complaints.has(key) || complaints.size >= limits.maxDefinitions) return;
    complaints.add(key);
    notice(message);
  }

  function notice(message: string, task?: string): void {
    emit([{ kind: "notice", task: task ?? null, message: `${stamps.source}: ${message}` }], "notice");
  }

  /** One moment for all: they belong together. */
  function emit(contents: readonly Content[], via: string): void {
    if (contents.length === 0) return;
    const stamp = stamps.next(via);
    options.emit(contents.map((content) => stamps.fact(content, stamp)));
  }
}

/** Says everything of a task. */
export function sayAll(held: Held, task: Task, via: string): void {
  held.say(task, ALL, via);
}

function add(index: Map<string, Set<Task>>, key: string, task: Task): void {
  const set = index.get(key);
  if (set === undefined) index.set(key, new Set([task]));
  else set.add(task);
}

function cut(index: Map<string, Set<Task>>, key: string, task: Task): void {
  const set = index.get(key);
  if (set?.delete(task) === true && set.size === 0) index.delete(key);
}
