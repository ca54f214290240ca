/**
 * The wiring and the life cycle: sources feed the world, one reconciler per registry follows it, the API shows both.
 *
 * Start: API first (it answers before anything else is ready), then who this node is, then the audit log, then the
 * adapters. Stop: sources end, one last bounded pass, everything is disposed of.
 */
import type { Audit } from "./audit.ts";
import { openAudit } from "./audit.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import type { Agent } from "./http/api.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import type { AdapterContext, Fact, Logger, NodeIdentity, Registry, Source } from "./model.ts";
import { createReconciler, type Reconciler } from "./reconcile.ts";
import type { Write } from "./report.ts";
import { createWorld, type World } from "./world.ts";

/** What the agent is made of, so that a test can put its own in. */
export interface AgentParts {
  /** Who this node is; waits for the engine where it must ask it. */
  identify(signal: AbortSignal): Promise<NodeIdentity>;
  load(
    context: (name: string) => AdapterContext,
  ): Promise<{ readonly sources: readonly Source[]; readonly registries: readonly Registry[] }>;
  /** Begins to answer HTTP; rejects if it can't listen. */
  serve(agent: Agent): Promise<AsyncDisposable>;
  readonly log: Logger;
}

/** Bound of the last pass of a registry at exit, ms. */
const LAST_PASS_MS = 4_000;

/**
 * Runs until `signal` aborts.
 * @throws Error in one line if it can't start: the address is taken, the audit log can't be written …
 */
