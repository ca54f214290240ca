/**
 * Who writes what in a swarm: each node its own instances, and of the service-level objects those that are missing; the
 * leader keeps the service-level objects right and removes them (decision 009).
 */
import type { Instance, Registration, Registry } from "./model.ts";

/** For the leader: of these sources, whose instances their own nodes write, only the service-level objects. */
export function serviceLevelOf(registry: Registry, sources: ReadonlySet<string>): Registry {
  const project = (instance: Instance): readonly Registration[] => {
    const all = registry.project(instance);
    return sources.has(instance.source) ? all.filter((entry) => !isInstance(entry)) : all;
  };
  return { ...delegated(registry), project };
}

function isInstance({ instance }: Registration): boolean {
  return instance !== null;
}

/** The same registry, field by field, since it may be of a class, whose methods a spread would lose. */
export function delegated(registry: Registry): Registry {
  const { name, drains, checksHealth, concurrent, returns, listOthers, detail, diagnose } = registry;
  return {
    name,
    ...(drains === undefined ? {} : { drains }),
    ...(checksHealth === undefined ? {} : { checksHealth }),
    ...(concurrent === undefined ? {} : { concurrent }),
    project: (instance) => registry.project(instance),
    list: (signal) => registry.list(signal),
    apply: (changes, signal) => registry.apply(changes, signal),
    ...(returns === undefined ? {} : { returns: (signal) => returns.call(registry, signal) }),
    ...(listOthers === undefined ? {} : { listOthers: (signal) => listOthers.call(registry, signal) }),
    ...(detail === undefined ? {} : { detail: (key) => detail.call(registry, key) }),
    ...(diagnose === undefined ? {} : { diagnose: (signal) => diagnose.call(registry, signal) }),
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}
