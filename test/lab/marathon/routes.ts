/** GET, HEAD: which path is answered by what. Pure, over a state that may be an old one. */
import type { Json } from "../../../src/model.ts";
import {
  appAnswer,
  appsAnswer,
  appTasksAnswer,
  embedOf,
  groupAnswer,
  tasksAnswer,
  type View,
  visibleApps,
} from "./app-answers.ts";
import { appJson, podJson } from "./definition-json.ts";
import { isDeleted, podAnswer, podStatusAnswer, podStatusesAnswer, podsAnswer, versionsAnswer } from "./pod-answers.ts";
import { deploymentsAnswer, infoAnswer } from "./system-answers.ts";

export interface Answer {
  readonly status: number;
  readonly body: Json;
}

export interface Reading extends View {
  /** What lists are made of: as `state`, or less. */
  readonly listed: View["state"];
  /** `host:port`; null: nobody leads. */
  readonly leader: string | null;
}

type Route = readonly [
  pattern: RegExp,
  answer: (reading: Reading, match: readonly string[], query: URLSearchParams) => Answer,
];

const ID = "(/[a-z0-9./-]+?)";

const ROUTES: readonly Route[] = [
  [/^\/v2\/info$/, (reading) => found(infoAnswer(reading, reading.leader, true))],
  [/^\/v2\/leader$/, ({ leader }) => (leader === null ? missing("There is no leader") : found({ leader }))],
  [/^\/v2\/deployments$/, (reading) => found(deploymentsAnswer(reading))],
  [/^\/v2\/apps$/, apps],
  [
    /^\/v2\/tasks$/,
    (reading, _, query) =>
      found(tasksAnswer(listing(reading), new Set([...query.getAll("status"), ...query.getAll("status[]")]))),
  ],
  [route(`/v2/apps${ID}/tasks`), (reading, [id = ""]) => orMissing(appTasksAnswer(reading, id), app(id))],
  [route(`/v2/apps${ID}/versions`), (reading, [id = ""]) => versions(reading, id)],
  [route(`/v2/apps${ID}/versions/([^/]+)`), (reading, [id = "", version = ""]) => appVersion(reading, id, version)],
  [
    route(`/v2/apps${ID}`),
    (reading, [id = ""], query) => orMissing(appAnswer(reading, id, embedOf(query.getAll("embed"))), app(id)),
  ],
  [
    route(`/v2/groups${ID}?`),
    (reading, [id], query) => {
      const embed = embedOf(query.getAll("embed"));
      return orMissing(groupAnswer(listing(reading), id ?? "/", embed), `Group '${id}' does not exist`);
    },
  ],
];

const POD_ROUTES: readonly Route[] = [
  [/^\/v2\/pods$/, (reading) => found(podsAnswer(listing(reading)))],
  [/^\/v2\/pods\/?::status$/, (reading) => found(podStatusesAnswer(listing(reading)))],
  [route(`/v2/pods${ID}::status`), (reading, [id = ""]) => orMissing(podStatusAnswer(reading, id), pod(id))],
  [route(`/v2/pods${ID}::versions`), (reading, [id = ""]) => orMissing(versionsAnswer(reading, id, "pod"), pod(id))],
  [route(`/v2/pods${ID}::versions/([^/]+)`), (reading, [id = "", version = ""]) => podVersion(reading, id, version)],
  [route(`/v2/pods${ID}`), (reading, [id = ""]) => orMissing(podAnswer(reading, id), pod(id))],
];

/** @param path without prefix and query, decoded */
export function read(reading: Reading, path: string, query: URLSearchParams): Answer {
  const routes = reading.traits.hasInstances ? [...ROUTES, ...POD_ROUTES] : ROUTES;
  for (const [pattern, answer] of routes) {
    const match = pattern.exec(path);
    if (match !== null) return answer(reading, match.slice(1), query);
  }
  return missing(`HTTP 404 Not Found`);
}

function route(pattern: string): RegExp {
  return new RegExp(`^${pattern}/?$`);
}

function app(id: string): string {
  return `App '${id}' does not exist`;
}

function pod(id: string): string {
  return `Pod '${id}' does not exist`;
}

function found(body: Json): Answer {
  return { status: 200, body };
}

function missing(message: string): Answer {
  return { status: 404, body: { message } };
}

function orMissing(body: Json | undefined, message: string): Answer {
  return body === undefined ? missing(message) : found(body);
}

function listing({ traits, listed }: Reading): View {
  return { traits, state: listed };
}

/** Filters: `id` and `cmd` by part, `label` by `key` or `key==value`. */
function apps(reading: Reading, _: readonly string[], query: URLSearchParams): Answer {
  const [id, cmd, label] = [query.get("id"), query.get("cmd"), query.get("label")];
  const wanted = visibleApps(reading.listed).filter(([spec, { spec: posted }]) => {
    const [key = "", value] = (label ?? "").split("==");
    return (
      (id === null || spec.id.includes(id)) &&
      (cmd === null || String(posted["cmd"] ?? "").includes(cmd)) &&
      (label === null || (value === undefined ? key in (posted.labels ?? {}) : posted.labels?.[key] === value))
    );
  });
  const specs = new Map(wanted.map(([spec]) => [spec.id, spec]));
  return found(
    appsAnswer({ traits: reading.traits, state: { ...reading.listed, specs } }, embedOf(query.getAll("embed"))),
  );
}

function versions(reading: Reading, id: string): Answer {
  const list = versionsAnswer(reading, id, "app");
  return orMissing(list && { versions: list }, app(id));
}

/** Answers as soon as the version is stored, which is before `/v2/apps/{id}` shows it; no more when the app is deleted. */
function appVersion({ traits, state }: Reading, id: string, version: string): Answer {
  const spec = state.specs.get(id);
  if (spec === undefined || isDeleted(spec)) return missing(app(id));
  const definition = spec.versions.get(version);
  if (definition?.kind !== "app") return missing(`${app(id)} in version ${version}`);
  return found(appJson(traits, definition));
}

function podVersion({ state }: Reading, id: string, version: string): Answer {
  const definition = state.specs.get(id)?.versions.get(version);
  return definition?.kind === "pod" ? found(podJson(definition)) : missing(`${pod(id)} in version ${version}`);
}
