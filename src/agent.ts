/**
 * The wiring and the life cycle: sources feed a scope's world, its reconcilers follow it, the API shows all scopes.
 *
 * Start: API first (it answers before anything else is ready), then who this node is, then the audit log, then the
 * adapters. Stop: sources end, one last bounded pass, everything is disposed of.
 */
import { type Audit, openAudit } from "./audit.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import type { Agent, ApiListener } from "./http/api.ts";
import { createMetrics, type Metrics } from "./metrics.ts";
import type { AdapterContext, Logger, NodeIdentity, Registry, Source } from "./model.ts";
import type { Write } from "./report.ts";
import { createScope, type Scope } from "./scope.ts";
import type { SourceView } from "./world.ts";

/** What the agent is made of, so that a test can put its own in. */
export interface AgentParts {
  /** Who this node is; waits for the engine where it must ask it, and tells each attempt that fails. */
  identify(signal: AbortSignal, onFailure: (error: string) => void): Promise<NodeIdentity>;
  load(context: (name: string) => AdapterContext): Promise<Adapters>;
  /** Begins to answer HTTP; rejects if it can't listen. */
  serve(agent: Agent): Promise<AsyncDisposable>;
  readonly log: Logger;
}

export interface Adapters {
  readonly sources: readonly Source[];
  readonly registries: readonly Registry[];
}

/**
 * Runs until `signal` aborts.
 * @throws Error in one line if it can't start: the address is taken, the audit log can't be written …
 */
export async function runAgent(config: Config, parts: AgentParts, signal: AbortSignal): Promise<void> {
  const { log } = parts;
  const state: AgentState = { scopes: [], audit: null, waitsFor: null, listeners: new Set() };
  const metrics = createMetrics(() => state.scopes);
  await using _server = await parts.serve(createAgent(config, state, metrics, log));
  try {
    const node = await parts.identify(signal, (error) => {
      state.waitsFor = error;
    });
    log.info({ node: node.id, address: node.address, cluster: config.cluster }, "node identified");
    await using audit = await openAudit({ ...config.audit, node: node.id, log, now: Date.now }, signal);
    state.audit = audit;
    await audit.append([{ action: "start", ok: true }]);
    const ok = await settled(work({ config, parts, state, audit, metrics, node }, signal));
    await audit.append([{ action: "stop", ok: ok.error === null }]);
    if (ok.error !== null) throw ok.error;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    state.audit = null;
  }
}

interface AgentState {
  readonly scopes: Scope[];
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
  readonly node: NodeIdentity;
}

async function work({ config, parts, state, audit, metrics, node }: Work, signal: AbortSignal): Promise<void> {
  const { log } = parts;
  const { cluster, policy } = config;
  const context = (name: string): AdapterContext => ({
    ...{ name, cluster, node, log },
    ...{ resync: policy.resync, now: Date.now, random: Math.random },
  });
  const { sources, registries } = await parts.load(context);
  const scope = createScope({
    ...{ sources, registries, policy, log },
    ...{ audit: audit.append, clock: systemClock, random: Math.random },
    sink: {
      audit: audit.append,
      reported(name, writes) {
        metrics.wrote(name, writes);
        for (const listener of state.listeners) listener.wrote(scope, instancesOf(writes));
      },
      stateChanged(name) {
        for (const listener of state.listeners) listener.registryChanged(scope, name);
      },
    },
  });
  scope.world.subscribe({
    changed(changes) {
      for (const listener of state.listeners) listener.changed(scope, changes);
    },
  });
  state.scopes.push(scope);
  await scope.run(signal);
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

function createAgent(config: Config, state: AgentState, metrics: Metrics, log: Logger): Agent {
  return {
    scopes: () => state.scopes,
    sources: () =>
      state.scopes.length === 0 ? unstarted(config, state) : state.scopes.flatMap(({ world }) => world.sources()),
    audit: () => state.audit,
    metrics: metrics.text,
    unready: () => unready(state),
    now: Date.now,
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

/** The sources before there is anything to ask for them. */
function unstarted(config: Config, { waitsFor }: AgentState): readonly SourceView[] {
  const never = { facts: 0, syncs: 0, firstSynced: null, lastSynced: null, trust: null, doubtfulSince: null };
  return Object.keys(config.sources).map((name) => ({ name, state: "connecting", error: waitsFor, ...never }));
}

function unready({ scopes, audit, waitsFor }: AgentState): readonly string[] {
  if (audit === null) return [`starting: this node is not identified yet${because(waitsFor)}`];
  if (scopes.length === 0) return ["starting: the adapters are being loaded"];
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
