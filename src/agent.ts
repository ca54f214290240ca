/**
 * The wiring and the life cycle: sources feed a scope's world, its reconcilers follow it, the API shows all scopes.
 *
 * Start: API first (it answers before anything else is ready), then who this node is, then the audit log, then the
 * adapters. Stop: sources end, one last bounded pass, everything is disposed of.
 */
import type { Audit } from "./audit.ts";
import { steadyClock } from "./clock.ts";
import type { Config } from "./config.ts";
import type { Agent, ApiListener } from "./http/api.ts";
import { type Election, monotonicClock, whileLeader } from "./leadership.ts";
import type { Metrics } from "./metrics.ts";
import type { AdapterContext, Logger, NodeIdentity, Registry, Source } from "./model.ts";
import type { Write } from "./report.ts";
import type { Scope } from "./scope.ts";
import { isShown, shownScope } from "./shown-scope.ts";
import type { Tracing } from "./telemetry/tracing.ts";
import type { SourceView } from "./world.ts";

/** What the agent is made of, so that a test can put its own in. */
export interface AgentParts {
  /** Who this node is; waits for the engine where it must ask it, and tells each attempt that fails. */
  identify(signal: AbortSignal, onFailure: (error: string) => void): Promise<NodeIdentity>;
  /** Makes the adapters of a scope: the sources of this node, or those of the whole cluster, with all registries. */
  load(scope: ScopeKind, context: (name: string) => AdapterContext): Promise<Adapters>;
  /** Which of the configured sources are of a scope, by name. */
  sourceNames(scope: ScopeKind): readonly string[];
  /** How the one Muster is found that handles the cluster's sources. */
  election(context: AdapterContext): Promise<Election>;
  /** Why this Muster would not lead now, in one line, asked without taking part; null: it leads, or could. For a plan. */
  whyStandby?(context: AdapterContext, signal: AbortSignal): Promise<string | null>;
  /** Begins to answer HTTP; rejects if it can't listen. */
  serve(agent: Agent): Promise<AsyncDisposable>;
  /** Opens the tracing that is asked for; null or absent: none. Never rejects. */
  openTracing?(node: NodeIdentity, signal: AbortSignal): Promise<Tracing | null>;
  readonly log: Logger;
}

/** `node`: what this node's own sources tell; `cluster`: what only one Muster of a cluster may handle (Marathon). */
export type ScopeKind = "node" | "cluster";

export interface Adapters {
  readonly sources: readonly Source[];
  readonly registries: readonly Registry[];
  /** Name of the source that knows the nodes of a swarm; null or absent: there is none. */
  readonly swarm?: string | null;
}

/**
 * Runs until `signal` aborts.
 * @throws Error in one line if it can't start: the address is taken, the audit log can't be written …
 */
export async function runAgent(config: Config, parts: AgentParts, signal: AbortSignal): Promise<void> {
  const { log } = parts;
  const state: AgentState = { scopes: [], isStarted: false, audit: null, waitsFor: null, listeners: new Set() };
  const loadMetrics = lazy(async () => {
    const { createMetrics } = await import("./metrics.ts");
    return createMetrics({ scopes: () => state.scopes.map(shownScope) });
  });
  await using _server = await parts.serve(createAgent(config, state, loadMetrics, log));
  try {
    const [metrics, { openAudit }] = await Promise.all([loadMetrics(), import("./audit.ts")]);
    const node = await parts.identify(signal, (error) => {
      state.waitsFor = error;
    });
    state.waitsFor = null;
    log.info({ node: node.id, address: node.address, cluster: config.cluster }, "node identified");
    await using opened = await openAudit({ ...config.audit, node: node.id, log, now: Date.now }, signal);
    const audit = counted(opened, metrics);
    state.audit = audit;
    await audit.append([{ action: "start", ok: true }]);
    await using tracing = (await parts.openTracing?.(node, signal)) ?? null;
    const ok = await settled(work({ config, parts, state, audit, metrics, tracing, node }, signal));
    await audit.append([{ action: "stop", ok: ok.error === null }]);
    if (ok.error !== null) throw ok.error;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    state.audit = null;
  }
}

/** The API answers before the rest, above all the metrics' library, is loaded (docs/benchmarks.md). */
function lazy<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | null = null;
  return () => {
    loaded ??= load();
    return loaded;
  };
}

/** The audit log, of which the metrics hear as well. */
function counted(audit: Audit, metrics: Metrics): Audit {
  return {
    ...audit,
    append(records) {
      metrics.audited(records);
      return audit.append(records);
    },
  };
}

