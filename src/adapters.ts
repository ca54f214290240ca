/**
 * The adapters by name, each imported only when it is on. The only file of the core that knows which adapters exist: a
 * new one is a line here, a file or folder in `adapters/`, and a test that runs the conformance suite.
 */
import { hostname } from "node:os";
import type { GenericSchema } from "valibot";
import { AlbOptions } from "../adapters/registries/alb/options.ts";
import { ConsulOptions } from "../adapters/registries/consul/options.ts";
import { EmbeddedOptions } from "../adapters/registries/embedded.ts";
import { KongOptions } from "../adapters/registries/kong/options.ts";
import { VulcandOptions } from "../adapters/registries/vulcand/options.ts";
import { DockerOptions } from "../adapters/sources/docker/options.ts";
import { MarathonOptions } from "../adapters/sources/marathon/options.ts";
import { ReplayOptions } from "../adapters/sources/replay/options.ts";
import { StaticOptions } from "../adapters/sources/static/options.ts";
import type { Swarm } from "../adapters/sources/swarm/index.ts";
import { type SwarmContext, SwarmOptions } from "../adapters/sources/swarm/options.ts";
import type { Adapters, ScopeKind } from "./agent.ts";
import { aloneElection, type Election } from "./leadership.ts";
import type { AdapterContext, Logger, NodeIdentity, Registry, Source } from "./model.ts";
import { isModule, loadModule, type ModuleKind } from "./modules.ts";
import { serviceLevelOf } from "./service-level.ts";

/** Sources of the whole cluster, which only the leader handles, and of both. All others are of one node. */
const CLUSTER_SOURCES: readonly string[] = ["marathon"];
const SWARM = "swarm";
/** The one that is always there. */
const EMBEDDED = "embedded";

/** Adapters that need another one. */
const needs: Readonly<Record<string, { readonly source: string; readonly why: string }>> = {
  [SWARM]: { source: "docker", why: "it asks the same engine" },
};

/** An adapter's options, checked when the configuration is read, and how to make it of them. */
interface Adapter<Made> {
  readonly options: GenericSchema;
  load(): Promise<(options: never, context: AdapterContext) => Made>;
}

export const sources: Readonly<Record<string, Adapter<Source>>> = {
  docker: {
    options: DockerOptions,
    load: async () => (await import("../adapters/sources/docker/index.ts")).createDockerSource,
  },
  marathon: {
    options: MarathonOptions,
    load: async () => (await import("../adapters/sources/marathon/index.ts")).createMarathonSource,
  },
  static: {
    options: StaticOptions,
    load: async () => (await import("../adapters/sources/static/index.ts")).createStaticSource,
  },
  replay: {
    options: ReplayOptions,
    load: async () => (await import("../adapters/sources/replay/index.ts")).createReplaySource,
  },
};

export const registries: Readonly<Record<string, Adapter<Registry>>> = {
  embedded: {
    options: EmbeddedOptions,
    load: async () => (await import("../adapters/registries/embedded.ts")).createEmbeddedRegistry,
  },
  consul: {
    options: ConsulOptions,
    load: async () => (await import("../adapters/registries/consul/index.ts")).createConsulRegistry,
  },
  kong: {
    options: KongOptions,
    load: async () => (await import("../adapters/registries/kong/index.ts")).createKongRegistry,
  },
  vulcand: {
    options: VulcandOptions,
    load: async () => (await import("../adapters/registries/vulcand/index.ts")).createVulcandRegistry,
  },
  alb: {
    options: AlbOptions,
    load: async () => (await import("../adapters/registries/alb/index.ts")).createAlbRegistry,
  },
};

/** The option schemas by adapter name, for reading the configuration. */
export const schemas = {
  sources: { ...optionsOf(sources), [SWARM]: SwarmOptions },
  registries: optionsOf(registries),
  needs,
};

type Options = Readonly<Record<string, unknown>>;

/** Which of the configured sources are of a scope. */
export function sourceNames(configured: Options, scope: ScopeKind): readonly string[] {
  return Object.keys(configured).filter(
    (name) => name === SWARM || CLUSTER_SOURCES.includes(name) === (scope === "cluster"),
  );
}

/**
 * What this process has of its swarm: one for both scopes and for the API.
 * @param port where this Muster's API listens, and so those of the others
 * @returns null where `sources.swarm` is not on
 */
export async function loadSwarm(configured: Options, port: number, context: SwarmContext): Promise<Swarm | null> {
  const { docker, swarm } = configured;
  if (swarm === undefined) return null;
  const { openSwarm } = await import("../adapters/sources/swarm/index.ts");
  return openSwarm(
    { swarm: swarm as SwarmOptions, docker: docker as DockerOptions, port },
    { ...context, name: SWARM },
  );
}

/** Passes begin in this order: what goes over a network is on its way before this Muster's own entries are changed. */
function remoteFirst(configured: Options): readonly (readonly [string, unknown])[] {
  const isLocal = (name: string) => Number(name === EMBEDDED);
  return Object.entries(configured).sort(([a], [b]) => isLocal(a) - isLocal(b));
}

/**
 * Makes the adapters of a scope that the configuration names, importing them side by side.
 * @param options options by adapter name, as read with `schemas`
 */
