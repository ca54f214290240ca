/** What REST says of Marathon itself: info, leader, deployments. Pure. */
import type { View } from "./app-answers.ts";
import { actionJson, type JsonObject } from "./definition-json.ts";

export function infoAnswer({ traits, state }: View, leader: string | null, isElected: boolean): JsonObject {
  return {
    name: "marathon",
    version: traits.release,
    buildref: "unknown",
    elected: isElected,
    ...(leader === null ? {} : { leader }),
    frameworkId: state.frameworkId,
    marathon_config: {
      checkpoint: true,
      failover_timeout: 604_800,
      framework_name: "marathon",
      ha: true,
      hostname: "localhost",
      leader_proxy_connection_timeout_ms: 5000,
      leader_proxy_read_timeout_ms: 10_000,
      local_port_max: 20_000,
      local_port_min: 10_000,
      master: "zk://localhost:2181/mesos",
      mesos_leader_ui_url: "http://localhost:5050/",
      reconciliation_initial_delay: 15_000,
      reconciliation_interval: 600_000,
    },
    zookeeper_config: { zk: "zk://localhost:2181/marathon", zk_max_versions: 50, zk_timeout: 10_000 },
    http_config: { http_port: 8080, https_port: 8443 },
  };
}

export function deploymentsAnswer({ traits, state }: View): readonly JsonObject[] {
  return state.deployments.map(({ id, version, steps, step }) => {
    const actions = steps.flat();
    const affected = (kind: "app" | "pod") => [
      ...new Set(actions.filter((action) => action.kind === kind).map((action) => action.id)),
    ];
    return {
      id,
      version,
      affectedApps: affected("app"),
      ...(traits.hasInstances ? { affectedPods: affected("pod") } : {}),
      steps: steps.map((ofStep) => ({ actions: ofStep.map((action) => actionJson(traits.actionKey, action)) })),
      currentActions: (steps[step] ?? []).map((action) => ({
        ...actionJson("action", action),
        readinessCheckResults: [],
      })),
      currentStep: step + 1,
      totalSteps: steps.length,
    };
  });
}
