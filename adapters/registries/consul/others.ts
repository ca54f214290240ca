/**
 * What other nodes' Musters have registered with their agents, as the catalog shows it, so that the leader can take away
 * what a dead node left. An agent that lives would put its own back (anti-entropy, facts/consul.md): so what is with this
 * node's own agent is removed there.
 */
import type { AdapterContext, Registration } from "../../../src/model.ts";
import { endpointOf } from "../../endpoint.ts";
import type { ServiceOnNode } from "./answers.ts";
import { createCatalogClient } from "./catalog-client.ts";
import { createConsulClient } from "./client.ts";
import type { ConsulOptions } from "./options.ts";
import { clusterFilter, idFilter, isOurs, MARK, type Owner, ownerOf } from "./ownership.ts";

export interface Others extends AsyncDisposable {
  /** Each with its `node`. One request, and one for each name in the catalog. */
  list(signal: AbortSignal): Promise<readonly Registration[]>;
  /** What is gone already is fine. */
  deregister(entry: Registration, signal: AbortSignal): Promise<void>;
}

/** Throws an Error that names the file if a TLS file can't be used. */
export function createOthers(options: ConsulOptions, { cluster, node }: AdapterContext): Others {
  const consul = createConsulClient(options);
  const catalog = createCatalogClient(consul);
  /** Id → the catalog's node that it was last seen on. */
  let places = new Map<string, string>();

  return {
    async list(signal) {
      const found = await catalog.find(clusterFilter("ServiceID", cluster), signal);
      const others = found.flatMap((service) => {
        const owner = ownerIn(service, cluster);
        return owner === null || owner.node === node.id ? [] : [{ service, owner }];
      });
      places = new Map(others.map(({ service: { ServiceID, Node } }) => [ServiceID, Node]));
      return others.map(({ service, owner }) => toRegistration(service, owner.node));
    },
    async deregister({ key, node: of = "" }, signal) {
      const own = await consul.services(idFilter("ID", ownerOf(cluster, of)), signal);
      if (own.some(({ ID }) => ID === key)) return consul.deregister(key, signal);
      const Node = places.get(key);
      if (Node !== undefined) await catalog.deregister({ Node, ServiceID: key }, signal);
    },
    [Symbol.asyncDispose]: () => consul[Symbol.asyncDispose](),
  };
}

/** The owner that an entry's meta names, if its id says the same; null for what is not ours at all, or not a node's own. */
function ownerIn(
  { ServiceID, ServiceMeta }: ServiceOnNode,
  cluster: string,
): { readonly owner: Owner; readonly node: string } | null {
  const mark = ServiceMeta[`${MARK}owner`] ?? "";
  if (!mark.startsWith(`${cluster}/`)) return null;
  const node = mark.slice(cluster.length + 1);
  const owner = ownerOf(cluster, node);
  return isOurs(owner, ServiceID, ServiceMeta) ? { owner, node } : null;
}

function toRegistration(found: ServiceOnNode, node: string): Registration {
  const { ServiceID, ServiceMeta: meta, ServiceName, ServiceAddress, ServicePort, Node } = found;
  const protocol = meta[`${MARK}protocol`] === "udp" ? "udp" : "tcp";
  return {
    key: ServiceID,
    instance: meta[`${MARK}id`] ?? null,
    service: ServiceName,
    task: meta[`${MARK}task`] ?? null,
    source: meta[`${MARK}source`] ?? null,
    endpoint: endpointOf(ServiceAddress, ServicePort, protocol),
    rank: 0,
    node,
    spec: { service: ServiceName, address: ServiceAddress, port: ServicePort, node: Node },
  };
}
