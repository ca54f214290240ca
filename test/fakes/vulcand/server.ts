/** A stateful Vulcand on loopback, in the dialect of one of three versions, held against recorded transcripts. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { type Api, createApi } from "./api.ts";
import { type Dialect, isBeta, type Reply } from "./dialect.ts";
import { createEtcd, type Etcd } from "./etcd.ts";
import { type ProxyRequest, routeOf } from "./route.ts";
import { createStore, type Store } from "./store.ts";

/** What happens to one request in place of its answer. */
export type VulcandFault =
  | { readonly kind: "status"; readonly status: number; readonly message: string }
  /** It is held until the end, and never done. */
  | { readonly kind: "hang" }
  /** It is done, and the connection is reset. */
  | { readonly kind: "reset" }
  | { readonly kind: "slow"; readonly ms: number };

export interface SeenCall {
  readonly method: string;
  /** With query, as sent. */
  readonly path: string;
  readonly body: string;
}

export interface FakeVulcand extends AsyncDisposable {
  readonly url: string;
  /** Every request so far. */
  readonly calls: readonly SeenCall[];
  /** Of those, the ones that write. */
  writes(): readonly SeenCall[];
  /** The raw keys, as a person with etcdctl sees and sets them. */
  readonly store: Store;
  readonly etcd: Etcd;
  /** Asked at each request; undefined: no fault. */
  fault: (call: SeenCall) => VulcandFault | undefined;
  /** Where the proxy would send a request: the server's URL and the Host that it gets. */
  proxy(request: ProxyRequest): ProxyAnswer;
}

export interface ProxyAnswer {
  /** 200, 404: no route, 500 or 503: no server. */
  readonly status: number;
  /** The URL of one of the servers, in turn. */
  readonly server?: string;
  readonly host?: string;
}

/** @param now ms since the epoch, by which TTLs run out */
export async function startFakeVulcand(
  dialect: Dialect,
  { now = Date.now }: { readonly now?: () => number } = {},
): Promise<FakeVulcand> {
  const store = createStore({ now, deletesByPrefix: dialect === "0.9.2-etcd3" });
  const api = createApi(dialect, store);
  const etcd = createEtcd(dialect);
  const calls: SeenCall[] = [];
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const turns = new Map<string, number>();

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = { method: request.method ?? "", path: request.url ?? "", body: await text(request) };
    calls.push(call);
    const fault = fake.fault(call);
    if (fault?.kind === "hang") return;
    if (fault?.kind === "status") return write(response, { status: fault.status, body: { message: fault.message } });
    const body = { contentType: request.headers["content-type"], text: call.body };
    const act = () => api.handle({ method: call.method, path: call.path, body });
    const answer = (reply: Reply) => {
      if (fault?.kind === "reset") request.socket.resetAndDestroy();
      else if (fault?.kind === "slow") timers.add(setTimeout(() => write(response, reply), fault.ms));
      else write(response, reply);
    };
    // The status says nothing of etcd: it is fine without it.
    if (call.path.endsWith("/status")) answer(act());
    else etcd.run(call.method, act, answer);
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => request.socket.destroy());
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  const fake: FakeVulcand = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    writes: () => calls.filter(({ method }) => method !== "GET" && method !== "HEAD"),
    store,
    etcd,
    fault: () => undefined,
    proxy: (request) => proxied(dialect, api, turns, request),
    async [Symbol.asyncDispose]() {
      for (const timer of timers) clearTimeout(timer);
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return fake;
}

function write(response: ServerResponse, reply: Reply): void {
  if (reply === "close") return void response.destroy();
  const escaped = JSON.stringify(reply.body).replace(
    /[<>&]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  );
  response.writeHead(reply.status, { "content-type": "application/json; charset=utf-8" }).end(escaped);
}

function proxied(dialect: Dialect, api: Api, turns: Map<string, number>, request: ProxyRequest): ProxyAnswer {
  const frontends = api.routed();
  const route = routeOf(
    frontends.map((each) => String(each["Route"])),
    request,
  );
  const frontend = frontends.find(({ Route }) => Route === route);
  if (frontend === undefined) return { status: 404 };
  const backend = String(frontend["BackendId"]);
  const servers = api.servers(backend).filter(({ URL: url }) => !String(url).startsWith("/"));
  if (servers.length === 0) return { status: isBeta(dialect) ? 500 : 503 };
  const turn = turns.get(backend) ?? 0;
  turns.set(backend, turn + 1);
  const server = String(servers[turn % servers.length]?.["URL"]);
  const settings = frontend["Settings"] as { readonly PassHostHeader?: boolean } | undefined;
  const passes = isBeta(dialect) || settings?.PassHostHeader === true;
  return { status: 200, server, host: passes ? request.host : new URL(server).host };
}
