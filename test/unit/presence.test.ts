import { createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { returns } from "../../adapters/presence.ts";
import { until } from "../lab/wait.ts";

describe("returns", () => {
  let server: Server;
  let sockets: Set<Socket>;
  let port = 0;
  let stop: AbortController;
  let seen: number;
  let watching: Promise<void>;

  beforeEach(async () => {
    sockets = new Set();
    port = await listen(0);
    stop = new AbortController();
    seen = 0;
    watching = watch();
    await held();
  });
  afterEach(async () => {
    stop.abort(new Error("test over"));
    await watching;
    await close();
  });

  async function watch(): Promise<void> {
    for await (const _ of returns(`http://127.0.0.1:${port}`, stop.signal)) seen++;
  }

  async function listen(at: number): Promise<number> {
    server = createServer((socket) => {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
      socket.on("error", () => {});
    });
    await new Promise<void>((resolve) => server.listen(at, "127.0.0.1", resolve));
    const address = server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  }

  async function close(): Promise<void> {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }

  async function held(): Promise<void> {
    await until(async () => sockets.size === 1, { timeoutMs: 5_000, everyMs: 5, what: "a connection" });
  }

  it("says nothing while the server stays", () => {
    expect(seen).toBe(0);
  });

  it("tells that a server which was away is back", async () => {
    await close();
    await listen(port);
    await until(async () => seen === 1, { timeoutMs: 5_000, everyMs: 5, what: "the return to be told" });
    await held();
  });

  it("does not miss a restart that takes no time", async () => {
    for (const socket of sockets) socket.destroy();
    await until(async () => seen === 1, { timeoutMs: 5_000, everyMs: 5, what: "the return to be told" });
  });

  it("ends without an error, and leaves no connection behind", async () => {
    stop.abort(new Error("enough"));
    await watching;
    await until(async () => sockets.size === 0, { timeoutMs: 5_000, everyMs: 5, what: "the connection to be closed" });
  });
});
