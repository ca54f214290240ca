/** Apps and tasks as REST shows them (facts/marathon.md §3). Pure, over a state that may be an old one. */
import type { Json } from "../../../src/model.ts";
import type { AppDefinition } from "./definition.ts";
import { appJson, type JsonObject } from "./definition-json.ts";
import { addressesJson, taskStatus } from "./events.ts";
import { findGroup, groupJson, groupTree } from "./groups.ts";
import type { CheckResult, Instance, RunSpec, State, Task } from "./state.ts";
import type { Traits } from "./versions.ts";

export interface View {
  readonly traits: Traits;
  readonly state: State;
}

/** What `embed` asks for; prefixes such as `group.apps.` and `apps.` are understood and make no difference. */
export type Embed = ReadonlySet<string>;

export function embedOf(values: readonly string[]): Embed {
  return new Set(values.map((value) => value.replace(/^(group\.)?(apps?\.)?/, "")));
}

/** Apps that `/v2/apps` shows. */
export function visibleApps(state: State): readonly (readonly [RunSpec, AppDefinition])[] {
  return [...state.specs.values()].flatMap((spec) =>
    spec.visible?.kind === "app" ? [[spec, spec.visible] as const] : [],
  );
}

/** `GET /v2/apps`: counts and deployments always, tasks only on demand. */
export function appsAnswer(view: View, embed: Embed): { readonly apps: readonly JsonObject[] } {
  const always = new Set([...embed, "counts", "deployments"]);
  return { apps: visibleApps(view.state).map(([spec, app]) => appInfo(view, spec, app, always)) };
}

/** `GET /v2/apps/{id}`; undefined: there is none. */
export function appAnswer(view: View, id: string, embed: Embed): JsonObject | undefined {
  const spec = view.state.specs.get(id);
  if (spec?.visible?.kind !== "app") return undefined;
  const always = new Set([...embed, "counts", "deployments", "tasks", "lastTaskFailure"]);
  return { app: appInfo(view, spec, spec.visible, always) };
}

function appInfo(view: View, spec: RunSpec, app: AppDefinition, embed: Embed): JsonObject {
  const instances = [...spec.instances.values()];
  const deployments = view.state.deployments.filter(({ steps }) =>
    steps.some((actions) => actions.some(({ id }) => id === spec.id)),
  );
  return {
    ...appJson(view.traits, app),
    ...(embed.has("counts") ? counts(instances) : {}),
    ...(embed.has("deployments") ? { deployments: deployments.map(({ id }) => ({ id })) } : {}),
    ...(embed.has("readiness") ? { readinessCheckResults: readiness(app, instances, deployments.length > 0) } : {}),
    ...(embed.has("tasks") ? { tasks: instances.flatMap((instance) => tasksOf(view, instance)) } : {}),
    ...(embed.has("lastTaskFailure") && spec.lastFailure !== null ? { lastTaskFailure: { ...spec.lastFailure } } : {}),
  };
}

function counts(instances: readonly Instance[]): JsonObject {
  const tasks = instances.flatMap((instance) => instance.tasks);
  const isStaged = ({ condition }: Task) => ["Created", "Provisioned", "Staging", "Starting"].includes(condition);
  const isFailing = ({ results }: Task) => results.some((result) => result?.alive === false);
  const isPassing = ({ results }: Task) => results.length > 0 && results.every((result) => result?.alive);
  const running = tasks.filter(({ condition }) => condition === "Running");
  return {
    tasksStaged: tasks.filter(isStaged).length,
    tasksRunning: running.length,
    tasksHealthy: running.filter(isPassing).length,
    tasksUnhealthy: running.filter(isFailing).length,
  };
}

/** Only during deployments, and not before the first answer of a check. */
function readiness(app: AppDefinition, instances: readonly Instance[], isDeploying: boolean): Json {
  if (!isDeploying || !app.hasReadiness) return [];
  const name = app.spec.readinessChecks?.[0]?.name ?? "readinessCheck";
  return instances.flatMap(({ tasks }) =>
    tasks.flatMap(({ id, ready }) =>
      ready === null
        ? []
        : [
            {
              name,
              taskId: id,
              ready,
              lastResponse: { status: ready ? 200 : 500, contentType: "application/json", body: "{}" },
            },
          ],
    ),
  );
}

