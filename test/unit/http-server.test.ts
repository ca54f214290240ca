import { createServer, type Server } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import { type Listener, serve } from "../../src/http/server.ts";
import { silent } from "../reconciling.ts";

async function started(load: () => Promise<Listener>) {
  const server = await serve(load, { host: "127.0.0.1", port: 0 }, silent);
  onTestFinished(() => server[Symbol.asyncDispose]());
  const url = `http://127.0.0.1:${server.port}`;
  return async (path: string, method = "GET") => {
    const answer = await fetch(`${url}${path}`, { method });
    return [answer.status, await answer.text()];
  };
}

const app: Listener = ({ method, url }, response) => response.writeHead(418).end(`${method} ${url}`);

it("says that it is alive while nothing else is loaded, and loads the rest once, when it is asked for", async () => {
  let loads = 0;
  const ask = await started(async () => {
    loads++;
    return app;
  });

  expect(await ask("/healthz")).toEqual([200, '{"status":"alive"}']);
  expect(loads).toBe(0);
  expect(await Promise.all([ask("/v1/instances?a=1"), ask("/healthz", "POST")])).toEqual([
    [418, "GET /v1/instances?a=1"],
    [418, "POST /healthz"],
  ]);
  expect(await ask("/healthz")).toEqual([418, "GET /healthz"]);
  expect(loads).toBe(1);
});

it("answers 500 while the rest can't be loaded, and tries again", async () => {
  let isBroken = true;
  const ask = await started(async () => {
    if (isBroken) throw new Error("secret path");
    return app;
  });

  const [status, text] = await ask("/v1/instances");
  expect([status, text]).toEqual([500, expect.not.stringContaining("secret")]);
  isBroken = false;
  expect((await ask("/v1/instances"))[0]).toBe(418);
});

it("says what to do where it can't listen", async () => {
  const other: Server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  await new Promise((resolve) => other.once("listening", resolve));
  const address = other.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;

  await expect(serve(async () => app, { host: "127.0.0.1", port }, silent)).rejects.toThrow(
    `http: can't listen on 127.0.0.1:${port}: another program`,
  );
});
