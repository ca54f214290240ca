/** A task as Marathon's answers have it. Pure. */
import {
  addresses,
  common,
  type Fields,
  flag,
  host,
  integer,
  list,
  objects,
  ports,
  text,
  time,
  version,
} from "./fields.ts";
import { appId } from "./ids.ts";
import type { TaskReport } from "./shapes.ts";
import { standingOf } from "./status.ts";

/**
 * @param app whose task it is, where it does not say so itself
 * @returns null if it has no id
 */
export function readTask(task: Fields, app: string, readyOf: (task: Fields) => boolean | null): TaskReport | null {
  const id = text(task, "id");
  if (id === null) return null;
  return {
    id,
    // Abridged or hand-made answers may name another app; the one that lists it is right.
    app: app === "" ? appId(text(task, "appId") ?? "") : app,
    version: version(task, "version"),
    host: host(task, "host"),
    agent: common(task, "slaveId") ?? common(task, "agentId"),
    ports: ports(list(task, "ports")).map((port) => ({ name: null, port })),
    addresses: addresses(task, "ipAddresses"),
    standing: standingIn(task),
    isGuess: text(task, "state") === null,
    ...resultsOf(objects(task, "healthCheckResults")),
    ready: readyOf(task),
    staged: time(task, "stagedAt"),
  };
}

/** Up to 1.1 there is no state, but a task that has started runs. */
function standingIn(task: Fields): TaskReport["standing"] {
  const state = text(task, "state");
  if (state !== null) return standingOf(state);
  return text(task, "startedAt") === null ? "staging" : "running";
}

function resultsOf(results: readonly Fields[]): Pick<TaskReport, "alive" | "dead"> {
  const told = results.filter((result) => !isBlank(result));
  const alive = told.filter((result) => flag(result, "alive") === true).length;
  return { alive, dead: told.filter((result) => flag(result, "alive") === false).length };
}

/** A check that has not run yet is "not alive" without a success or a failure: that is not known, not false. */
function isBlank(result: Fields): boolean {
  if (flag(result, "alive") !== false || integer(result, "consecutiveFailures") !== 0) return false;
  return text(result, "lastSuccess") === null && text(result, "lastFailure") === null;
}
