/** The HTTP server's life: listens, answers, and on disposal ends its open streams too. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "../model.ts";

/** Answers a request; what goes wrong is part of the answer. */
export type Listener = (request: IncomingMessage, response: ServerResponse) => unknown;

export interface HttpServer extends AsyncDisposable {
  /** The port it listens on; tells which one was free where 0 was asked for. */
  readonly port: number;
}

/** What `/healthz` says, whoever answers it. */
export const ALIVE = { status: "alive" };

/** Slow or idle requests are cut off, so that no client can hold connections for nothing. */
const REQUEST_MS = 10_000;

/**
 * @param load gives what answers. It is asked for at the first request that is not a probe of `/healthz`: the API's
 * libraries are a quarter of a start, and most nodes are never asked for more (decisions/013)
 * @throws Error in one line if the address is taken or isn't this machine's
 */
export async function serve(
  load: () => Promise<Listener>,
  { host, port }: { readonly host: string; readonly port: number },
  log: Logger,
): Promise<HttpServer> {
  const server = createServer(lazyListener(load, log));
  server.requestTimeout = REQUEST_MS;
  server.headersTimeout = REQUEST_MS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, host, port)));
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function lazyListener(load: () => Promise<Listener>, log: Logger): Listener {
  let loading: Promise<Listener> | null = null;
  let loaded: Listener | null = null;
  return async (request, response) => {
    if (loaded !== null) return loaded(request, response);
    if (request.method === "GET" && request.url === "/healthz") return answer(response, 200, ALIVE);
    loading ??= load();
    try {
      loaded = await loading;
    } catch (error) {
      loading = null;
      log.error({ err: error }, "the API can't be loaded");
      return answer(response, 500, CANT_LOAD);
    }
    return loaded(request, response);
  };
}

/** Problem details (RFC 9457), as the API's own. */
const CANT_LOAD = {
  ...{ type: "about:blank", title: "Internal error", status: 500 },
  detail: "the API can't be loaded; the log says why",
};

function answer(response: ServerResponse, status: number, body: object): void {
  const type = status === 200 ? "application/json" : "application/problem+json";
  response.writeHead(status, { "content-type": type }).end(JSON.stringify(body));
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program (another Muster?) listens there already; stop it, or choose another http.listen",
  EADDRNOTAVAIL: "this machine has no such address; choose another http.listen",
  EACCES: "not permitted; choose a port above 1023 for http.listen",
};

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  return new Error(`http: can't listen on ${host}:${port}: ${REASONS[error.code ?? ""] ?? error.message}`, {
    cause: error,
  });
}