interface AgentState {
  readonly scopes: Scope[];
  /** Whether its first scope is there, or it is known to be on standby. */
  isStarted: boolean;
  audit: Audit | null;
  /** Why this node could not be identified so far. */
  waitsFor: string | null;
  readonly listeners: Set<ApiListener>;
}

interface Work {
  readonly config: Config;
  readonly parts: AgentParts;
  readonly state: AgentState;
  readonly audit: Audit;
  readonly metrics: Metrics;
  readonly tracing: Tracing | null;
  readonly node: NodeIdentity;
}

/** Both scopes at once; if one fails, the other stops as well, and the failure is thrown. */
async function work(parts: Work, signal: AbortSignal): Promise<void> {
  const { sourceNames } = parts.parts;
  const failed = new AbortController();
  const running = AbortSignal.any([signal, failed.signal]);
  const hasClusterSources = sourceNames("cluster").length > 0;
  const scopes = [
    ...(hasClusterSources ? [lead(parts, running)] : []),
    // A Muster for Marathon alone has nothing to keep for its node.
    ...(sourceNames("node").length > 0 || !hasClusterSources ? [runScope("node", parts.node, parts, running)] : []),
  ];
  await Promise.all(scopes.map((scope) => scope.catch((error: unknown) => failed.abort(error))));
  if (failed.signal.aborted) throw failed.signal.reason;
}

/**
 * Owner of what belongs to no node. Whoever leads owns it, so that the next leader takes over what this one wrote; no
 * node can be called so (`node.id` begins with a letter or digit).
 */
export const CLUSTER_ID = "~cluster";

/** Whoever has not been elected by then is on standby, and ready for it, ms. */
const STANDBY_AFTER_MS = 3_000;

async function lead(parts: Work, signal: AbortSignal): Promise<void> {
  const { node, audit, config } = parts;
  const { log } = parts.parts;
  const election = await parts.parts.election(contextFor(parts, node)("election"));
  const notElected = setTimeout(() => {
    parts.state.isStarted ||= parts.parts.sourceNames("node").length === 0;
  }, STANDBY_AFTER_MS);
  signal.addEventListener("abort", () => clearTimeout(notElected), { once: true });
  const owner = { id: CLUSTER_ID, address: node.address };
  // Once leadership is lost, nothing may be written any more; in an orderly stop it is still held.
  const mayFinish = () => signal.aborted;
  await whileLeader(
    election,
    (term) => runScope("cluster", owner, parts, term, mayFinish),
    {
      ...{ log, clock: monotonicClock, random: Math.random },
      onChange(isLeader, reason) {
        log.info({ isLeader, reason, cluster: config.cluster }, "leadership changed");
        const record = { action: "leadership" as const, ok: isLeader, error: isLeader ? null : reason };
        void audit.append([record]).catch((error: unknown) => log.error({ err: error }, "audit log not written"));
      },
    },
    signal,
  );
}

function contextFor({ config, parts: { log } }: Work, node: NodeIdentity): (name: string) => AdapterContext {
  const { cluster, policy } = config;
  return (name) => ({
    ...{ name, cluster, node, log },
    // In a dry run heart-beats for what is found there would be writes, too.
    ...{ resync: policy.resync, readOnly: policy.dryRun, now: steadyClock.now, random: Math.random },
  });
}

async function runScope(
  kind: ScopeKind,
  node: NodeIdentity,
  parts: Work,
  signal: AbortSignal,
  mayFinish?: () => boolean,
): Promise<void> {
  const { state, config, audit, metrics, tracing } = parts;
  const { log } = parts.parts;
  const { sources, registries: loaded, swarm = null } = await parts.parts.load(kind, contextFor(parts, node));
  const registries = tracing === null ? loaded : loaded.map(tracing.traced);
  const { createScope } = await import("./scope.ts");
  const scope = createScope({
    ...{ sources, registries, policy: config.policy, log },
    ...{ audit: audit.append, clock: steadyClock, random: Math.random },
    isServiceOver: (service) => isServiceOver(service, parts),
    swarm: swarm === null ? null : { source: swarm, node: kind === "node" ? node.id : null },
    sink: {
      audit: audit.append,
      reported(name, writes) {
        metrics.wrote(name, writes);
        tracing?.wrote(name, writes);
        for (const listener of state.listeners) listener.wrote(shownScope(scope), instancesOf(writes));
      },
      stateChanged(name) {
        for (const listener of state.listeners) listener.registryChanged(shownScope(scope), name);
      },
    },
  });
  const shown = shownScope(scope);
  scope.world.subscribe({
    changed(all) {
      const changes = all.filter(({ before, after }) => isShown(scope, after ?? before));
      if (changes.length === 0) return;
      metrics.changed(scope.world, changes);
      for (const listener of state.listeners) listener.changed(shown, changes);
    },
  });
  tracing?.follow(scope.world, (instance) => isShown(scope, instance));
  state.scopes.push(scope);
  state.isStarted = true;
  try {
    await scope.run(signal, mayFinish);
  } finally {
    state.scopes.splice(state.scopes.indexOf(scope), 1);
  }
}

