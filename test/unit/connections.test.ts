import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { openConnections } from "../../adapters/connections.ts";
import { ConnectionError } from "../../adapters/failure.ts";
import { createHttpClient } from "../../adapters/http.ts";
import { until } from "../lab/wait.ts";

const NEVER = new AbortController().signal;
const GET = { headers: {}, timeout: 5_000 };

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** `sockets`: all that were ever opened to it. */
async function serve(listener: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const sockets: Socket[] = [];
  server = createServer((request, response) => void listener(request, response));
  server.on("connection", (socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

async function failure(request: Promise<unknown>): Promise<unknown> {
  return await request.then(
    () => null,
    (error: unknown) => error,
  );
}

describe("connections", () => {
  it("are kept for the next request, and closed where none are to be kept", async () => {
    const { url, sockets } = await serve((_, response) => response.end("x"));
    const kept = createHttpClient({ url, timeout: 5_000 });
    for (let count = 0; count < 3; count++) await kept.send({ method: "GET", path: "/" }, NEVER);
    expect(sockets).toHaveLength(1);
    await kept[Symbol.asyncDispose]();
    await until(() => sockets[0]?.destroyed === true, { timeoutMs: 5_000, what: "the end of the connection" });

    const single = openConnections({ keepIdle: 0 });
    for (let count = 0; count < 2; count++) (await single.request(url, GET, NEVER)).body.resume();
    expect(sockets).toHaveLength(3);
    single.close();
  });

  it("wait beyond their limit, no longer than a request may", async () => {
    const held: ServerResponse[] = [];
    const { url, sockets } = await serve((_, response) => (held.length === 0 ? held.push(response) : response.end()));
    const connections = openConnections({ max: 1 });
    const first = connections.request(url, GET, NEVER);
    await until(() => held.length === 1, { timeoutMs: 5_000, what: "the first request" });

    const error = await failure(connections.request(url, { ...GET, timeout: 20 }, NEVER));
    expect(error).toMatchObject({ code: "ETIMEDOUT", isSent: false });
    const reason = new Error("stop");
    const stop = new AbortController();
    const waiting = failure(connections.request(url, GET, stop.signal));
    stop.abort(reason);
    expect(await waiting).toBe(reason);

    held[0]?.end("done");
    (await first).body.resume();
    (await connections.request(url, GET, NEVER)).body.resume();
    expect(sockets).toHaveLength(1);
    connections.close();
  });

  it("end what is under way when they are closed, also what waits for one", async () => {
    const { url, sockets } = await serve(() => {});
    const connections = openConnections({ max: 1 });
    const both = [1, 2].map(() => failure(connections.request(url, GET, NEVER)));
    await until(() => sockets.length === 1, { timeoutMs: 5_000, what: "a connection" });
    connections.close();
    for (const error of await Promise.all(both)) expect(error).toMatchObject({ message: "the connection is closed" });
    expect(await failure(connections.request(url, GET, NEVER))).toMatchObject({ message: "the connection is closed" });
  });

  it("end the body with the signal's reason, or with an error when the server goes", async () => {
    const { url, sockets } = await serve((_, response) => void response.writeHead(200).write("x"));
    const connections = openConnections({});
    const read = async (signal: AbortSignal) => {
      const { body } = await connections.request(url, GET, signal);
      const ended = failure(
        (async () => {
          for await (const _ of body) if (signal !== NEVER) stop.abort(reason);
        })(),
      );
      if (signal === NEVER) sockets.at(-1)?.destroy();
      return await ended;
    };
    const [stop, reason] = [new AbortController(), new Error("stop")];
    expect(await read(stop.signal)).toBe(reason);
    expect(await read(NEVER)).toMatchObject({ code: "ECONNRESET" });
    connections.close();
  });

  it("say whether anything was sent", async () => {
    const { url } = await serve((request) => request.socket.resetAndDestroy());
    const connections = openConnections({});
    expect(await failure(connections.request(url, GET, NEVER))).toMatchObject({ code: "ECONNRESET", isSent: true });
    server?.close();
    const refused = await failure(connections.request(url, GET, NEVER));
    expect(refused).toBeInstanceOf(ConnectionError);
    expect(refused).toMatchObject({ code: "ECONNREFUSED", isSent: false });
    connections.close();
  });
});

describe("a kept connection that the server closes as it is used again", () => {
  async function scene() {
    let answered = 0;
    const { url, sockets } = await serve((request, response) => {
      if (request.socket === sockets[0] && answered > 0) return request.socket.resetAndDestroy();
      answered++;
      return response.end(`${request.method}`);
    });
    const client = createHttpClient({ url, timeout: 5_000 });
    await client.send({ method: "GET", path: "/" }, NEVER);
    return client;
  }

  it("costs a read nothing", async () => {
    await using client = await scene();
    expect((await client.send({ method: "GET", path: "/" }, NEVER)).text).toBe("GET");
  });

  it("leaves open whether a write is done", async () => {
    await using client = await scene();
    expect(await failure(client.send({ method: "PUT", path: "/" }, NEVER))).toMatchObject({
      message: expect.stringMatching(/: connection reset$/),
      ambiguous: true,
    });
  });
});
