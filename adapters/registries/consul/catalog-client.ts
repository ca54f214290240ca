/** The calls to the catalog, which an agent passes on to the servers, each with the permission that it needs. */
import type * as v from "valibot";
import { parseAnswer } from "../../http.ts";
import {
  type CatalogNode,
  CatalogNodes,
  type NodeCheck,
  NodeChecks,
  NodeServices,
  ServiceNames,
  type ServiceOnNode,
  ServicesOnNodes,
} from "./answers.ts";
import type { ConsulClient } from "./client.ts";
import { inParallel } from "./parallel.ts";

/** All reject as the {@link ConsulClient}'s do; while there is no leader with a 500 that is worth a retry. */
export interface CatalogClient {
  /** Needs `node:read`, without which Consul leaves nodes out. */
  nodes(filter: string, signal: AbortSignal): Promise<readonly CatalogNode[]>;
  /** A node with its services; null if there is none. Needs `node:read` and `service:read`. */
  node(name: string, signal: AbortSignal): Promise<NodeServices>;
  /** Of all nodes. Needs `node:read` and `service:read`. */
  checks(filter: string, signal: AbortSignal): Promise<readonly NodeCheck[]>;
  /**
   * Services that match, wherever they are; may be some ms behind. One request, and one for each name in the catalog:
   * that the first can be filtered is new, and older versions (1.8.7) take no notice of it. Needs `node:read` and `service:read`.
   */
  find(filter: string, signal: AbortSignal): Promise<readonly ServiceOnNode[]>;
  /** A node, a service on it and its checks, all at once. Needs `node:write` and `service:write`. */
  register(body: object, signal: AbortSignal): Promise<void>;
  /** What is not there is fine. Needs `service:write`. */
  deregister(item: CatalogItem, signal: AbortSignal): Promise<void>;
  /** With all that is on it. Needs `node:write`. */
  deregisterNode(name: string, signal: AbortSignal): Promise<void>;
}

/** A service or a check on a node. */
export type CatalogItem =
  | { readonly Node: string; readonly ServiceID: string }
  | { readonly Node: string; readonly CheckID: string };

const READ = "node:read and service:read";
const WRITE = "node:write on the node and service:write on the service's name";
/** Names looked up at a time. */
const LOOKUPS = 8;

export function createCatalogClient({ send }: Pick<ConsulClient, "send">): CatalogClient {
  async function get<T extends v.GenericSchema>(
    schema: T,
    path: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<v.InferOutput<T>> {
    return parseAnswer(schema, await send({ method: "GET", path: `/v1/${path}`, query }, READ, signal));
  }

  async function put(path: string, body: object, signal: AbortSignal): Promise<void> {
    await send({ method: "PUT", path: `/v1/catalog/${path}`, body }, WRITE, signal);
  }

  async function find(filter: string, signal: AbortSignal): Promise<readonly ServiceOnNode[]> {
    // Any server may answer: whoever looks for something does it again.
    const query = { filter, stale: "" };
    const names = Object.keys(await get(ServiceNames, "catalog/services", query, signal));
    const found = await inParallel(names, LOOKUPS, (name) =>
      get(ServicesOnNodes, `catalog/service/${encodeURIComponent(name)}`, query, signal),
    );
    return found.flat();
  }

  return {
    nodes: (filter, signal) => get(CatalogNodes, "catalog/nodes", { filter }, signal),
    node: (name, signal) => get(NodeServices, `catalog/node/${encodeURIComponent(name)}`, {}, signal),
    checks: (filter, signal) => get(NodeChecks, "health/state/any", { filter }, signal),
    find,
    register: (body, signal) => put("register", body, signal),
    deregister: (item, signal) => put("deregister", item, signal),
    deregisterNode: (Node, signal) => put("deregister", { Node }, signal),
  };
}
