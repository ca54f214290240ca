import type { Measure } from "./bench.ts";

interface Group {
  /** In one line, for `--list`. */
  readonly what: string;
  load(): Promise<Measure>;
}

/** All groups by name, in the order in which they are run; each in a process of its own. */
export const groups: Readonly<Record<string, Group>> = {
  latency: {
    what: "start and kill of containers -> Consul, real engine and agent, one after another and in bursts",
    load: async () => (await import("./latency.ts")).measureLatency,
  },
  leaving: {
    what: "kill event -> out of Kong, Vulcand and an ALB (fakes that answer at once)",
    load: async () => (await import("./leaving.ts")).measureLeaving,
  },
  marathon: {
    what: "bytes of Marathon's stream and listing -> desired state; memory of 100,000 tasks",
    load: async () => (await import("./marathon.ts")).measureMarathon,
  },
  reconcile: {
    what: "the core's loop with 10,000 instances: one change, none, and how both grow",
    load: async () => (await import("./reconcile.ts")).measureReconcile,
  },
  start: {
    what: "process start -> API answers, -> first registration; memory after it",
    load: async () => (await import("./start.ts")).measureStart,
  },
  size: {
    what: "memory, idle CPU and one change's latency with 1,000 and 10,000 containers",
    load: async () => (await import("./size.ts")).measureSize,
  },
  cluster: {
    what: "100 nodes of 100 tasks on virtual time: calls to each registry at rest and for what is deployed",
    load: async () => (await import("./cluster.ts")).measureCluster,
  },
};
