/** What differs between Marathon's versions, as far as a client can see it (facts/marathon.md; event-fields.json). */
export const MARATHON_VERSIONS = ["0.8", "0.11", "1.1", "1.3", "1.4", "1.5", "1.7", "1.8", "1.10"] as const;
export type MarathonVersion = (typeof MARATHON_VERSIONS)[number];

export interface Traits {
  /** As `/v2/info` tells it. */
  readonly release: string;
  /** `/v2/events` exists (0.9). */
  readonly hasStream: boolean;
  /** `?event_type=` is obeyed (1.3.7). */
  readonly filtersEvents: boolean;
  /** Plans of deployment events without the whole root group. */
  readonly lightPlans: "never" | "on request" | "always";
  /** `plan` in deployment_success and deployment_failed (0.10). */
  readonly plansInResults: boolean;
  /** `reason` in deployment_failed (1.7). */
  readonly failureReasons: boolean;
  /** Key of an action in a plan (1.1.2). */
  readonly actionKey: "type" | "action";
  /** `ipAddresses` in status_update_event. */
  readonly ipAddresses: "never" | "when known" | "always";
  /** Instances, their events, pods and TASK_UNREACHABLE (1.4). */
  readonly hasInstances: boolean;
  /** TASK_STARTING and TASK_KILLING are usual. */
  readonly hasKilling: boolean;
  /** An instance outlives its tasks, and is Scheduled and Provisioned first (1.8). */
  readonly hasIncarnations: boolean;
  /** Task ids of resident apps end in an attempt (1.5 to 1.7). */
  readonly countsResidentAttempts: boolean;
  /** `networks` and `container.portMappings` instead of `container.docker.network` and its mappings (1.5). */
  readonly hasNetworks: boolean;
  /** `gpus` of an app (1.3). */
  readonly hasGpus: boolean;
  /** `portDefinitions` (1.0). */
  readonly hasPortDefinitions: boolean;
  /** `state` of a task (1.2). */
  readonly hasTaskState: boolean;
  /** Empty lists in task and app are written. 1.5 left them out in what was captured of it (marathon15_apps.json). */
  readonly writesEmptyLists: boolean;
  /** A new leader knows results of checks that Mesos runs (1.3.1). */
  readonly restoresMesosHealth: boolean;
  /** Whom failed_health_check_event names, and how. */
  readonly failedCheckNames: "task" | "instance" | "instance as taskId";
  /** Which event tells that an unhealthy task is killed; null before 1.0. */
  readonly unhealthyKill: "unhealthy_task_kill_event" | "unhealthy_instance_kill_event" | null;
  readonly unknownTerminated: "unknown_task_terminated_event" | "unknown_instance_terminated_event" | null;
  /** What a standby does with `/v2/events`; everything else it forwards. */
  readonly standby: "forward" | "redirect";
  /** What becomes of a stream whose reader is too slow. */
  readonly slowReader: "drop" | "close";
  /** Events that a stream holds for a slow reader. */
  readonly streamBuffer: number;
  /** api_post_event on DELETE, with an empty definition. */
  readonly postsDeletes: boolean;
}

const RELEASES: Readonly<Record<MarathonVersion, string>> = {
  "0.8": "0.8.2",
  "0.11": "0.11.1",
  "1.1": "1.1.1",
  "1.3": "1.3.13",
  "1.4": "1.4.9",
  "1.5": "1.5.11",
  "1.7": "1.7.216",
  "1.8": "1.8.222",
  "1.10": "1.10.5",
};

export function traitsOf(version: MarathonVersion): Traits {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const since = (wantedMajor: number, wantedMinor: number): boolean =>
    major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  return {
    release: RELEASES[version],
    hasStream: since(0, 9),
    filtersEvents: since(1, 3),
    plansInResults: since(0, 10),
    failureReasons: since(1, 7),
    actionKey: since(1, 2) ? "action" : "type",
    hasInstances: since(1, 4),
    hasKilling: since(1, 4),
    hasIncarnations: since(1, 8),
    countsResidentAttempts: since(1, 5) && !since(1, 8),
    hasNetworks: since(1, 5),
    hasGpus: since(1, 3),
    hasPortDefinitions: since(1, 0),
    hasTaskState: since(1, 2),
    writesEmptyLists: since(1, 6),
    restoresMesosHealth: since(1, 3),
    standby: since(1, 7) ? "redirect" : "forward",
    slowReader: since(1, 8) ? "close" : "drop",
    streamBuffer: since(1, 5) ? 1024 : 50,
    postsDeletes: !since(0, 9),
    ...eventTraits(since),
  };
}

function eventTraits(
  since: (major: number, minor: number) => boolean,
): Pick<Traits, "lightPlans" | "ipAddresses" | "failedCheckNames" | "unhealthyKill" | "unknownTerminated"> {
  if (since(1, 4)) {
    return {
      lightPlans: lightPlans(since),
      ipAddresses: "always",
      failedCheckNames: since(1, 5) ? "instance as taskId" : "instance",
      unhealthyKill: "unhealthy_instance_kill_event",
      unknownTerminated: "unknown_instance_terminated_event",
    };
  }
  return {
    lightPlans: "never",
    ipAddresses: since(1, 0) ? "when known" : "never",
    failedCheckNames: "task",
    unhealthyKill: since(1, 0) ? "unhealthy_task_kill_event" : null,
    unknownTerminated: since(1, 3) ? "unknown_task_terminated_event" : null,
  };
}

function lightPlans(since: (major: number, minor: number) => boolean): Traits["lightPlans"] {
  if (since(1, 7)) return "always";
  return since(1, 5) ? "on request" : "never";
}
