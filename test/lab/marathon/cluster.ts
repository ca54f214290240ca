/**
 * The virtual world behind the simulator: a Mesos cluster with one Marathon. Synchronous and, with a clock of its own,
 * deterministic: the same seed and the same calls give the same events, to the letter. Usable without HTTP.
 */
import type { Json } from "../../../src/model.ts";
import { createDeployments } from "./deployments.ts";
import { schedulerRegistered, unhealthyKill } from "./events.ts";
import { forgetResults, report, tryChecks } from "./health.ts";
import { createLife, type End, type Life } from "./lifecycle.ts";
import { createRoot, type Root } from "./root.ts";
import type { Instance, State, Task } from "./state.ts";
import { type TrueTask, truthOf } from "./truth.ts";
import { MARATHON_VERSIONS, type MarathonVersion, type Traits } from "./versions.ts";
import { createWorld, emit, later, type MarathonEvent, run, type Settings, soon, time, type World } from "./world.ts";

export interface ClusterOptions extends Partial<Omit<Settings, "agents">> {
  /** Their number, or their hosts. @default 3 */
  readonly agents?: number | readonly string[];
}

export interface Failover {
  /** How long nobody leads, in ms of the cluster's time. @default 0 */
  readonly windowMs?: number;
  /** The new leader's clock compared with the old one's, ms; negative: timestamps go back. @default 0 */
  readonly skewMs?: number;
}

/**
 * Ids of apps and pods start with `/`. Everything that names what is not there throws an Error that says so. With
 * `stepMs: 0` (the default) all consequences of a call have happened when it returns.
 */
export interface Cluster extends Root {
  readonly version: MarathonVersion;
  readonly traits: Traits;
  readonly frameworkId: string;
  /** What REST answers are made of; only to be read. */
  readonly state: State;
  /** Marathon kills it on somebody's order. It is replaced, unless `scale` takes its place away as well. */
  killTask(taskId: string, options?: { readonly scale?: boolean }): void;
  /** Marathon kills it for failing checks, and replaces it. */
  killUnhealthy(taskId: string): void;
  /** It ends by itself and is replaced: from 1.8 by the next incarnation of its instance. @param end default Failed */
  crash(taskId: string, end?: End): void;
  /** Its agent is out of sight: UNREACHABLE, or LOST before 1.4. */
  unreachable(taskId: string): void;
  /** Its agent is back. What Marathon has given up meanwhile is killed. */
  reachable(taskId: string): void;
  /** One check of it gives a result. @param check index among its container's checks */
  setHealth(taskId: string, check: number, alive: boolean): void;
  /** Its readiness check gives a result. */
  setReady(taskId: string, ready: boolean): void;
  /** The leader is gone: streams end, results of checks are forgotten; the next master leads when the window is over. */
  failover(options?: Failover): void;
  /** How much later than the deployment's start `/v2/apps` shows its result, ms (facts/marathon.md, fact 6). */
  delayRoot(ms: number): void;
  /** Moves the cluster's time on, ms, and does what is due. @param ms default 0 */
  tick(ms?: number): void;
  /** Ids of the tasks of an app or a pod, or of all; oldest first. */
  tasks(id?: string): readonly string[];
  /** What really runs now. */
  truth(): readonly TrueTask[];
  /** Publishes an event of another making than those above: of the stream itself, of an unknown type. */
  publish(eventType: string, fields: Readonly<Record<string, Json>>): void;
  /** Is told every event as it is published. @returns how to stop that */
  subscribe(listener: (event: MarathonEvent) => void): () => void;
  /** Is told when the leader is gone. @returns how to stop that */
  onFailover(listener: () => void): () => void;
}

/** The time of a cluster that is given none: a Tuesday in the days of Marathon 1.8. */
const START = Date.UTC(2019, 9, 22, 23, 26);

function settingsOf({ agents = 3, ...options }: ClusterOptions): Settings {
  const version = options.version ?? "1.8";
  if (!MARATHON_VERSIONS.includes(version)) {
    throw new Error(`marathon simulator: no version ${version}; use one of ${MARATHON_VERSIONS.join(", ")}`);
  }
  return {
    version,
    seed: 1,
    nodes: 1,
    agents: typeof agents === "number" ? Array.from({ length: agents }, (_, index) => agentHost(index)) : agents,
    frameworkId: null,
    now: () => START,
    stepMs: 0,
    health: "automatic",
    unreachableStrategy: { inactiveAfterSeconds: 300, expungeAfterSeconds: 600 },
    hostPorts: [31_000, 32_000],
    servicePorts: [10_000, 20_000],
    hasKilling: null,
    ...options,
  };
}

function agentHost(index: number): string {
  return `10.0.${12 + Math.floor(index / 200)}.${10 + (index % 200)}`;
}

