import type { Change, Instance, Outcome, Registration, Registry } from "../../src/model.ts";

export interface FakeRegistry extends Registry {
  /** What it holds of ours. */
  readonly entries: Map<string, Registration>;
  /** Every change that reached it, in order. */
  readonly log: Change[];
  lists: number;
  /** Set to make calls fail: returns the failure for a change, or null to carry it out. */
  onApply: ((change: Change) => Extract<Outcome, { ok: false }> | null) | null;
  onList: (() => Error | null) | null;
  /** Makes a change happen although its outcome is a failure (a lost answer). */
  doesDespiteFailure: boolean;
}

/**
 * A registry in memory with faults, for the reconciler's tests.
 * @param project what it makes of an instance; by default one entry
 */
export function createFakeRegistry(
  name = "fake",
  { project = (instance: Instance): readonly Registration[] => [projected(instance)], drains = false } = {},
): FakeRegistry {
  const entries = new Map<string, Registration>();
  return {
    name,
    entries,
    log: [],
    lists: 0,
    onApply: null,
    onList: null,
    doesDespiteFailure: false,
    project,
    drains,
    async list() {
      this.lists++;
      const error = this.onList?.() ?? null;
      if (error !== null) throw error;
      return [...entries.values()];
    },
    async apply(changes) {
      return changes.map((change) => {
        this.log.push(change);
        const failure = this.onApply?.(change) ?? null;
        if (failure === null || this.doesDespiteFailure) carryOut(change);
        return failure ?? { ok: true };
      });
    },
    async [Symbol.asyncDispose]() {},
  };

  function carryOut(change: Change): void {
    if (change.after === null) entries.delete(change.key);
    else entries.set(change.key, change.after);
  }
}

/** A gateway: an upstream and a route for each service, which an instance needs; it drains. */
export function createFakeGateway(name = "gateway"): FakeRegistry {
  return createFakeRegistry(name, { project: throughGateway, drains: true });
}

function throughGateway(instance: Instance): readonly Registration[] {
  const { service, routes, state, version } = instance;
  const isDraining = state === "draining";
  const entry = projected(instance);
  const shared = { instance: null, service, task: null, source: null, endpoint: null };
  return [
    { ...shared, key: `upstream:${service}`, rank: -2, spec: { service } },
    ...routes.map(({ hosts, paths }, index) => ({
      ...shared,
      key: `route:${service}.${index}`,
      rank: -1,
      claims: hosts.flatMap((host) => paths.map((path) => `${host}${path}`)),
      spec: { hosts, paths, version },
    })),
    { ...entry, spec: { weight: isDraining ? 0 : 100 }, ...(isDraining ? { draining: true } : {}) },
  ];
}

function projected(instance: Instance): Registration {
  const { id, service, task, source, address, port, protocol, tags } = instance;
  if (service === "unprojectable") throw new Error(`fake: ${service} can't be registered here`);
  return {
    key: `fake:${id}`,
    instance: id,
    service,
    task,
    source,
    endpoint: `${address}:${port}/${protocol}`,
    rank: 0,
    spec: { service, address, port, tags },
  };
}
