/** The HTTP server's life: listens, answers, and on disposal ends its open streams too. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";

export interface HttpServer extends AsyncDisposable {
  /** The port it listens on; tells which one was free where 0 was asked for. */
  readonly port: number;
}

/** Slow or idle requests are cut off, so that no client can hold connections for nothing. */
const REQUEST_MS = 10_000;

/** @throws Error in one line if the address is taken or isn't this machine's */
export async function serve(
  app: Hono,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<HttpServer> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
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
