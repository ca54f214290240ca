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
  readonly parts: Pick<AgentParts, "identify" | "load" | "sourceNames" | "whyStandby">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  /** For all of it, ms. */
  readonly timeout: number;
  /** Hears what is waited for now, in a few words. */
  readonly onProgress?: (what: string) => void;
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
  const { config, clock, timeout, onProgress = () => {} } = options;
  const stop = new AbortController();
  const cancel = clock.after(timeout, () => stop.abort(new Error(`not done within ${timeout / 1000} s`)));
  const limit = AbortSignal.any([signal, stop.signal]);
  const scopes: LoadedScope[] = [];
  try {
    onProgress("asking who this node is");
    const node = await identify(options, limit);
    const standby = await whyStandby(node, options, limit);
    for (const kind of kindsOf(options, standby === null)) scopes.push(await load(kind, node, options, limit));
    const worlds = scopes.map(({ following }) => following.world);
    onProgress(`listing ${namesOf(worlds.flatMap((world) => world.sources()))}`);
    const listed = untilListed(worlds, { clock, patience: PATIENCE_MS, settling: SETTLING_MS }, limit);
    await Promise.race([listed, ...scopes.map(({ following }) => following.failure)]);
    onProgress(`reading ${namesOf(scopes.flatMap((scope) => scope.registries))}`);
    const registries = (await Promise.all(scopes.map((scope) => plansOf(scope, scopes, options, limit)))).flat();
    return {
      cluster: config.cluster,
      node: node.id,
      standby,
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

function namesOf(all: readonly { readonly name: string }[]): string {
  const names = all.map(({ name }) => name).filter((name) => name !== IN_MEMORY);
  return [...new Set(names)].join(", ");
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

/** Asked, and not campaigned for: that would take a lock, and wait. */
async function whyStandby(node: NodeIdentity, options: PlanOptions, signal: AbortSignal): Promise<string | null> {
  const { parts } = options;
  if (parts.sourceNames("cluster").length === 0) return null;
  return (await parts.whyStandby?.(contextFor(node, options)("election"), signal)) ?? null;
}

/** As the agent has them. */
function kindsOf({ parts }: PlanOptions, leads: boolean): readonly ScopeKind[] {
  const hasCluster = parts.sourceNames("cluster").length > 0;
  const hasNode = parts.sourceNames("node").length > 0 || !hasCluster;
  return [...(hasNode ? (["node"] as const) : []), ...(hasCluster && leads ? (["cluster"] as const) : [])];
}

async function load(
  kind: ScopeKind,
  node: NodeIdentity,
  options: PlanOptions,
  signal: AbortSignal,
): Promise<LoadedScope> {
  const { config, parts, clock } = options;
  const owner = kind === "cluster" ? { id: CLUSTER_ID, address: node.address } : node;
  const loaded = await parts.load(kind, contextFor(owner, options));
  const { sources, swarm = null } = loaded;
  // As in createScope.
  const world = { now: clock.now, claims: config.policy.claims, awaitsInherited: swarm !== null };
  return { ...loaded, kind, following: follow(sources, world, signal) };
}

function contextFor(node: NodeIdentity, { config, clock, random, log }: PlanOptions) {
  return (name: string): AdapterContext => ({
    ...{ name, cluster: config.cluster, node, resync: config.policy.resync, readOnly: true },
    ...{ log, now: clock.now, random },
  });
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
