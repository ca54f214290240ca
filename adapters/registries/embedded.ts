/**
 * The registry that needs no server: it holds the registrations in memory, for Muster's own HTTP API to serve. Also
 * the reference for the laws in `test/conformance/registry.ts`.
 */
import * as v from "valibot";
import type { AdapterContext, Change, Instance, Outcome, Registration, Registry } from "../../src/model.ts";
import { endpointOf } from "../endpoint.ts";

export const EmbeddedOptions = v.strictObject({});
export type EmbeddedOptions = v.InferOutput<typeof EmbeddedOptions>;

/** Where the entries are: each owner has a room of its own and sees no other. */
export interface EmbeddedStore {
  entries(owner: string): readonly Registration[];
  put(owner: string, entry: Registration): void;
  remove(owner: string, key: string): void;
}

/** @param store several registries on one store are several owners in one registry. @default a store of its own */
export function createEmbeddedRegistry(
  _options: EmbeddedOptions,
  { name, cluster, node }: AdapterContext,
  store: EmbeddedStore = createEmbeddedStore(),
): Registry {
  const owner = `${cluster}/${node.id}`;

  function applyOne({ key, after }: Change): Outcome {
    try {
      if (after === null) store.remove(owner, key);
      else store.put(owner, after);
      return { ok: true };
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      return { ok: false, error: `${name}: ${key}: ${reason}`, retry: true, ambiguous: false };
    }
  }

  return {
    name,
    concurrent: true,
    project: (instance) => [project(name, instance)],
    async list(signal) {
      signal.throwIfAborted();
      return store.entries(owner);
    },
    async apply(changes, signal) {
      // What goes over a network in the same turn is sent first: Node sends it only after all that is due at once.
      await new Promise((resolve) => setImmediate(resolve));
      const outcomes: Outcome[] = [];
      for (const change of changes) {
        signal.throwIfAborted();
        outcomes.push(applyOne(change));
      }
      return outcomes;
    },
    async [Symbol.asyncDispose]() {},
  };
}

export function createEmbeddedStore(): EmbeddedStore {
  const rooms = new Map<string, Map<string, Registration>>();
  return {
    entries: (owner) => [...(rooms.get(owner)?.values() ?? [])],
    put(owner, entry) {
      const room = rooms.get(owner) ?? new Map<string, Registration>();
      rooms.set(owner, room.set(entry.key, entry));
    },
    remove(owner, key) {
      rooms.get(owner)?.delete(key);
    },
  };
}

/** `spec` is what a consumer wants to read of an instance. */
function project(registry: string, instance: Instance): Registration {
  const { id, service, source, task, node, address, port, protocol } = instance;
  if (address === null || port === null) throw new Error(`${registry}: ${id} has no address and port to register`);
  const { containerPort, servicePort, portName, health, version, image, tags, meta, weight } = instance;
  return {
    key: id,
    instance: id,
    service,
    task,
    source,
    endpoint: endpointOf(address, port, protocol),
    rank: 0,
    spec: {
      service,
      address,
      port,
      protocol,
      tags,
      meta,
      weight: weight ?? 1,
      health,
      node,
      task,
      source,
      containerPort,
      servicePort,
      portName,
      version,
      image,
      routes: instance.routes.map((route) => ({ ...route })),
    },
  };
}