export function createCluster(options: ClusterOptions = {}): Cluster {
  const world = createWorld(settingsOf(options));
  const { state } = world;
  const deployments = createDeployments(world, () => life);
  const life: Life = createLife(world, deployments.settle);
  const root = createRoot(world, deployments);
  const failoverListeners = new Set<() => void>();

  /** Every call ends with all that it causes, as far as it is due. */
  function thenRun<Args extends readonly unknown[], Result>(act: (...args: Args) => Result): (...args: Args) => Result {
    return (...args) => {
      const result = act(...args);
      run(world);
      return result;
    };
  }

  function find(taskId: string): { readonly instance: Instance; readonly task: Task } {
    const instance = life.find(taskId);
    const task = instance?.tasks.find(({ id }) => id === taskId);
    if (instance === undefined || task === undefined) {
      throw new Error(`marathon simulator: there is no task ${taskId}; tasks() lists those that exist`);
    }
    return { instance, task };
  }

  function replace(instance: Instance): void {
    life.kill(instance);
    deployments.settle(instance.specId);
  }

  function recheck(): void {
    if (world.settings.health === "manual") return;
    for (const instance of instancesOf(state)) {
      if (instance.condition !== "Running") continue;
      soon(world, () => {
        if (instance.condition !== "Running") return;
        for (const task of instance.tasks) tryChecks(world, instance, task);
      });
    }
  }

  function elect(next: number): void {
    state.leader = next;
    schedulerRegistered(world);
    // The first checks of a new leader take their time, also where everything else happens at once.
    later(world, 1, recheck);
  }

  function failover({ windowMs = 0, skewMs = 0 }: Failover): void {
    const next = ((state.leader ?? 0) + 1) % world.settings.nodes;
    state.leader = null;
    for (const listener of failoverListeners) listener();
    world.clock.skew += skewMs;
    world.clock.lastEvent = 0;
    for (const { tasks } of instancesOf(state)) for (const task of tasks) forgetResults(world, task);
    if (windowMs === 0) elect(next);
    else later(world, windowMs, () => elect(next));
  }

  const { deploy, update, scale, restart, rollback, destroy, group, destroyGroup, createPod, updatePod } = root;
  return {
    version: world.settings.version,
    traits: world.traits,
    frameworkId: state.frameworkId,
    state,
    ...{ deploy: thenRun(deploy), update: thenRun(update), scale: thenRun(scale), restart: thenRun(restart) },
    ...{ rollback: thenRun(rollback), destroy: thenRun(destroy), group: thenRun(group) },
    ...{ destroyGroup: thenRun(destroyGroup), createPod: thenRun(createPod), updatePod: thenRun(updatePod) },
    killTask: thenRun((taskId, { scale: shrinks = false } = {}) => {
      const { instance } = find(taskId);
      life.kill(instance);
      const target = state.specs.get(instance.specId)?.target;
      if (shrinks && target) root.shrink(instance.specId, target.instances - 1);
      else deployments.settle(instance.specId);
    }),
    killUnhealthy: thenRun((taskId) => {
      const { instance, task } = find(taskId);
      unhealthyKill(world, instance, task);
      replace(instance);
    }),
    crash: thenRun((taskId, end = "Failed") => {
      const { instance, task } = find(taskId);
      life.end(instance, task, end, end === "Finished" ? "" : "Command exited with status 1");
    }),
    unreachable: thenRun((taskId) => life.unreachable(find(taskId).instance)),
    reachable: thenRun((taskId) => life.reachable(find(taskId).instance)),
    setHealth: thenRun((taskId, check, alive) => {
      const { instance, task } = find(taskId);
      report(world, instance, task, check, alive);
      deployments.settle(instance.specId);
    }),
    setReady: thenRun((taskId, ready) => {
      const { instance, task } = find(taskId);
      task.ready = ready;
      deployments.settle(instance.specId);
    }),
    failover: thenRun((options = {}) => failover(options)),
    delayRoot(ms) {
      world.rootDelay = ms;
    },
    tick: (ms = 0) => advance(world, ms),
    tasks: (id) => [...instancesOf(state, id)].flatMap(({ tasks }) => tasks.map((task) => task.id)),
    truth: () => truthOf(instancesOf(state)),
    publish: (eventType, fields) => emit(world, eventType, fields),
    subscribe: (listener) => subscribe(world.listeners, listener),
    onFailover: (listener) => subscribe(failoverListeners, listener),
  };
}

function* instancesOf(state: State, id?: string): Generator<Instance> {
  for (const spec of state.specs.values()) if (id === undefined || id === spec.id) yield* spec.instances.values();
}

/** What is due on the way happens at its own time, so that what follows from it is due in time as well. */
function advance(world: World, ms: number): void {
  const end = time(world) + ms;
  for (let due = world.agenda.next(); due !== undefined && due <= end; due = world.agenda.next()) {
    world.clock.offset += Math.max(0, due - time(world));
    run(world);
  }
  world.clock.offset += Math.max(0, end - time(world));
}

function subscribe<Listener>(listeners: Set<Listener>, listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
