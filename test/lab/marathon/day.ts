/** A day in the life of a cluster in which nearly everything happens once: for tests of shapes and of determinism. */
import { type Cluster, type ClusterOptions, createCluster } from "./cluster.ts";
import type { MarathonEvent } from "./world.ts";

const HTTP = { protocol: "HTTP", path: "/health", portIndex: 0, gracePeriodSeconds: 5, intervalSeconds: 10 };
const MESOS = { protocol: "MESOS_HTTP", path: "/health", portIndex: 0 };

/** @returns the cluster as it is in the evening, and all that it said */
export function aDay(options: ClusterOptions): {
  readonly cluster: Cluster;
  readonly events: readonly MarathonEvent[];
} {
  const cluster = createCluster(options);
  const events: MarathonEvent[] = [];
  cluster.subscribe((event) => void events.push(event));
  const first = (id: string): string => cluster.tasks(id)[0] ?? "";

  cluster.deploy({
    id: "/shop/web",
    instances: 3,
    labels: { HAPROXY_GROUP: "external" },
    container: {
      type: "DOCKER",
      docker: { image: "acme/web:1" },
      portMappings: [{ containerPort: 8080, hostPort: 0, name: "http", labels: { VIP_0: "web:80" } }],
    },
    networks: [{ mode: "container/bridge" }],
    healthChecks: [HTTP, MESOS],
  });
  cluster.deploy({ id: "/shop/worker", instances: 2, cmd: "work", portDefinitions: [{ port: 0, name: "admin" }] });
  cluster.group({ id: "/tools", apps: [{ id: "log" }], groups: [{ id: "ci", apps: [{ id: "runner" }] }] });
  cluster.tick(60_000);
  cluster.scale("/shop/web", 4);
  cluster.tick(60_000);
  cluster.restart("/shop/web");
  cluster.tick(60_000);
  cluster.update("/shop/worker", { labels: { owner: "zeus" } });
  cluster.tick(60_000);
  cluster.setHealth(first("/shop/web"), 0, false);
  cluster.killUnhealthy(first("/shop/web"));
  cluster.tick(60_000);
  cluster.crash(first("/shop/worker"));
  cluster.killTask(first("/tools/log"));
  cluster.tick(60_000);
  const lost = first("/shop/web");
  cluster.unreachable(lost);
  cluster.tick(900_000);
  cluster.reachable(lost);
  cluster.failover();
  cluster.tick(60_000);
  // One deployment overtakes another.
  cluster.restart("/shop/web");
  cluster.rollback("/shop/web");
  cluster.tick(60_000);
  cluster.destroy("/tools/log");
  cluster.tick(60_000);
  if (cluster.traits.hasInstances) podsOf(cluster);
  return { cluster, events };
}

function podsOf(cluster: Cluster): void {
  cluster.createPod({
    id: "/shop/pod",
    networks: [{ mode: "container", name: "dcos" }],
    scaling: { kind: "fixed", instances: 2 },
    containers: [
      {
        name: "frontend",
        endpoints: [
          { name: "internal", containerPort: 9000 },
          { name: "web", containerPort: 80, hostPort: 0, protocol: ["tcp"] },
        ],
        healthCheck: { http: { endpoint: "web", path: "/" } },
      },
      { name: "sidecar" },
    ],
  });
  cluster.tick(60_000);
  cluster.crash(cluster.tasks("/shop/pod")[0] ?? "");
  cluster.tick(60_000);
  cluster.updatePod("/shop/pod", { labels: { owner: "hera" } });
  cluster.tick(60_000);
  cluster.createPod({ id: "/shop/short", containers: [{ name: "only" }] });
  cluster.tick(60_000);
  cluster.destroy("/shop/short");
  cluster.tick(60_000);
}