/** Tasks of an app's instance; one that waits for an agent has none. */
export function tasksOf(view: View, instance: Instance): readonly JsonObject[] {
  return instance.tasks.map((task) => taskJson(view.traits, instance, task));
}

function taskJson(traits: Traits, instance: Instance, task: Task): JsonObject {
  const { definition, agent, specId } = instance;
  const results = task.results.flatMap((result) =>
    result === null ? [] : [resultJson(traits, instance, task, result)],
  );
  const list = (key: string, values: readonly Json[]): JsonObject =>
    values.length > 0 || traits.writesEmptyLists ? { [key]: values } : {};
  return {
    id: task.id,
    appId: specId,
    host: agent?.host ?? "unknown",
    slaveId: agent?.id ?? "",
    ports: task.hostPorts,
    ...(traits.ipAddresses === "never"
      ? {}
      : list("ipAddresses", addressesJson(task.shownAddresses) as readonly Json[])),
    stagedAt: task.stagedAt,
    ...(task.startedAt === null ? {} : { startedAt: task.startedAt }),
    version: definition.version,
    ...(traits.hasTaskState ? { state: taskStatus({ traits }, task.condition) } : {}),
    ...list("healthCheckResults", results),
    ...list("localVolumes", volumesJson(instance)),
    ...(traits.writesEmptyLists ? { servicePorts: [], region: "default", zone: "a", role: "*" } : {}),
  };
}

function resultJson(traits: Traits, instance: Instance, task: Task, result: CheckResult): JsonObject {
  const { lastFailureCause, ...times } = result;
  return {
    ...times,
    ...(lastFailureCause === null ? {} : { lastFailureCause }),
    ...(traits.hasInstances ? { instanceId: instance.id } : { taskId: task.id }),
  };
}

function volumesJson({ definition, uuid, specId }: Instance): readonly Json[] {
  if (!definition.isResident || definition.kind === "pod") return [];
  const volumes = definition.spec.container?.volumes ?? [];
  return volumes.map(({ ["containerPath"]: path }) => ({
    containerPath: String(path ?? "data"),
    persistenceId: `${specId.slice(1).replaceAll("/", "_")}#${String(path ?? "data")}#${uuid}`,
  }));
}

/** `GET /v2/apps/{id}/tasks`; undefined: there is no such app. */
export function appTasksAnswer(view: View, id: string): JsonObject | undefined {
  const spec = view.state.specs.get(id);
  if (spec?.visible?.kind !== "app") return undefined;
  return { tasks: [...spec.instances.values()].flatMap((instance) => tasksOf(view, instance)) };
}

/**
 * `GET /v2/tasks`, pods' tasks left out. Its service ports are those of the *current* definition, not of the task's own
 * (facts/marathon.md, fact 5).
 */
export function tasksAnswer(view: View, statuses: ReadonlySet<string>): { readonly tasks: readonly JsonObject[] } {
  const tasks = [...view.state.specs.values()].flatMap(({ instances, visible }) =>
    [...instances.values()]
      .filter(({ definition, condition }) => definition.kind === "app" && isWanted(statuses, condition))
      .flatMap((instance) => tasksOf(view, instance))
      .map((task) => ({
        ...task,
        servicePorts: visible?.containers[0]?.ports.flatMap(({ servicePort }) => servicePort ?? []) ?? [],
      })),
  );
  return { tasks };
}

function isWanted(statuses: ReadonlySet<string>, condition: Instance["condition"]): boolean {
  if (statuses.size === 0) return true;
  return statuses.has(condition === "Running" ? "running" : "staging");
}

/** `GET /v2/groups[/{id}]`; undefined: there is none. */
export function groupAnswer(view: View, id: string, embed: Embed): JsonObject | undefined {
  const { specs, rootVersion } = view.state;
  const shown = [...specs.values()].flatMap(({ visible }) => (visible === null ? [] : [visible]));
  const group = findGroup(groupTree(shown, rootVersion), id);
  if (group === null) return undefined;
  return groupJson(view.traits, group, (app) => {
    const spec = specs.get(app.id);
    return spec === undefined ? {} : appInfo(view, spec, app, embed);
  });
}
