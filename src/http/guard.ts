/** Who may ask: a bearer token where one is configured, and no foreign web page in either case. */
import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import type { MiddlewareHandler } from "hono";
import { FACTS_PATH } from "./facts-path.ts";
import { problem } from "./problem.ts";
import { READY_PATH } from "./ready.ts";

/** Paths that orchestrators' probes call, which tell next to nothing; and the one with a secret of its own. */
const OPEN_PATHS: readonly string[] = ["/healthz", "/readyz", FACTS_PATH];

/** @param token gives the token at the time of the request (its file may change); null: none is needed (loopback only) */
export function requireToken(token: (() => Promise<string>) | null): MiddlewareHandler {
  return async (context, next) => {
    const { path } = context.req;
    if (token !== null && !OPEN_PATHS.includes(path) && !READY_PATH.test(path)) {
      if (!isBearer(context.req.header("authorization"), await token())) {
        context.header("www-authenticate", "Bearer");
        return problem(context, 401, "send the token of http.tokenFile as 'Authorization: Bearer …'");
      }
    }
    return next();
  };
}

/** Whether an `Authorization` header carries this token; never, if the token is empty. */
export function isBearer(header: string | undefined, token: string): boolean {
  return isSame(/^Bearer (.+)$/i.exec(header ?? "")?.[1] ?? "", token);
}

/** Equal lengths for the comparison, and no timing that tells how much of a guess was right. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return b !== "" && timingSafeEqual(digest(a), digest(b));
}

/**
 * Without a token only loopback listens, but a web page in a browser on this machine reaches loopback too, by a name
 * that it makes resolve to 127.0.0.1 (DNS rebinding). Such a request carries that name as its host.
 */
export const requireLocalHost: MiddlewareHandler = async (context, next) => {
  // It tells nothing, and is answered before this is loaded, too (server.ts).
  if (context.req.path === "/healthz") return next();
  const host = new URL(context.req.url).hostname.replace(/^\[|\]$/g, "");
  if (host === "localhost" || isIP(host) !== 0) return next();
  return problem(
    context,
    403,
    `without http.tokenFile only requests to an address or to localhost are answered, not to ${host.slice(0, 80)}`,
  );
};
