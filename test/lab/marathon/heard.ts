/** A cluster under test and what it says. */
import { type ClusterOptions, createCluster } from "./cluster.ts";
import type { AppSpec } from "./spec.ts";
import type { MarathonEvent } from "./world.ts";

export const WEB: AppSpec = {
  id: "/shop/web",
  instances: 2,
  container: { docker: { image: "acme/web:1" }, portMappings: [{ containerPort: 8080, hostPort: 0, name: "http" }] },
  networks: [{ mode: "container/bridge" }],
};
export const CHECKED: AppSpec = { ...WEB, healthChecks: [{ protocol: "HTTP" }, { protocol: "TCP" }] };

export function heardCluster(options: ClusterOptions = {}) {
  const cluster = createCluster(options);
  let heard: MarathonEvent[] = [];
  cluster.subscribe((event) => void heard.push(event));
  return {
    cluster,
    /** What was published since the last time. */
    take(eventType?: string): readonly MarathonEvent[] {
      const taken = heard.filter((event) => eventType === undefined || event.eventType === eventType);
      heard = [];
      return taken;
    },
    first: (id = "/shop/web"): string => cluster.tasks(id)[0] ?? "",
    task: (id: string) => cluster.truth().find(({ task }) => task === id),
  };
}
