/**
 * The registries that the Musters write to, as servers that know nothing of Muster: Consul, with an agent on each node and
 * one catalog, and a gateway for all, with objects of its own for each service. Also strangers' entries, which nobody may touch.
 */
import type { Change, Registration } from "../../src/model.ts";

/** Owner of Marathon's instances; of a service-level object it is null. */
export const CLUSTER = "~cluster";

export interface Entry {
  readonly registration: Registration;
  /** Id of the node whose Muster wrote it, or `CLUSTER`; null: a stranger's. */
  readonly owner: string | null;
}

/** What became of a write at the server: null, or why it was refused. */
export type Refusal = { readonly error: string; readonly retry: boolean } | null;

export interface RegistryServer {
  readonly name: string;
  /** As its users see it. */
  readonly entries: ReadonlyMap<string, Entry>;
  /** Counts what may have changed them. */
  readonly revision: number;
  /** What the agent of this owner holds. */
  held(owner: string): Iterable<Entry>;
  write(change: Change, owner: string): Refusal;
  /** A leader's write of another node's entry. */
  reap(change: Change): void;
  /** It comes back with nothing of ours; `owner`: only that one's agent. */
  wipe(owner: string | null): void;
  /** The agent of this node is in touch with the others again. */
  rejoin(owner: string): void;
}

/** @param onStranger told of every write that would have changed a stranger's entry */
export interface ServerOptions {
  onStranger(key: string): void;
  /** Whether the node's agent is in touch with the others. */
  isJoined(owner: string): boolean;
}

/** Each node's agent holds what was registered there; what is in the catalog follows it. */
export function createConsul({ onStranger, isJoined }: ServerOptions): RegistryServer {
  const catalog = new Map<string, Entry>();
  const agents = new Map<string, Map<string, Entry>>();
  plantStranger(catalog, "web.0:80");

  function agentOf(owner: string): Map<string, Entry> {
    const agent = agents.get(owner) ?? new Map<string, Entry>();
    agents.set(owner, agent);
    return agent;
  }

  function rejoin(owner: string): void {
    for (const [key, entry] of [...catalog]) if (entry.owner === owner) catalog.delete(key);
    for (const [key, entry] of agentOf(owner)) catalog.set(key, entry);
  }

  return counted({
    name: "consul",
    entries: catalog,
    held: (owner) => agentOf(owner).values(),
    write(change, owner) {
      if (isStranger(catalog, change.key)) return refuse(change.key, onStranger);
      put(agentOf(owner), change, owner);
      if (isJoined(owner)) rejoin(owner);
      return null;
    },
    reap: ({ key }) => void catalog.delete(key),
    wipe(owner) {
      for (const [name, agent] of agents) {
        if (owner !== null && owner !== name) continue;
        agent.clear();
        if (isJoined(name)) rejoin(name);
      }
    },
    rejoin,
  });
}

/** A target hangs on its service's upstream, and goes with it. */
export function createGateway({ onStranger }: ServerOptions): RegistryServer {
  const entries = new Map<string, Entry>();
  plantStranger(entries, "target:web/10.0.0.1:3000");
  plantStranger(entries, "upstream:web.0");

  function targets(service: string): Entry[] {
    return [...entries.values()].filter(
      ({ registration, owner }) => owner !== null && registration.instance !== null && registration.service === service,
    );
  }

  function removeUpstream(change: Change, service: string): Refusal {
    const used = targets(service);
    if (used.some(({ owner }) => owner !== CLUSTER)) {
      return { error: `gateway: ${change.key}: instances of other nodes need it`, retry: false };
    }
    for (const { registration } of used) entries.delete(registration.key);
    entries.delete(change.key);
    return null;
  }

  return counted({
    name: "gateway",
    entries,
    *held(owner) {
      for (const entry of entries.values()) {
        const { registration } = entry;
        if (entry.owner === null) continue;
        if (registration.instance !== null) {
          if (entry.owner === owner) yield entry;
          continue;
        }
        const inUse = targets(registration.service).some((target) => target.owner !== owner);
        yield inUse ? { ...entry, registration: { ...registration, inUse } } : entry;
      }
    },
    write(change, owner) {
      if (isStranger(entries, change.key)) return refuse(change.key, onStranger);
      const { service, instance } = change.after ?? change.before;
      if (change.after === null && change.key.startsWith("upstream:")) return removeUpstream(change, service);
      const isTarget = instance !== null && change.after !== null;
      if (isTarget && !entries.has(`upstream:${service}`)) {
        return { error: `gateway: ${change.key}: there is no upstream:${service}`, retry: true };
      }
      put(entries, change, owner);
      return null;
    },
    reap: ({ key }) => void entries.delete(key),
    wipe() {
      for (const [key, { owner }] of [...entries]) if (owner !== null) entries.delete(key);
    },
    rejoin() {},
  });
}

function counted(server: Omit<RegistryServer, "revision">): RegistryServer {
  let revision = 0;
  return {
    ...server,
    get revision() {
      return revision;
    },
    write(change, owner) {
      revision++;
      return server.write(change, owner);
    },
    reap(change) {
      revision++;
      server.reap(change);
    },
    wipe(owner) {
      revision++;
      server.wipe(owner);
    },
    rejoin(owner) {
      revision++;
      server.rejoin(owner);
    },
  };
}

function isStranger(entries: ReadonlyMap<string, Entry>, key: string): boolean {
  return entries.get(key)?.owner === null;
}

function refuse(key: string, onStranger: (key: string) => void): Refusal {
  onStranger(key);
  return { error: `${key}: is a stranger's`, retry: false };
}

function put(entries: Map<string, Entry>, { key, after }: Change, owner: string): void {
  if (after === null) entries.delete(key);
  else entries.set(key, { registration: after, owner });
}

/** As like ours as can be. */
function plantStranger(entries: Map<string, Entry>, key: string): void {
  const registration: Registration = {
    ...{ key, instance: null, service: "web", task: null, source: null, endpoint: null, rank: 0 },
    spec: "a stranger's",
  };
  entries.set(key, { registration, owner: null });
}