export async function loadAdapters(
  options: { readonly sources: Options; readonly registries: Options },
  scope: ScopeKind,
  context: (name: string) => AdapterContext,
  swarm: Swarm | null,
): Promise<Adapters> {
  const names = sourceNames(options.sources, scope).filter((name) => name !== SWARM);
  const isLeader = swarm !== null && scope === "cluster";
  const serviceLevel = swarm !== null && scope === "node" ? "create" : "keep";
  const contextOf = (name: string): AdapterContext => ({
    ...{ ...context(name), serviceLevel },
    ...(isLeader && { nodeSource: SWARM }),
  });
  const [madeSources, madeRegistries] = await Promise.all([
    Promise.all(names.map((name) => make("sources", sources, name, options.sources[name], context))),
    Promise.all(
      remoteFirst(options.registries).map(([name, own]) => make("registries", registries, name, own, contextOf)),
    ),
  ]);
  if (swarm === null) return { sources: madeSources, registries: madeRegistries };
  return {
    sources: [...madeSources, isLeader ? swarm.cluster : swarm.node],
    registries: isLeader ? madeRegistries.map((one) => serviceLevelOf(one, new Set([SWARM]))) : madeRegistries,
    swarm: SWARM,
  };
}

/** By the swarm's own; outside of one by a lock in Consul, where there is one; else this Muster is the only one. */
export async function loadElection(
  configured: Options,
  context: AdapterContext,
  swarm: Swarm | null,
): Promise<Election> {
  const outside = await lockElection(configured, context);
  return swarm === null ? outside : swarm.election(outside);
}

/**
 * Why this Muster would not lead now, in words, as far as that can be told without taking part in an election; null: it
 * leads, or could.
 */
export async function whyStandby(
  configured: Options,
  context: AdapterContext,
  swarm: Swarm | null,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const standing = (await swarm?.standing(signal)) ?? "outside";
    return standing === "outside" ? await whyLocked(configured, context, signal) : STANDBY[standing];
  } catch (error) {
    signal.throwIfAborted();
    return `who leads can't be told: ${error instanceof Error ? error.message : String(error)}`;
  }
}

const STANDBY = {
  leader: null,
  manager: "another manager is the swarm's leader",
  worker: "this node is a worker of the swarm",
  "cut off": "this node is the swarm's leader, but reaches no majority of the managers",
} as const;

async function whyLocked({ consul }: Options, context: AdapterContext, signal: AbortSignal): Promise<string | null> {
  if (consul === undefined) return null;
  const { leaderInConsul } = await import("../adapters/elections/consul.ts");
  const leader = await leaderInConsul(consul as ConsulOptions, context, signal);
  return leader === null || leader === context.node.id ? null : `node ${leader} leads`;
}

async function lockElection(configured: Options, context: AdapterContext): Promise<Election> {
  const { consul } = configured;
  // In a dry run the lock would keep the Muster that writes from leading.
  if (consul === undefined || context.readOnly === true) return aloneElection;
  const { createConsulElection } = await import("../adapters/elections/consul.ts");
  return createConsulElection(consul as ConsulOptions, context);
}

/**
 * Who this node is: what the configuration says, and the rest from the engine, where there is one, or from this machine.
 * Waits for the engine as long as it takes.
 */
export async function identify(
  config: {
    readonly node: { readonly id: string | null; readonly address: string | null };
    readonly sources: Readonly<Record<string, unknown>>;
  },
  signal: AbortSignal,
  log: Logger,
  onFailure: (error: string) => void,
): Promise<NodeIdentity> {
  const { id, address } = config.node;
  if (id !== null && address !== null) return { id, address };
  const { docker } = config.sources;
  if (docker === undefined) return identifyMachine(id, address);
  const { identifyNode } = await import("../adapters/sources/docker/identity.ts");
  return identifyNode(
    docker as DockerOptions,
    { id: id ?? undefined, address: address ?? undefined },
    signal,
    log,
    onFailure,
  );
}

async function identifyMachine(id: string | null, address: string | null): Promise<NodeIdentity> {
  const { machineAddress } = await import("../adapters/sources/machine-address.ts");
  return { id: id ?? hostname(), address: address ?? (await machineAddress()) };
}

async function make<K extends ModuleKind, Made extends K extends "sources" ? Source : Registry>(
  kind: K,
  adapters: Readonly<Record<string, Adapter<Made>>>,
  name: string,
  options: unknown,
  context: (name: string) => AdapterContext,
): Promise<K extends "sources" ? Source : Registry> {
  const adapter = adapters[name];
  if (adapter === undefined && isModule(options)) return loadModule(kind, options, context(name));
  if (adapter === undefined) throw new Error(`${name}: no such adapter; known are ${Object.keys(adapters).join(", ")}`);
  const create = await adapter.load();
  // The options were read with this adapter's own schema.
  return create(options as never, context(name));
}

function optionsOf(adapters: Readonly<Record<string, Adapter<unknown>>>): Readonly<Record<string, GenericSchema>> {
  return Object.fromEntries(Object.entries(adapters).map(([name, { options }]) => [name, options]));
}
