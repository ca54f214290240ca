/** One master's server: it can go away, break all its connections, and come back at the same port. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";

export interface Master {
  /** Without a path. */
  readonly url: string;
  /** `127.0.0.1:port` */
  readonly authority: string;
  down(): Promise<void>;
  up(): Promise<void>;
}

export type Responder = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export async function startMaster(
  responder: Responder,
  tls: { readonly key: string; readonly cert: string } | undefined,
): Promise<Master> {
  let server = serve();
  let isUp = true;
  await listen(server, 0);
  const { port } = server.address() as AddressInfo;
  const authority = `127.0.0.1:${port}`;

  function serve(): Server {
    const handle = (request: IncomingMessage, response: ServerResponse): void => {
      responder(request, response).catch(() => response.destroy());
    };
    return tls === undefined ? createServer(handle) : createTlsServer(tls, handle);
  }

  return {
    url: `${tls === undefined ? "http" : "https"}://${authority}`,
    authority,
    async down() {
      if (!isUp) return;
      isUp = false;
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
    async up() {
      if (isUp) return;
      server = serve();
      await listen(server, port);
      isUp = true;
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
}
