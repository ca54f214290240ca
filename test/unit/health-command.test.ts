import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runMuster } from "../cli.ts";

let server: Server;
let address: string;
/** Status of `/healthz`; everything else is 401, as with a token that the health check does not have. */
let health: number;

beforeEach(async () => {
  health = 200;
  server = createServer((request, response) => {
    response.statusCode = request.url === "/healthz" ? health : 401;
    if (request.url?.startsWith("/v1/instances/") === true) return answerReady(request.url, response);
    response.end('{"status":"alive"}');
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** One container is in service, all others are not. */
function answerReady(url: string, response: ServerResponse): void {
  response.statusCode = url === "/v1/instances/a%2Fb/ready?registry=alb" ? 200 : 503;
  response.setHeader("content-type", "application/problem+json");
  response.end('{"status":"ready","detail":"alb: its target is initial"}');
}

function muster(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return runMuster(args, { env });
}

test("a Muster that answers is alive, wherever the configuration has it listen", async () => {
  const env = { MUSTER_HTTP__LISTEN: address };
  expect(await muster(["health"], env)).toEqual({ code: 0, out: `http://${address}: alive\n`, err: "" });
  expect((await muster(["health", "--url", `http://${address}`])).code).toBe(0);
});

test("an address that means all of them is asked over the loopback", async () => {
  const env = { MUSTER_HTTP__LISTEN: address.replace("127.0.0.1", "0.0.0.0"), MUSTER_HTTP__TOKEN_FILE: "/not/read" };
  expect(await muster(["health"], env)).toMatchObject({ code: 0, out: `http://${address}: alive\n` });
});

test("anything else is a failure in one line", async () => {
  health = 503;
  const env = { MUSTER_HTTP__LISTEN: address };
  expect(await muster(["health"], env)).toEqual({
    code: 1,
    out: "",
    err: `http://${address}/healthz: answered 503; is it a Muster?\n`,
  });

  server.closeAllConnections();
  server.close();
  await once(server, "close");
  const { code, err } = await muster(["health"], env);
  expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(/^.*no Muster answers there.*\n$/) });
});

test("--target asks whether a task is in service, without a token, and says why not", async () => {
  const env = { MUSTER_HTTP__LISTEN: address };
  expect(await muster(["health", "--target", "a/b", "--registry", "alb"], env)).toEqual({
    code: 0,
    out: "a/b: in service\n",
    err: "",
  });
  expect(await muster(["health", "--target", "other"], env)).toEqual({
    code: 1,
    out: "",
    err: "alb: its target is initial\n",
  });
  expect(await muster(["health", "--registry", "alb"], env)).toMatchObject({ code: 2 });
});
