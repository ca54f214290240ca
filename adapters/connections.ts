/**
 * Connections of Node's own HTTP client, which every request of an adapter goes over. Node has it, and its parser, ready
 * from the start; undici, used before, cost a fifth of the time until the first registration (docs/decisions/013).
 */
import { setMaxListeners } from "node:events";
import { Agent, type ClientRequest, type IncomingHttpHeaders, request as requestHttp } from "node:http";
import type { Readable } from "node:stream";
import { ConnectionError, timeoutError } from "./failure.ts";
import { sharedLookup } from "./lookup.ts";

/** The content of PEM files, named as Node's TLS options are. */
export interface TlsMaterial {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

export interface ConnectionsOptions {
  readonly tls?: TlsMaterial;
  /** The server listens on this socket in place of a host and port, which then only name it. */
  readonly socketPath?: string;
  /** To one server, at most; requests beyond that wait. @default no limit */
  readonly max?: number;
  /** ms for which an idle one is kept, unless the server says less; 0: none is kept. @default 20 s */
  readonly keepIdle?: number;
}

export interface RequestOptions {
  /** @default "GET" */
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** ms until the answer begins, from waiting for a connection on; 0: no limit. */
  readonly timeout: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Whoever reads it bounds it in size and time. Ends with an error if the connection does, or on abort. */
  readonly body: Readable;
}

export interface Connections {
  /**
   * @returns an answer that has begun, whatever its status
   * Rejects with `signal.reason` on abort, which ends the body too, else with a {@link ConnectionError}.
   */
  request(url: string, options: RequestOptions, signal: AbortSignal): Promise<Answer>;
  /** Ends all requests and closes all connections. */
  close(): void;
}

/**
 * Long enough that most changes of a quiet cluster need no handshake, with TLS of several round trips; shorter than the
 * 30 s after which servers, Jetty under Marathon among them, close a connection themselves, perhaps just as it is used.
 */
const KEEP_IDLE = 20_000;

/** Prepares connections; the first request makes one. */
export function openConnections({ tls, socketPath, max, keepIdle = KEEP_IDLE }: ConnectionsOptions): Connections {
  const common = {
    keepAlive: keepIdle > 0,
    // Of idle ones: who waits for an answer has limits of its own.
    ...(keepIdle > 0 && { timeout: keepIdle }),
    ...(max !== undefined && { maxSockets: max }),
    lookup: sharedLookup,
  };
  const closed = new AbortController();
  // One listener per request under way.
  setMaxListeners(0, closed.signal);
  let plain: Agent | null = null;
  let encrypted: Agent | null = null;

  function begin(url: string, { method = "GET", headers }: RequestOptions): ClientRequest {
    const options = { method, headers, ...(socketPath !== undefined && { socketPath }) };
    const target = new URL(url);
    if (target.protocol !== "https:") {
      plain ??= new Agent(common);
      return requestHttp(target, { ...options, agent: plain });
    }
    const https = process.getBuiltinModule("node:https");
    encrypted ??= new https.Agent({ ...common, ...tls });
    return https.request(target, { ...options, agent: encrypted });
  }

  return {
    async request(url, options, signal) {
      signal.throwIfAborted();
      closed.signal.throwIfAborted();
      return await exchange(begin(url, options), options, [signal, closed.signal]);
    },
    close() {
      closed.abort(new Error("the connection is closed"));
      plain?.destroy();
      encrypted?.destroy();
    },
  };
}

function exchange(
  request: ClientRequest,
  { body, timeout }: RequestOptions,
  signals: readonly AbortSignal[],
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let isSent = false;
    let current: Readable | ClientRequest = request;
    const timer = timeout === 0 ? undefined : setTimeout(() => fail(timeoutError(timeout)), timeout);
    for (const signal of signals) signal.addEventListener("abort", abort, { once: true });

    function abort(this: AbortSignal): void {
      end(this.reason);
    }
    function fail(cause: Error): void {
      end(new ConnectionError(cause, { isSent, wasIdle: request.reusedSocket }));
    }
    // Destroyed requests tell of it only once they have a connection.
    function end(reason: Error): void {
      done();
      reject(reason);
      current.destroy(reason);
    }
    function done(): void {
      clearTimeout(timer);
      for (const signal of signals) signal.removeEventListener("abort", abort);
    }

    request.once("socket", (socket) => {
      if (request.reusedSocket) isSent = true;
      else socket.once("encrypted" in socket ? "secureConnect" : "connect", () => (isSent = true));
    });
    request.on("error", fail);
    request.once("response", (answer) => {
      clearTimeout(timer);
      current = answer;
      answer.once("close", done);
      resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: answer });
    });
    request.end(body);
  });
}
