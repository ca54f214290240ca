/**
 * App, task and instance ids (facts/marathon.md, Ids). In task ids `_` stands for the `/` of the app id, in which it can't
 * occur; an app id may hold dots, so that the app id itself, where it is known, tells best where it ends. Pure.
 */

export interface TaskName {
  /** Instance id; one instance lives through many tasks from Marathon 1.8 on. */
  readonly instance: string;
  /** Name of the container, for pods; null for apps. */
  readonly container: string | null;
  /** 1 for the first task of an instance. */
  readonly incarnation: number;
  /** Whether the id says which of several attempts it is: a resident task up to 1.4 is started again under its old id. */
  readonly numbered: boolean;
}

/** The container part of an app's task, from 1.8 on. */
const APP_CONTAINERS = new Set(["_app", "$anon"]);

/** `<instance>.<container>[.<n>]`: pods from 1.4 on, apps from 1.8 on. */
const OF_INSTANCE = /^(instance-|marathon-)([^_.]+)[._]([^.]+)(?:\.(\d+))?$/;
/** `<uuid>[.<n>]`: apps up to 1.7. */
const LEGACY = /^([^_.]+)(?:\.(\d+))?$/;

/** Where the app id ends, for those who don't know it: the surest form first. */
const FORMS = [
  /^(.+)\.((?:instance-|marathon-)[^_.]+[._][^.]+(?:\.\d+)?)$/,
  /^(.+)[._]([0-9a-f]{8}-[0-9a-f-]{27}(?:\.\d+)?)$/,
  /^(.+)[._]([^_.]+)$/,
];

/** Reads a task id. Any text gives something usable: an id of an unknown form is an instance of its own. */
export function readTaskId(task: string, app: string): TaskName {
  const prefix = prefixOf(app);
  if (task.startsWith(`${prefix}.`)) {
    const known = readTail(prefix, task.slice(prefix.length + 1));
    if (known !== null) return known;
  }
  const split = FORMS.map((form) => form.exec(task)).find((match) => match !== null) ?? null;
  const guessed = split === null ? null : readTail(split[1] ?? "", split[2] ?? "");
  return guessed ?? { instance: task, container: null, incarnation: 1, numbered: false };
}

function readTail(prefix: string, tail: string): TaskName | null {
  const named = OF_INSTANCE.exec(tail);
  if (named !== null) {
    const [, kind = "", uuid = "", container = "", n] = named;
    return {
      instance: `${prefix}.${kind}${uuid}`,
      container: APP_CONTAINERS.has(container) ? null : container,
      incarnation: Number(n ?? 1),
      numbered: n !== undefined,
    };
  }
  const legacy = LEGACY.exec(tail);
  if (legacy === null) return null;
  const [, uuid = "", n] = legacy;
  return {
    instance: `${prefix}.marathon-${uuid}`,
    container: null,
    incarnation: Number(n ?? 1),
    numbered: n !== undefined,
  };
}

function prefixOf(app: string): string {
  return app.replace(/^\//, "").replaceAll("/", "_");
}

/** Always with the leading slash, which some answers lack. */
export function appId(id: string): string {
  return id.startsWith("/") ? id : `/${id}`;
}

/** `/shop/web` → `shop-web`: the default service name. Different ids may give one name, which the core reports. */
export function defaultName(app: string): string {
  return app.split("/").filter(Boolean).join("-");
}

/** For a path: segments encoded one by one. */
export function encodeAppId(app: string): string {
  return app.split("/").map(encodeURIComponent).join("/");
}
