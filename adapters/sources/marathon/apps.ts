/** An app as Marathon's answers and `api_post_event` have it → definition and tasks. Pure. */
import { declaredPorts } from "./declarations.ts";
import { type Fields, fieldsOf, flag, inner, list, objects, text, texts, version } from "./fields.ts";
import { appId, defaultName } from "./ids.ts";
import { appLabels, unusedLabels } from "./labels.ts";
import type { AppReport, Definition, Listing, TaskReport } from "./shapes.ts";
import { readTask } from "./tasks.ts";

/** @returns null if it has no id */
export function readApp(json: unknown): AppReport | null {
  const app = fieldsOf(json);
  const id = app === null ? null : text(app, "id");
  if (app === null || id === null) return null;
  const definition = readDefinition(app);
  const configSince = version(inner(app, "versionInfo"), "lastConfigChangeAt");
  return {
    app: appId(id),
    definitions: definition === null ? [] : [definition],
    version: definition?.version ?? null,
    configSince: configSince ?? definition?.version ?? null,
    tasks: Array.isArray(app["tasks"]) ? readTasks(app) : null,
  };
}

/** `{ app: … }`, as GET /v2/apps/{id} answers. */
export function readAppAnswer(json: unknown): AppReport | null {
  return readApp(fieldsOf(json)?.["app"]);
}

/** `{ apps: […] }`; null if it is not that. One app that can't be read does not hinder the others. */
export function readApps(json: unknown): Listing | null {
  const apps = fieldsOf(json)?.["apps"];
  if (!Array.isArray(apps)) return null;
  const reports = apps.map((app: unknown) => readApp(app));
  const read = reports.filter((report) => report !== null);
  const unreadable = read.filter(({ version: known }) => known === null).map(({ app }) => app);
  return { apps: read, unreadable, isPartial: read.length < apps.length };
}

/** @returns null without an id or a version: a definition is only known by those */
export function readDefinition(app: Fields): Definition | null {
  const id = text(app, "id");
  const of = version(app, "version");
  if (id === null || of === null) return null;
  const labels = texts(app, "labels");
  const { ports, isUnassigned } = declaredPorts(app);
  return {
    app: appId(id),
    container: null,
    version: of,
    name: defaultName(id),
    image: imageOf(app),
    labels: appLabels(labels),
    ports,
    healthChecks: list(app, "healthChecks").length,
    readiness: list(app, "readinessChecks").length > 0,
    resident: fieldsOf(app["residency"]) !== null,
    isUnassigned,
    unused: unusedLabels(labels, ports.length),
  };
}

function imageOf(app: Fields): string | null {
  const container = inner(app, "container");
  return text(inner(container, "docker"), "image") ?? text(inner(container, "appc"), "image");
}

function readTasks(app: Fields): readonly TaskReport[] {
  const id = appId(text(app, "id") ?? "");
  const readyOf = readinessOf(app);
  return objects(app, "tasks").flatMap((task) => readTask(task, id, readyOf) ?? []);
}

/**
 * Readiness results are there only while a deployment runs, and for a short while after a task's start not even then
 * (facts/marathon.md §3): a new task without a result is not known to be ready.
 */
function readinessOf(app: Fields): (task: Fields) => boolean | null {
  if (list(app, "readinessChecks").length === 0 || list(app, "deployments").length === 0) return () => true;
  const results = objects(app, "readinessCheckResults");
  const current = text(app, "version");
  return (task) => {
    const own = results.filter((result) => text(result, "taskId") === text(task, "id"));
    if (own.length > 0) return own.every((result) => flag(result, "ready") === true);
    return text(task, "version") === current ? null : true;
  };
}