export async function runAgent(config: Config, parts: AgentParts, signal: AbortSignal): Promise<void> {
  const { log } = parts;
  const world = createWorld({ sources: Object.keys(config.sources) });
  const state: AgentState = { world, reconcilers: [], sources: [], audit: null, listeners: new Set() };
  const metrics = createMetrics(world, () => state.reconcilers);
  const agent = createAgent(state, metrics, log);
  await using _server = await parts.serve(agent);
  try {
    const node = await parts.identify(signal);
    log.info({ node: node.id, address: node.address, cluster: config.cluster }, "node identified");
    await using audit = await openAudit({ ...config.audit, node: node.id, log, now: Date.now }, signal);
    state.audit = audit;
    const context = (name: string): AdapterContext => ({
      name,
      cluster: config.cluster,
      node,
      resync: config.policy.resync,
      log,
      now: Date.now,
      random: Math.random,
    });
    const adapters = await parts.load(context);
    state.sources = adapters.sources;
    await work({ config, state, audit, metrics, registries: adapters.registries, log }, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    state.audit = null;
  }
}

interface AgentState {
  readonly world: World;
  reconcilers: readonly Reconciler[];
  sources: readonly Source[];
  audit: Audit | null;
  readonly listeners: Set<RegistryListener>;
}

type RegistryListener = (registry: string, instances: readonly string[]) => void;

interface Work {
  readonly config: Config;
  readonly state: AgentState;
  readonly audit: Audit;
  readonly metrics: Metrics;
  readonly registries: readonly Registry[];
  readonly log: Logger;
}

async function work(parts: Work, signal: AbortSignal): Promise<void> {
  const { config, state, audit, registries, log } = parts;
  await audit.append([{ action: "start", ok: true }]);
  state.reconcilers = registries.map((registry) => reconcilerFor(registry, parts));
  const unsubscribe = state.world.subscribe(noticeLog(audit, log));
  const failures = new AbortController();
  const running = AbortSignal.any([signal, failures.signal]);
  const loops = [
    ...state.reconcilers.map((reconciler) => reconciler.run(running)),
    ...state.sources.map((source) => pump(source, state.world, running)),
  ];
  try {
    // A source that ends or throws is a defect of its adapter: nothing would be kept right any more, so say so and stop.
    await Promise.all(loops.map((loop) => loop.catch((error: unknown) => failures.abort(error))));
  } finally {
    unsubscribe();
    await finish(config, state.reconcilers, log);
    await Promise.allSettled(registries.map((registry) => registry[Symbol.asyncDispose]()));
    await audit
      .append([{ action: "stop", ok: !failures.signal.aborted }])
      .catch((error: unknown) => log.error({ err: error }, "audit log not written"));
  }
  if (failures.signal.aborted) throw failures.signal.reason;
}

function reconcilerFor(registry: Registry, { config, state, audit, metrics, log }: Work): Reconciler {
  const tell: RegistryListener = (name, instances) => {
    for (const listener of state.listeners) listener(name, instances);
  };
  return createReconciler({
    registry,
    world: state.world,
    policy: config.policy,
    clock: systemClock,
    random: Math.random,
    log,
    sink: {
      audit: (records) => audit.append(records),
      reported(name, writes) {
        metrics.wrote(name, writes);
        tell(name, instancesOf(writes));
      },
      stateChanged: (name) => tell(name, []),
    },
  });
}

function instancesOf(writes: readonly Write[]): readonly string[] {
  return [...new Set(writes.flatMap(({ change }) => (change.after ?? change.before)?.instance ?? []))];
}

/** Feeds one source's facts to the world. Never waits for anyone: the world takes a fact in at once. */
async function pump(source: Source, world: World, signal: AbortSignal): Promise<void> {
  for await (const fact of source.events(signal)) world.join(fact);
  if (!signal.aborted) throw new Error(`source ${source.name} ended by itself`);
}

function noticeLog(audit: Audit, log: Logger) {
  return {
    notice({ source, task, message }: Extract<Fact, { kind: "notice" }>) {
      log.warn({ source, task, notice: message }, "notice");
    },
    synced(source: string) {
      void audit
        .append([{ action: "sync", ok: true, cause: [{ source }] }])
        .catch((error: unknown) => log.error({ err: error }, "audit log not written"));
    },
  };
}

/** One last bounded pass; by default registrations stay, since an upgrade of Muster must not drop traffic (rule 6). */
async function finish(config: Config, reconcilers: readonly Reconciler[], log: Logger): Promise<void> {
  const signal = AbortSignal.timeout(LAST_PASS_MS);
  await Promise.all(
    reconcilers.map(async (reconciler) => {
      try {
        if (config.policy.onExit === "deregister") await reconciler.withdrawAll(signal);
        else await reconciler.pass(signal);
        await reconciler.reported();
      } catch (error) {
        log.warn({ registry: reconciler.name, err: error }, "last pass not completed");
      }
    }),
  );
}

function createAgent(state: AgentState, metrics: Metrics, log: Logger): Agent {
  const { world } = state;
  return {
    world,
    reconcilers: () => state.reconcilers,
    audit: () => state.audit,
    metrics: metrics.text,
    unready: () => unready(state),
    now: Date.now,
    async drain(ids, on) {
      const found = world.drain(ids, on);
      const records = found.map((id) => ({
        action: "drain" as const,
        id,
        ok: true,
        service: world.instance(id)?.service ?? null,
        task: world.instance(id)?.task ?? null,
        after: on,
      }));
      await state.audit?.append(records);
      log.info({ instances: found, on }, "drain asked for");
      return found;
    },
    resync() {
      for (const source of state.sources) source.resync?.();
      for (const reconciler of state.reconcilers) reconciler.resync();
    },
    onRegistryChange(listener) {
      state.listeners.add(listener);
      return () => void state.listeners.delete(listener);
    },
  };
}

function unready({ world, reconcilers, audit }: AgentState): readonly string[] {
  if (audit === null) return ["starting: this node is not identified yet"];
  const sources = world.sources().filter(({ syncs }) => syncs === 0);
  const registries = reconcilers.filter(({ isReady }) => !isReady);
  return [
    ...sources.map(({ name, error }) => `source ${name} has not listed yet${error === null ? "" : `: ${error}`}`),
    ...registries.map((reconciler) => `registry ${reconciler.name} has had no clean pass${reason(reconciler)}`),
  ];
}

function reason(reconciler: Reconciler): string {
  const { error } = reconciler.view();
  return error === null ? "" : `: ${error}`;
}
