import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import * as v from "valibot";
import { afterEach, describe, expect, it } from "vitest";
import { failed, RequestError, statusError } from "../../adapters/failure.ts";
import { createHttpClient, type HttpClientOptions, parseAnswer } from "../../adapters/http.ts";

const NEVER = new AbortController().signal;

describe("the HTTP client", () => {
  let server: Server | undefined;

  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
  });

  async function serve(listener: RequestListener): Promise<string> {
    server = createServer(listener);
    await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  async function failureOf(
    options: HttpClientOptions,
    method: "GET" | "PUT" = "PUT",
    signal: AbortSignal = NEVER,
  ): Promise<unknown> {
    await using client = createHttpClient(options);
    return await client.send({ method, path: "/x" }, signal).then(
      () => null,
      (error: unknown) => error,
    );
  }

  it("sends JSON below the URL's path, and gives the answer whatever its status", async () => {
    const seen: unknown[] = [];
    const url = await serve((request, response) => {
      request.setEncoding("utf8").on("data", (body) => {
        seen.push([request.method, request.url, request.headers["content-type"], request.headers["x-token"], body]);
        response.writeHead(418, { "x-a": "b" }).end("teapot");
      });
    });
    await using client = createHttpClient({ url: `${url}/prefix`, timeout: 5000 });

    const answer = await client.send(
      { method: "PUT", path: "/x", query: { f: 'a == "ü"' }, headers: { "x-token": "t" }, body: { a: 1 } },
      NEVER,
    );

    expect(seen).toEqual([["PUT", "/prefix/x?f=a+%3D%3D+%22%C3%BC%22", "application/json", "t", '{"a":1}']]);
    expect(answer).toMatchObject({ status: 418, text: "teapot", headers: { "x-a": "b" } });
  });

  it("says of a refused connection that nothing was sent", async () => {
    const url = await serve(() => {});
    await new Promise((resolve) => server?.close(resolve));

    const error = await failureOf({ url, timeout: 5000 });

    expect(error).toMatchObject({ message: `${url}: connection refused`, retry: true, ambiguous: false });
  });

  it("says of a reset after sending that the write may be done, and a read is never that", async () => {
    const url = await serve((request) => request.socket.resetAndDestroy());

    expect(await failureOf({ url, timeout: 5000 })).toMatchObject({ retry: true, ambiguous: true });
    expect(await failureOf({ url, timeout: 5000 }, "GET")).toMatchObject({ retry: true, ambiguous: false });
  });

  it.each([
    ["headers", () => {}],
    ["the end of the body", (_, response) => void response.writeHead(200).write("x")],
  ] satisfies [string, RequestListener][])("has a limit for the whole request, up to %s", async (_, listener) => {
    const url = await serve(listener);

    const error = await failureOf({ url, timeout: 50 });

    expect(error).toMatchObject({ message: `${url}: no answer within 50 ms`, retry: true, ambiguous: true });
  });

  it("refuses a cut answer and one that is too large", async () => {
    const cut = await serve((_, response) => {
      response.writeHead(200, { "content-length": "10" }).write("x", () => response.destroy());
    });
    expect(await failureOf({ url: cut, timeout: 5000 }, "GET")).toMatchObject({ retry: true });
    server?.close();

    const large = await serve((_, response) => void response.end("x".repeat(2000)));
    const error = await failureOf({ url: large, timeout: 5000, maxBytes: 1000 }, "GET");
    expect(error).toMatchObject({ message: `${large}: the answer is too large`, retry: true });
  });

  it("rejects with the signal's reason, before and in the middle", async () => {
    const url = await serve(() => controller.abort(reason));
    const [reason, controller] = [new Error("stop"), new AbortController()];

    expect(await failureOf({ url, timeout: 5000 }, "GET", controller.signal)).toBe(reason);
    expect(await failureOf({ url, timeout: 5000 }, "GET", controller.signal)).toBe(reason);
  });
});

describe("what a failure means", () => {
  it.each([
    [400, false, false],
    [404, false, false],
    [409, false, false],
    [429, true, false],
    [500, true, true],
    [502, true, true],
    [503, true, false],
    [504, true, true],
  ])("status %s to a write: retry %s, ambiguous %s", (status, retry, ambiguous) => {
    expect(statusError(status, "why", false)).toMatchObject({
      status,
      retry,
      ambiguous,
      message: `status ${status}: why`,
    });
    expect(statusError(status, "why", true).ambiguous).toBe(false);
  });

  it("is told in one short line", () => {
    const { message } = statusError(500, `a\r\n\tb${"x".repeat(1000)}`, false);

    expect(message).toMatch(/^status 500: a b\P{Cc}+\.\.\.$/u);
    expect(message.length).toBeLessThan(320);
  });

  it("becomes an outcome; what is no request's fault is not tried again", () => {
    const request = new RequestError("reset", { retry: true, ambiguous: true });

    expect(failed("consul: update k", request)).toEqual({
      ok: false,
      error: "consul: update k: reset",
      retry: true,
      ambiguous: true,
    });
    expect(failed("consul: update k", new Error("bad"))).toMatchObject({ retry: false, ambiguous: false });
  });

  it.each(["", "<html>", "[]", '{"a":1}', "null"])("%j is not taken for what was expected", (text) => {
    const parse = () => parseAnswer(v.object({ b: v.string() }), { status: 200, headers: {}, text });

    expect(parse).toThrow(RequestError);
    expect(parse).toThrow(expect.objectContaining({ retry: true }));
  });
});
