/** `GET /v1/explain?of=ID|TASK|SERVICE`: the time line of tasks, and why what is not registered is not. */
import type { Context } from "hono";
import { type Reason, reasonsOf, type Surroundings, whyUnexposed } from "../explain/reasons.ts";
import { isRequested, readLabels, toServiceName } from "../labels.ts";
import type { TimelineEntry } from "../timeline.ts";
import type { World } from "../world.ts";
import type { Agent, ApiScope } from "./api.ts";
import { problem } from "./problem.ts";
import { type InstanceView, instanceViews, sourceReport, type TimelineView, timelineView } from "./view.ts";

/** One task: what is known of it, what became of it, and why. */
export interface TaskExplanation {
  readonly task: string;
  /** null for a task that is over, or was never assigned. */
  readonly source: string | null;
  readonly node: string | null;
  readonly services: readonly string[];
  readonly image: string | null;
  readonly version: string | null;
  /** Whether it is over, or was never more than heard of: only the time line is left. */
  readonly isOver: boolean;
  readonly instances: readonly (InstanceView & { readonly reasons: readonly Reason[] })[];
  /** Why it has no instances, if it has none. */
  readonly reasons: readonly Reason[];
  /** What its labels say amiss, where there is no instance to say it. */
  readonly notes: readonly string[];
  readonly timeline: readonly TimelineView[];
}

export interface Explanation {
  readonly of: string;
  /** ISO 8601; now. */
  readonly time: string;
  readonly tasks: readonly TaskExplanation[];
  /** How many more there are than are shown. */
  readonly more: number;
}

interface Found {
  readonly scope: ApiScope;
  readonly task: string;
  /** Only this instance of it; null: all. */
  readonly instance: string | null;
}

const MAX_TASKS = 20;
/** As short as people write container ids. */
const MIN_PREFIX = 6;

export function explain(context: Context, agent: Agent): Response {
  const of = context.req.query("of") ?? "";
  if (of === "") return problem(context, 400, "of: expected the id of an instance or task, or the name of a service");
  const found = find(of, agent.scopes());
  if (found.length === 0) return problem(context, 404, `nothing is known of ${of.slice(0, 200)}${known(agent)}`);
  const isOver = ({ scope, task }: Found) => scope.world.task(task) === null;
  const ordered = [...found.filter((one) => !isOver(one)), ...found.filter(isOver).reverse()];
  const explanation: Explanation = {
    of,
    time: new Date(agent.now()).toISOString(),
    tasks: ordered.slice(0, MAX_TASKS).map((one) => taskExplanation(one, agent)),
    more: Math.max(0, ordered.length - MAX_TASKS),
  };
  return context.json(explanation);
}

function known(agent: Agent): string {
  const services = new Set(agent.scopes().flatMap(({ world }) => [...world.instances()].map(({ service }) => service)));
  const some = [...services].sort((a, b) => (a < b ? -1 : 1)).slice(0, 10);
  if (some.length === 0)
    return "; there are no instances at all: muster status shows whether the sources are connected";
  return `; services are ${some.join(", ")}${services.size > some.length ? ` and ${services.size - some.length} more` : ""}`;
}

/** By instance, by task (or the beginning of its id), by service: the first of these that there is. */
function find(of: string, scopes: readonly ApiScope[]): readonly Found[] {
  for (const look of [byInstance, byTask, byService]) {
    const found = scopes.flatMap((scope) => look(of, scope.world).map((one) => ({ scope, ...one })));
    if (found.length > 0) return found;
  }
  return [];
}

type Match = Omit<Found, "scope">;

function byInstance(of: string, world: World): readonly Match[] {
  const instance = world.instance(of);
  if (instance !== null) return [{ task: instance.task, instance: of }];
  const tasks = tasksWhere(world, (entries) => entries.some(({ state }) => state?.instances.includes(of) === true));
  return tasks.filter((task) => task !== of).map((task) => ({ task, instance: of }));
}

function byTask(of: string, world: World): readonly Match[] {
  const tasks = [...world.timeline.tasks()];
  const exact = tasks.filter((task) => task === of);
  const begin = of.length < MIN_PREFIX ? [] : tasks.filter((task) => task.startsWith(of));
  return (exact.length > 0 ? exact : begin).map((task) => ({ task, instance: null }));
}

function byService(of: string, world: World): readonly Match[] {
  const tasks = tasksWhere(
    world,
    (entries, task) =>
      entries.some(({ state }) => state?.services.includes(of) === true) ||
      (world.instancesOfTask(task).length === 0 && serviceOf(world, task) === of),
  );
  return tasks.map((task) => ({ task, instance: null }));
}

function tasksWhere(world: World, matches: (entries: readonly TimelineEntry[], task: string) => boolean) {
  return [...world.timeline.tasks()].filter((task) => matches(world.timeline.of(task), task));
}

/** The name that its definition gives it; whoever has instances may be called otherwise by its labels. */
function serviceOf(world: World, task: string): string | null {
  const definition = world.task(task)?.definition ?? null;
  return definition === null ? null : toServiceName(definition.name);
}

function taskExplanation({ scope, task, instance }: Found, agent: Agent): TaskExplanation {
  const { world } = scope;
  const record = world.task(task);
  const views = instanceViews(scope, (each) => each.task === task && (instance === null || each.id === instance));
  const around = surroundings(scope, agent, record?.status ?? null);
  const instances = views.map((view) => ({ ...view, reasons: reasonsOf(view, around) }));
  const entries = world.timeline.of(task).toSorted((a, b) => a.at - b.at);
  const named = entries.flatMap(({ state }) => state?.services ?? []);
  const services = new Set([...views.map(({ service }) => service), ...(views.length > 0 ? [] : named)]);
  const defined = serviceOf(world, task);
  if (services.size === 0 && defined !== null) services.add(defined);
  return {
    task,
    source: record?.source ?? null,
    node: record?.assigned.node ?? null,
    services: [...services],
    image: record?.definition?.image ?? null,
    version: record?.definition?.version ?? null,
    isOver: record === null,
    instances,
    ...(instances.length > 0 ? { reasons: [], notes: [] } : unexposed(world, task)),
    timeline: timelineView(entries),
  };
}

function surroundings({ reconcilers }: ApiScope, agent: Agent, status: string | null): Surroundings {
  return {
    sources: agent.sources().map(sourceReport),
    registries: reconcilers.map((one) => one.view()),
    status,
    dryRun: agent.dryRun,
  };
}

/** Why a task has no instances. */
function unexposed(
  world: World,
  task: string,
): { readonly reasons: readonly Reason[]; readonly notes: readonly string[] } {
  const record = world.task(task);
  if (record === null) return { reasons: [], notes: [] };
  const { definition, inherited, status, source } = record;
  const { labels = {}, environment = {}, expose = "published" } = definition ?? {};
  const reader = readLabels({ labels, environment, defaults: inherited?.labels ?? {} });
  const { enable } = reader.task;
  const isUnasked = expose === "labelled" && !reader.requested && !isRequested(reader.task);
  const why = whyUnexposed({
    ...{ isDefined: definition !== null, isStopped: status === "stopped" },
    ...{ enable, isUnasked, source },
  });
  return { reasons: [why], notes: reader.problems };
}
