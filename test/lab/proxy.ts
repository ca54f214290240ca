import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";

/** An HTTP proxy in this process. */
export interface Proxy extends AsyncDisposable {
  /** "http://198.18.0.1:40123", for HTTP_PROXY and HTTPS_PROXY. */
  readonly url: string;
}

/**
 * Starts a proxy at an address of this host: the only way out for engines, which have no uplink and no name servers.
 * For `docker build`; it lets through everything, so give it an address that only the lab can reach.
 */
export async function startProxy(address: string): Promise<Proxy> {
  const open = new Set<Duplex>();
  const server = createServer(forward);
  server.on("connection", (socket: Duplex) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  server.on("connect", tunnel);
  server.listen(0, address);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${address}:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/** HTTPS: bytes both ways. */
function tunnel(incoming: IncomingMessage, client: Duplex): void {
  const { hostname, port } = new URL(`http://${incoming.url}`);
  const upstream = connect(Number(port || "443"), hostname, () => {
    client.write("HTTP/1.1 200 Connection established\r\n\r\n");
    upstream.pipe(client).pipe(upstream);
  });
  upstream.on("error", () => client.destroy());
  client.on("error", () => upstream.destroy());
  client.on("close", () => upstream.destroy());
}

/** Plain HTTP, as apt uses it. */
function forward(incoming: IncomingMessage, answer: ServerResponse): void {
  const fail = (): void => {
    answer.writeHead(502).end();
  };
  if (incoming.url?.startsWith("http://") !== true) {
    fail();
    return;
  }
  const upstream = request(incoming.url, { method: incoming.method, headers: incoming.headers }, (theirs) => {
    answer.writeHead(theirs.statusCode ?? 502, theirs.headers);
    theirs.pipe(answer);
  });
  upstream.on("error", fail);
  incoming.pipe(upstream);
}
