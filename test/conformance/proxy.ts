/**
 * A small HTTP proxy that stands between a registry adapter and a real server, counts the requests that change
 * something, and does to one of them what networks and servers do: refuse, reset, hang, cut, garble.
 */
import { Agent, createServer, request as forward, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { buffer } from "node:stream/consumers";

/** What happens to a request. */
export type Fault =
  /** The server never sees it; this is the answer. */
  | { readonly kind: "answer"; readonly status: number; readonly body?: string; readonly contentType?: string }
  /** The connection is reset before the server sees it. */
  | { readonly kind: "reset" }
  /** The server does it, and the connection is reset in place of the answer. */
  | { readonly kind: "lost" }
  /** The server does it, and half of the answer comes back. */
  | { readonly kind: "cut" }
  /** It is held for ever. */
  | { readonly kind: "hang" };

export interface SeenRequest {
  readonly method: string;
  /** With query. */
  readonly path: string;
}

export interface FaultProxy extends AsyncDisposable {
  readonly url: string;
  /** The mutating requests so far, in the order in which they came. */
  readonly mutations: readonly SeenRequest[];
  /**
   * The n-th mutating request from now (1: the next) meets this fault, once. A function is called when that request
   * comes, before anything is done with it, and says the fault, or nothing for none.
   */
  failMutation(n: number, fault: Fault | (() => Fault | undefined)): void;
  /** Every request that changes nothing meets this fault, until null. */
  failReads(fault: Fault | null): void;
  /** Forgets planned faults and is up. */
  heal(): Promise<void>;
  /** Resets all connections and refuses new ones, until `heal`. */
  down(): Promise<void>;
  /** Requests that hang now, with a client that still waits. */
  hanging(): number;
  /** Connections from clients. */
  sockets(): number;
}

export interface ProxyOptions {
  /** The server, `http://host:port`. */
  readonly target: string;
  /** @default whatever is not GET or HEAD */
  readonly isMutation?: (request: SeenRequest) => boolean;
}

interface Plan {
  readonly at: number;
  readonly fault: Fault | (() => Fault | undefined);
}

export async function startFaultProxy({ target, isMutation = notRead }: ProxyOptions): Promise<FaultProxy> {
  const agent = new Agent({ keepAlive: true });
  const mutations: SeenRequest[] = [];
  const clients = new Set<Socket>();
  const held = new Set<ServerResponse>();
  let plans: Plan[] = [];
  let readFault: Fault | null = null;

  function faultFor(seen: SeenRequest): Fault | undefined {
    if (!isMutation(seen)) return (seen.method === "GET" && readFault) || undefined;
    mutations.push(seen);
    const plan = plans.find(({ at }) => at === mutations.length);
    return typeof plan?.fault === "function" ? plan.fault() : plan?.fault;
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await buffer(request);
    const fault = faultFor({ method: request.method ?? "", path: request.url ?? "" });
    if (fault === undefined) return await pass(request, body, response, relay);
    switch (fault.kind) {
      case "answer":
        response.writeHead(fault.status, { "content-type": fault.contentType ?? "text/plain" });
        response.end(fault.body ?? "");
        return;
      case "reset":
        request.socket.resetAndDestroy();
        return;
      case "hang":
        held.add(response);
        response.on("close", () => held.delete(response));
        return;
      case "lost":
        return await pass(request, body, response, () => void request.socket.resetAndDestroy());
      case "cut":
        return await pass(request, body, response, cut);
      default:
        fault satisfies never;
    }
  }

  async function pass(
    request: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
    finish: (response: ServerResponse, answer: IncomingMessage, content: Buffer) => void,
  ): Promise<void> {
    const { method, headers, url } = request;
    const options = { method, headers, agent };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      forward(`${target}${url ?? ""}`, options, resolve)
        .on("error", reject)
        .end(body);
    });
    finish(response, answer, await buffer(answer));
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => request.socket.resetAndDestroy());
  });
  server.on("connection", (socket) => {
    clients.add(socket);
    socket.on("close", () => clients.delete(socket));
  });
  server.keepAliveTimeout = 0;

  function listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      server.once("error", reject).listen(port, "127.0.0.1", () => resolve());
    });
  }

  async function close(): Promise<void> {
    if (!server.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of clients) socket.resetAndDestroy();
    await closed;
  }

  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    mutations,
    failMutation(n, fault) {
      plans.push({ at: mutations.length + n, fault });
    },
    failReads(fault) {
      readFault = fault;
    },
    async heal() {
      plans = [];
      readFault = null;
      for (const response of held) response.destroy();
      if (!server.listening) await listen(port);
    },
    down: close,
    hanging: () => held.size,
    sockets: () => clients.size,
    async [Symbol.asyncDispose]() {
      await close();
      agent.destroy();
    },
  };
}

function notRead({ method }: SeenRequest): boolean {
  return method !== "GET" && method !== "HEAD";
}

function relay(response: ServerResponse, answer: IncomingMessage, content: Buffer): void {
  const { "transfer-encoding": _, connection: __, ...headers } = answer.headers;
  response.writeHead(answer.statusCode ?? 502, { ...headers, "content-length": content.length }).end(content);
}

/** At least one byte of the body is promised and missing. */
function cut(response: ServerResponse, answer: IncomingMessage, content: Buffer): void {
  const { "transfer-encoding": _, connection: __, ...headers } = answer.headers;
  response.writeHead(answer.statusCode ?? 502, { ...headers, "content-length": content.length + 1 });
  response.write(content.subarray(0, Math.ceil(content.length / 2)), () => response.destroy());
}