/** Only whoever knows all the services that this Muster can know may say that one is over: on standby nobody may. */
function isServiceOver(service: string, { state, parts }: Work): boolean {
  const worlds = state.scopes.map(({ world }) => world);
  const known = worlds.flatMap((world) => world.sources());
  const all = [...parts.sourceNames("node"), ...parts.sourceNames("cluster")];
  const isSynced = (name: string) => {
    const own = known.filter((source) => source.name === name);
    return own.length > 0 && own.every(({ syncs }) => syncs > 0);
  };
  return all.every(isSynced) && !worlds.some((world) => world.hasService(service));
}

function instancesOf(writes: readonly Write[]): readonly string[] {
  return [...new Set(writes.flatMap(({ change }) => (change.after ?? change.before)?.instance ?? []))];
}

async function settled(work: Promise<void>): Promise<{ readonly error: unknown }> {
  try {
    await work;
    return { error: null };
  } catch (error) {
    return { error };
  }
}

function createAgent(config: Config, state: AgentState, loadMetrics: () => Promise<Metrics>, log: Logger): Agent {
  return {
    scopes: () => state.scopes.map(shownScope),
    sources: () => sources(config, state),
    audit: () => state.audit,
    metrics: async () => (await loadMetrics()).text(),
    unready: () => unready(state),
    now: Date.now,
    dryRun: config.policy.dryRun,
    async drain(ids, on) {
      const found = state.scopes.flatMap(({ world }) => world.drain(ids, on).map((id) => ({ id, world })));
      const records = found.map(({ id, world }) => {
        const { service, task } = world.instance(id) ?? { service: null, task: null };
        return { action: "drain" as const, id, ok: true, service, task, after: on };
      });
      await state.audit?.append(records);
      const drained = found.map(({ id }) => id);
      log.info({ instances: drained, on }, "drain asked for");
      return drained;
    },
    resync() {
      for (const scope of state.scopes) scope.resync();
    },
    subscribe(listener) {
      state.listeners.add(listener);
      return () => void state.listeners.delete(listener);
    },
  };
}

/** All configured sources: those of a scope that is not (or not yet) this one's are on standby. */
function sources(config: Config, { scopes, isStarted, waitsFor }: AgentState): readonly SourceView[] {
  // A swarm's is of both scopes.
  const running = [...new Map(scopes.flatMap(({ world }) => world.sources()).map((one) => [one.name, one])).values()];
  const names = Object.keys(config.sources).filter((name) => !running.some((source) => source.name === name));
  const state = isStarted ? ("standby" as const) : ("connecting" as const);
  const never = { facts: 0, syncs: 0, firstSynced: null, lastSynced: null, trust: null, doubtfulSince: null };
  return [...running, ...names.map((name) => ({ name, state, error: waitsFor, ...never }))];
}

/** A Muster on standby is ready: ready to take over. */
function unready({ scopes, isStarted, waitsFor }: AgentState): readonly string[] {
  if (!isStarted && waitsFor !== null) return [`starting: this node is not identified yet${because(waitsFor)}`];
  if (!isStarted) return ["starting: the adapters are being loaded"];
  return scopes.flatMap(({ world, reconcilers }) => [
    ...world
      .sources()
      .filter(({ syncs }) => syncs === 0)
      .map(({ name, error }) => `source ${name} has not listed yet${error === null ? "" : `: ${error}`}`),
    ...reconcilers
      .filter(({ isReady }) => !isReady)
      .map((reconciler) => `registry ${reconciler.name} has had no clean pass${because(reconciler.view().error)}`),
  ]);
}

function because(error: string | null): string {
  return error === null ? "" : `: ${error}`;
}
