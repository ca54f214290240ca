/**
 * The status page at `/`: a few static files, built into `dist/page`. They hold nothing secret, so they need no token;
 * the page itself asks for one where the API does.
 */
import { readFile } from "node:fs/promises";
import { type Context, Hono } from "hono";
import { etag } from "hono/etag";
import { secureHeaders } from "hono/secure-headers";
import { problem } from "./problem.ts";

/** Beside this module's folder in the build (also as an installed package); from the source it is the last build's. */
const FOLDER = new URL(import.meta.url.endsWith(".ts") ? "../../dist/page/" : "../../page/", import.meta.url);

const FILES = [
  { path: "/", file: "index.html", type: "text/html; charset=utf-8" },
  { path: "/page/app.js", file: "app.js", type: "text/javascript; charset=utf-8" },
  { path: "/page/app.css", file: "app.css", type: "text/css; charset=utf-8" },
  { path: "/page/icon.svg", file: "icon.svg", type: "image/svg+xml" },
] as const;

const NONE = ["'none'"];
const SELF = ["'self'"];
const headers = secureHeaders({
  contentSecurityPolicy: {
    defaultSrc: NONE,
    scriptSrc: SELF,
    styleSrc: SELF,
    connectSrc: SELF,
    imgSrc: SELF,
    baseUri: NONE,
    formAction: NONE,
    frameAncestors: NONE,
    // Text from labels can't become markup, not even by a mistake in the page.
    requireTrustedTypesFor: ["'script'"],
    trustedTypes: NONE,
  },
  xFrameOptions: "DENY",
  // What serves it is plain HTTP as a rule: browsers ignore these there, and complain.
  strictTransportSecurity: false,
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
});

/** To be mounted before whatever asks for a token. Answers 503 where the page has not been built. */
export function page(): Hono {
  const app = new Hono();
  for (const { path, file, type } of FILES) app.get(path, headers, etag(), (context) => send(context, file, type));
  return app;
}

async function send(context: Context, file: string, type: string): Promise<Response> {
  try {
    // Revalidated each time, so that an upgrade of Muster is an upgrade of the page; unchanged it costs a 304.
    return context.body(await readFile(new URL(file, FOLDER)), 200, {
      "content-type": type,
      "cache-control": "no-cache",
    });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return problem(context, 503, "the status page is not built: npm run build; the API is there all the same");
  }
}
