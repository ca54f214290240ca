/** How the status page is served; it is the last build's. */
import { describe, expect, it } from "vitest";
import { createApi } from "../../src/http/api.ts";
import { silent } from "../reconciling.ts";

const app = createApi({ agent: {} as never, token: async () => "secret", feed: null, log: silent });

describe("the status page's files", () => {
  it.each([
    ["/", "text/html; charset=utf-8"],
    ["/page/app.js", "text/javascript; charset=utf-8"],
    ["/page/app.css", "text/css; charset=utf-8"],
    ["/page/icon.svg", "image/svg+xml"],
  ])("%s needs no token, is typed and guarded, and is asked for again each time", async (path, type) => {
    const { status, headers } = await app.request(path);
    expect(status).toBe(200);
    expect(headers.get("content-type")).toBe(type);
    expect(headers.get("cache-control")).toBe("no-cache");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy.split("; ")).toEqual(
      expect.arrayContaining([
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
      ]),
    );
    expect(policy).not.toMatch(/unsafe|\*/);
  });

  it("cost nothing where they are unchanged", async () => {
    const etag = (await app.request("/page/app.js")).headers.get("etag") ?? "";
    expect(etag).not.toBe("");
    const again = await app.request("/page/app.js", { headers: { "if-none-match": etag } });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe("");
    expect(again.headers.get("content-security-policy")).toContain("default-src 'none'");
  });

  it("are these and no others: nothing beside them is reached, and the API still asks for its token", async () => {
    for (const path of [
      "/page/",
      "/page/../package.json",
      "/page/%2e%2e/package.json",
      "/index.html",
      "/v1/instances",
      "/metrics",
    ])
      expect((await app.request(path)).status, path).toBe(401);
  });

  it("hold no inline script or style, and name nothing from elsewhere", async () => {
    const html = await (await app.request("/")).text();
    expect(html).not.toMatch(/<script(?![^>]*\bsrc="\/page\/)|<style|\son\w+=|style=/i);
    for (const path of ["/", "/page/app.css"])
      expect(await (await app.request(path)).text()).not.toMatch(/https?:\/\/|url\(/);
  });
});
