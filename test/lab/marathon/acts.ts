/** Random acts on a cluster, for property tests: whatever people, tasks and networks may do next. */
import type { Cluster } from "./cluster.ts";
import { createRandom, type Random } from "./random.ts";
import type { AppSpec, PodSpec } from "./spec.ts";

/** Without id: every network mode, several ports, udp, checks or none. */
const APPS: readonly Omit<AppSpec, "id">[] = [
  { instances: 2 },
  {
    instances: 1,
    portDefinitions: [
      { port: 0, name: "http" },
      { port: 0, name: "admin", labels: { VIP_0: "a:1" } },
    ],
  },
  {
    instances: 3,
    networks: [{ mode: "container/bridge" }],
    container: {
      docker: { image: "web" },
      portMappings: [{ containerPort: 8080 }, { containerPort: 53, protocol: "udp,tcp" }],
    },
    healthChecks: [{ protocol: "HTTP" }, { protocol: "TCP", portIndex: 1 }],
  },
  {
    instances: 2,
    networks: [{ mode: "container", name: "dcos" }],
    container: {
      portMappings: [
        { containerPort: 9000, name: "own" },
        { containerPort: 80, hostPort: 0, name: "published" },
      ],
    },
    healthChecks: [{ protocol: "MESOS_HTTP" }],
  },
  { instances: 1, portDefinitions: [], upgradeStrategy: { minimumHealthCapacity: 0, maximumOverCapacity: 0 } },
  { instances: 1, residency: {}, unreachableStrategy: "disabled", labels: { muster: "resident" } },
];

const POD = {
  networks: [{ mode: "container" }],
  scaling: { instances: 2 },
  containers: [
    {
      name: "front",
      endpoints: [{ name: "web", containerPort: 80, hostPort: 0 }],
      healthCheck: { http: { path: "/" } },
    },
    { name: "back", endpoints: [{ name: "rpc", containerPort: 90 }] },
  ],
} satisfies Omit<PodSpec, "id">;

const MAX_SPECS = 8;

type Act = readonly [name: string, act: (actor: Actor) => void];

interface Actor {
  readonly cluster: Cluster;
  readonly random: Random;
  /** One of what there is; throws `NOTHING` where there is nothing. */
  pick<T>(items: readonly T[]): T;
  app(): string;
  task(isWanted?: (task: ReturnType<Cluster["truth"]>[number]) => boolean): string;
}

/** Nothing to do it to: another act is chosen. */
const NOTHING = new Error("nothing of the kind is there");

const ACTS: readonly Act[] = [
  ["deploy", create],
  ["deploy", create],
  ["scale", ({ cluster, random, app }) => void cluster.scale(app(), random.below(4))],
  ["restart", ({ cluster, app }) => void cluster.restart(app())],
  [
    "update",
    ({ cluster, random, app }) => void cluster.update(app(), { labels: { change: String(random.below(100)) } }),
  ],
  ["destroy", ({ cluster, app }) => void cluster.destroy(app())],
  ["kill", ({ cluster, task }) => cluster.killTask(task())],
  ["crash", ({ cluster, random, task }) => cluster.crash(task(canEnd), random.chance(0.5) ? "Failed" : "Gone")],
  ["crash", ({ cluster, task }) => cluster.crash(task(canEnd))],
  ["unreachable", ({ cluster, task }) => cluster.unreachable(task(({ running }) => running))],
  ["reachable", ({ cluster, task }) => cluster.reachable(task(({ condition }) => condition.startsWith("Unreach")))],
  ["health", health],
  ["health", health],
  ["tick", ({ cluster, random }) => cluster.tick(random.below(60_000))],
  ["failover", ({ cluster, random }) => cluster.failover({ skewMs: random.below(2000) - 1000 })],
];

function canEnd({ condition }: { readonly condition: string }): boolean {
  return condition === "Running" || condition === "Starting" || condition === "Staging";
}

function create({ cluster, random, pick }: Actor): void {
  if (cluster.state.specs.size >= MAX_SPECS) throw NOTHING;
  const id = `/${pick(["a", "a/b", "c-d"])}/app-${random.below(1000)}`;
  if (cluster.state.specs.has(id)) throw NOTHING;
  if (cluster.traits.hasInstances && random.chance(0.15)) cluster.createPod({ id, ...POD });
  else cluster.deploy({ id, ...pick(APPS) });
}

function health({ cluster, random, task }: Actor): void {
  const checked = (id: string): number =>
    [...cluster.state.specs.values()]
      .flatMap(({ instances }) => [...instances.values()].flatMap((instance) => instance.tasks))
      .find((each) => each.id === id)?.results.length ?? 0;
  const id = task((each) => each.running && checked(each.task) > 0);
  cluster.setHealth(id, random.below(checked(id)), random.chance(0.5));
}

/**
 * Does `count` random acts, the same for the same seed and cluster.
 * @returns their names, for the trace of a failure
 */
export function actAtRandom(cluster: Cluster, seed: number, count: number): readonly string[] {
  const random = createRandom(seed);
  const actor: Actor = {
    cluster,
    random,
    pick(items) {
      const item = items[random.below(items.length)];
      if (item === undefined) throw NOTHING;
      return item;
    },
    app() {
      const apps = [...cluster.state.specs.values()].filter(({ target }) => target?.kind === "app");
      return actor.pick(apps).id;
    },
    task: (isWanted = () => true) => actor.pick(cluster.truth().filter(isWanted)).task,
  };
  const done: string[] = [];
  for (let tries = 0; done.length < count && tries < count * 20; tries++) {
    const [name, act] = actor.pick(ACTS);
    try {
      act(actor);
      done.push(name);
    } catch (error) {
      if (error !== NOTHING) throw error;
    }
  }
  return done;
}
