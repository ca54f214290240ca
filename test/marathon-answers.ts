/** A simulated Marathon's REST answers as the source's client understands them, without HTTP and at once. */
import { readAppAnswer, readApps, readDefinition } from "../adapters/sources/marathon/apps.ts";
import type { Subject } from "../adapters/sources/marathon/asks.ts";
import { readPodSpec, readPodStatus, readPodStatuses } from "../adapters/sources/marathon/pods.ts";
import type { AppReport, Definition, Listing } from "../adapters/sources/marathon/shapes.ts";
import type { Cluster } from "./lab/marathon/cluster.ts";
import { read } from "./lab/marathon/routes.ts";

export interface MarathonAnswers {
  /** @param withTasks default true */
  apps(withTasks?: boolean): Listing;
  /** null: this Marathon has no pods. */
  pods(): Listing | null;
  /** null: it does not exist. */
  app(subject: Subject): AppReport | null;
  /** null: not known there. */
  definition(subject: Subject, version: string): readonly Definition[] | null;
  /** GETs so far. */
  gets(): number;
}

const WITH_TASKS = "embed=apps.tasks&embed=apps.deployments&embed=apps.readiness";

export function marathonAnswers(cluster: Cluster): MarathonAnswers {
  let gets = 0;
  return {
    gets: () => gets,
    apps: (withTasks = true) => understood(readApps(get("/v2/apps", withTasks ? WITH_TASKS : ""))),
    pods: () => (cluster.traits.hasInstances ? understood(readPodStatuses(get("/v2/pods/::status"))) : null),
    app({ app, isPod }) {
      const body = isPod ? get(`/v2/pods${app}::status`) : get(`/v2/apps${app}`, "embed=app.tasks&embed=app.readiness");
      if (body === null) return null;
      return understood(isPod ? readPodStatus(body) : readAppAnswer(body));
    },
    definition({ app, isPod }, version) {
      const body = get(isPod ? `/v2/pods${app}::versions/${version}` : `/v2/apps${app}/versions/${version}`);
      if (body === null) return null;
      const one = isPod ? null : readDefinition(body);
      const definitions = isPod ? readPodSpec(body) : one === null ? [] : [one];
      return definitions.map((each) => ({ ...each, app, version }));
    },
  };

  /** @returns a copy, as everything that comes over a wire; null for 404 */
  function get(path: string, query = ""): Record<string, unknown> | null {
    gets += 1;
    const { traits, state } = cluster;
    const { status, body } = read({ traits, state, listed: state, leader: null }, path, new URLSearchParams(query));
    return status === 404 ? null : JSON.parse(JSON.stringify(body));
  }
}

function understood<T>(answer: T | null): T {
  if (answer === null) throw new Error("the simulator's answer is not understood");
  return answer;
}
