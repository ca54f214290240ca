/**
 * `muster plan`: one pass that reads everything and writes nothing: no entry, no heart-beat, no session or lock, no audit
 * log. Made of the same parts as a pass that writes, so that it says what that would do.
 */
import { type Adapters, type AgentParts, CLUSTER_ID, type ScopeKind } from "../agent.ts";
import type { Clock } from "../clock.ts";
import type { Config } from "../config.ts";
import type { AdapterContext, Logger, NodeIdentity } from "../model.ts";
import { compare } from "./compare.ts";
import { type Following, follow, untilListed } from "./listing.ts";
import type { PendingInstance, PlanReport, RegistryPlan } from "./report.ts";

export interface PlanOptions {
  readonly config: Config;
  readonly parts: Pick<AgentParts, "identify" | "load" | "sourceNames">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** For all of it, ms. */
  readonly timeout: number;
}

/** It lives in the memory of the Muster that runs: there is nothing outside to compare with. */
const IN_MEMORY = "embedded";
/** For how long a source may be away, ms. */
const PATIENCE_MS = 5_000;
/** For how long it is waited for what listings leave out, ms. */
const SETTLING_MS = 5_000;

interface LoadedScope extends Adapters {
  readonly kind: ScopeKind;
  readonly following: Following;
}

/**
 * @throws Error in one line if this node can't be identified, a source can't be listed or it takes too long. A registry
 * that can't be read is told in the report.
 */
export async function planOnce(options: PlanOptions, signal: AbortSignal): Promise<PlanReport> {
  const { config, clock, timeout } = options;
  const stop = new AbortController();
  const cancel = clock.after(timeout, () => stop.abort(new Error(`not done within ${timeout / 1000} s`)));
  const limit = AbortSignal.any([signal, stop.signal]);
  const scopes: LoadedScope[] = [];
  try {
    const node = await identify(options, limit);
    for (const kind of kindsOf(options)) scopes.push(await load(kind, node, options, limit));
    const worlds = scopes.map(({ following }) => following.world);
    const listed = untilListed(worlds, { clock, patience: PATIENCE_MS, settling: SETTLING_MS }, limit);
    await Promise.race([listed, ...scopes.map(({ following }) => following.failure)]);
    const registries = (await Promise.all(scopes.map((scope) => plansOf(scope, scopes, options, limit)))).flat();
    return {
      cluster: config.cluster,
      node: node.id,
      inSync: registries.every(({ error, changes }) => error === null && changes.length === 0),
      registries,
      pending: scopes.flatMap(pendingIn),
    };
  } finally {
    cancel();
    await Promise.all(scopes.map(({ following }) => following.stop()));
    await Promise.allSettled(scopes.flatMap(({ registries }) => registries.map((one) => one[Symbol.asyncDispose]())));
  }
}

async function identify({ parts }: PlanOptions, signal: AbortSignal): Promise<NodeIdentity> {
  let last: string | null = null;
  try {
    return await parts.identify(signal, (error) => {
      last = error;
    });
  } catch (error) {
    if (last === null) throw error;
    throw new Error(`this node can't be identified: ${last}`, { cause: error });
  }
}

/** As the agent has them: whether this Muster would lead is not asked, since that takes a lock. */
function kindsOf({ parts }: PlanOptions): readonly ScopeKind[] {
  const hasCluster = parts.sourceNames("cluster").length > 0;
  const hasNode = parts.sourceNames("node").length > 0 || !hasCluster;
  return [...(hasNode ? (["node"] as const) : []), ...(hasCluster ? (["cluster"] as const) : [])];
}

async function load(
  kind: ScopeKind,
  node: NodeIdentity,
  { config, parts, clock, random, log }: PlanOptions,
  signal: AbortSignal,
): Promise<LoadedScope> {
  const owner = kind === "cluster" ? { id: CLUSTER_ID, address: node.address } : node;
  const context = (name: string): AdapterContext => ({
    ...{ name, cluster: config.cluster, node: owner, resync: config.policy.resync, readOnly: true },
    ...{ log, now: clock.now, random },
  });
  const loaded = await parts.load(kind, context);
  const { sources } = loaded;
  return { ...loaded, kind, following: follow(sources, signal, clock.now) };
}

function plansOf(
  { kind, registries, swarm = null, following: { world } }: LoadedScope,
  all: readonly LoadedScope[],
  { config, clock, random, log }: PlanOptions,
  signal: AbortSignal,
): Promise<readonly RegistryPlan[]> {
  const isServiceOver = (service: string) => !all.some(({ following }) => following.world.hasService(service));
  const outside = registries.filter(({ name }) => name !== IN_MEMORY);
  // A node of a swarm leaves the service-level objects to the leader, as in createScope.
  const serviceLevel = kind === "node" && swarm !== null ? ("create" as const) : ("keep" as const);
  const options = { world, scope: kind, policy: config.policy, clock, random, log, isServiceOver, serviceLevel };
  return Promise.all(outside.map((registry) => compare({ registry, ...options }, signal)));
}

function pendingIn({ following: { world } }: LoadedScope): readonly PendingInstance[] {
  return [...world.instances()]
    .filter(({ state }) => state !== "ready")
    .map(({ id, service, state, missing, notes }) => ({ instance: id, service, state, missing, notes }));
}
