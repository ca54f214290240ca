/** One Consul server, and agents on loopback addresses of their own that join it, as on the hosts of a cluster. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Logger } from "../../src/model.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { freePorts } from "../lab/ports.ts";
import { until } from "../lab/wait.ts";

export interface AgentOptions {
  /** Its own address, "127.0.0.2"; the API listens at it as well. */
  readonly address: string;
  /** Of the API. @default one that is free */
  readonly port?: number;
  /** @default the lab's choice */
  readonly nodeName?: string;
}

/** Starts an agent that is no server and has joined; it keeps its services over restarts. */
export async function startAgent(server: Consul, { address, port, nodeName }: AgentOptions): Promise<Consul> {
  const self = (await server.request({ path: "/v1/agent/self" })) as { readonly Member: { readonly Port: number } };
  const [spare = 0, serf = 0, rpc = 0] = await freePorts(3);
  const api = port ?? spare;
  const agent = await startConsul({
    dataDir: true,
    port: api,
    config: {
      ...(nodeName !== undefined && { node_name: nodeName }),
      server: false,
      bootstrap: false,
      bind_addr: address,
      client_addr: `127.0.0.1 ${address}`,
      retry_join: [`127.0.0.1:${self.Member.Port}`],
      ports: { http: api, dns: -1, grpc: -1, serf_lan: serf, serf_wan: -1, server: rpc },
    },
  });
  // Its own node is in the catalog only after its first full synchronisation, which removes what others put onto it.
  const isKnown = async () => (await nodes(server)).some(({ Address }) => Address === address);
  await until(isKnown, { timeoutMs: 15_000, what: `the agent at ${address} in the catalog` });
  return agent;
}

export interface CatalogNode {
  readonly Node: string;
  readonly Address: string;
  readonly Meta: Readonly<Record<string, string>> | null;
}

export async function nodes(consul: Consul): Promise<readonly CatalogNode[]> {
  return (await consul.request({ path: "/v1/catalog/nodes" })) as CatalogNode[];
}

/** The name of the node with this address. */
export async function nodeAt(consul: Consul, address: string): Promise<string> {
  const node = (await nodes(consul)).find(({ Address }) => Address === address);
  if (node === undefined) throw new Error(`no node at ${address}`);
  return node.Node;
}

/** How many instances of a service the catalog has. */
export async function seen(consul: Consul, service = "web"): Promise<number> {
  return ((await consul.request({ path: `/v1/catalog/service/${service}` })) as readonly object[]).length;
}

/** Ids of a service's instances that a consumer is sent to. */
export async function serving(consul: Consul, service: string): Promise<readonly string[]> {
  const found = await consul.request({ path: `/v1/health/service/${encodeURIComponent(service)}?passing` });
  return (found as { readonly Service: { readonly ID: string } }[]).map(({ Service }) => Service.ID);
}

export async function nodeNames(consul: Consul): Promise<readonly string[]> {
  return (await nodes(consul)).map(({ Node }) => Node);
}

export interface NodeService {
  readonly ID: string;
  readonly Service: string;
  readonly Address: string;
  readonly Port: number;
  readonly Tags: readonly string[];
  readonly Meta: Readonly<Record<string, string>>;
}

/** By id; null if there is no such node. */
export async function servicesOn(consul: Consul, node: string): Promise<Readonly<Record<string, NodeService>> | null> {
  const answer = (await consul.request({ path: `/v1/catalog/node/${encodeURIComponent(node)}` })) as {
    readonly Services: Record<string, NodeService>;
  } | null;
  return answer?.Services ?? null;
}

export interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Keeps what is logged. */
export function recorder(): { readonly log: Logger; readonly lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: keyof Logger) => (fields: object, message: string) =>
    void lines.push({ level, message, fields: { ...fields } });
  return { lines, log: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") } };
}

/** How many parts of a registry are away, as its log tells. */
export function partsAway(lines: readonly LogLine[]): number {
  const away = new Set<unknown>();
  for (const { message, fields } of lines) {
    if (message.startsWith("part of the registry does not answer")) away.add(fields["url"]);
    if (message === "part of the registry answers again") away.delete(fields["url"]);
  }
  return away.size;
}

export interface Forwarder extends AsyncDisposable {
  readonly url: string;
  /** Connections so far. */
  connections(): number;
}

/** Passes connections to an address and port of this machine on to an agent, so that a template can lead there. */
export async function startForwarder(address: string, port: number, target: string): Promise<Forwarder> {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((client) => {
    connections += 1;
    const upstream = connect(Number(new URL(target).port), "127.0.0.1");
    for (const [socket, peer] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      socket
        .on("error", () => {})
        .on("close", () => {
          open.delete(socket);
          peer.destroy();
        });
      socket.pipe(peer);
    }
  });
  server.listen(port, address);
  await once(server, "listening");
  return {
    url: `http://${address}:${port}`,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
