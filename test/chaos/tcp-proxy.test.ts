import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { until } from "../lab/wait.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

const SOON = { timeoutMs: 5000, everyMs: 5 };

describe("a way with troubles", () => {
  let served = 0;
  let server: Server;
  let proxy: TcpProxy;
  beforeEach(async () => {
    served = 0;
    server = createServer((request, response) => {
      served++;
      request.pipe(response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    proxy = await startTcpProxy({ target: { port: (server.address() as AddressInfo).port }, random: () => 0.5 });
  });
  afterEach(async () => {
    await proxy[Symbol.asyncDispose]();
    server.closeAllConnections();
    server.close();
  });

  async function ask(body = "hello"): Promise<string> {
    const answer = await fetch(`http://127.0.0.1:${proxy.port}/`, { method: "POST", body });
    return await answer.text();
  }

  const failure = () =>
    ask().then(
      () => null,
      (error: Error) => (error.cause as { readonly code?: string } | undefined)?.code ?? error.message,
    );

  it("lets through what is sent, both ways, also much of it", async () => {
    const much = "0123456789".repeat(100_000);

    expect(await ask()).toBe("hello");
    expect(await ask(much)).toBe(much);
  });

  it("delay: there and back again", async () => {
    const heal = await proxy.trouble({ kind: "delay", ms: 60 });
    const began = performance.now();

    expect(await ask()).toBe("hello");
    expect(performance.now() - began).toBeGreaterThanOrEqual(100);
    await heal();
  });

  it("throttle: no faster than so many bytes a second", async () => {
    await proxy.trouble({ kind: "throttle", bytesPerSecond: 5000 });
    const began = performance.now();

    expect(await ask("x".repeat(1000))).toHaveLength(1000);
    expect(performance.now() - began).toBeGreaterThanOrEqual(300);
  });

  it("refuse: open connections are reset, new ones refused, and the port is the same afterwards", async () => {
    await ask();
    const heal = await proxy.trouble({ kind: "refuse" });

    expect(await failure()).toBe("ECONNREFUSED");
    expect(proxy.connections()).toBe(0);
    await heal();
    await heal();
    expect(await ask()).toBe("hello");
  });

  it("reset: every so often all connections go", async () => {
    const silence = await proxy.trouble({ kind: "silent" });
    const heal = await proxy.trouble({ kind: "reset", everyMs: 30 });

    expect(await failure()).toMatch(/ECONNRESET|UND_ERR_SOCKET/);
    await heal();
    await silence();
    expect(await ask()).toBe("hello");
  });

  it("silent: nothing comes through, and all of it when it is over", async () => {
    const heal = await proxy.trouble({ kind: "silent" });
    const answer = ask();

    await until(() => proxy.connections() === 1, { ...SOON, what: "the connection" });
    expect(served).toBe(0);
    await heal();
    expect(await answer).toBe("hello");
  });

  it("lost: the server does it, and the answer is a reset, for that share of the answers", async () => {
    const heal = await proxy.trouble({ kind: "lost", share: 0.6 });

    expect(await failure()).toMatch(/ECONNRESET|UND_ERR_SOCKET/);
    expect(served).toBe(1);
    await heal();
    await proxy.trouble({ kind: "lost", share: 0.4 });
    expect(await ask()).toBe("hello");
  });

  it("is a reset where nobody listens", async () => {
    await using nowhere = await startTcpProxy({ target: { path: "/nowhere.sock" } });

    await expect(fetch(`http://127.0.0.1:${nowhere.port}/`)).rejects.toThrow("fetch failed");
  });
});
