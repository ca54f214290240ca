/** How often one client may ask: a bucket of requests for each address, refilled steadily. */
import { getConnInfo } from "@hono/node-server/conninfo";
import type { Context, MiddlewareHandler } from "hono";
import { problem } from "./problem.ts";

export interface RateLimits {
  /** Requests a second that a client may make for ever. */
  readonly perSecond: number;
  /** Requests that it may make at once, after a rest. */
  readonly burst: number;
  /** Clients that are remembered; of more, the ones that asked longest ago are forgotten. */
  readonly clients: number;
}

/** Far above what the page, scrapers and scripts need, far below what would keep Muster from its work. */
const LIMITS: RateLimits = { perSecond: 200, burst: 1000, clients: 1000 };

/** Orchestrators' probes: answered in any case, and cheap. */
const PROBES: readonly string[] = ["/healthz", "/readyz"];

interface Bucket {
  readonly left: number;
  /** ms; when that was so. */
  readonly at: number;
}

/**
 * @param now monotonic, ms
 * @returns takes one request from a client's bucket; gives the ms until there is one again, 0 if there was
 */
export function createBuckets(
  now: () => number,
  { perSecond, burst, clients }: RateLimits,
): (client: string) => number {
  const buckets = new Map<string, Bucket>();
  return (client) => {
    const at = now();
    const held = buckets.get(client) ?? { left: burst, at };
    const left = Math.min(burst, held.left + ((at - held.at) * perSecond) / 1000);
    const isEnough = left >= 1;
    // Anew, so that the map's order is that of the last requests.
    buckets.delete(client);
    buckets.set(client, { left: isEnough ? left - 1 : left, at });
    const [oldest] = buckets.keys();
    if (buckets.size > clients && oldest !== undefined) buckets.delete(oldest);
    return isEnough ? 0 : ((1 - left) * 1000) / perSecond;
  };
}

/** Answers 429 with `Retry-After` to a client that asks too often. */
export function limitRate(now: () => number = () => performance.now(), limits: RateLimits = LIMITS): MiddlewareHandler {
  const take = createBuckets(now, limits);
  return async (context, next) => {
    if (PROBES.includes(context.req.path)) return next();
    const wait = take(clientOf(context));
    if (wait === 0) return next();
    context.header("retry-after", String(Math.ceil(wait / 1000)));
    return problem(context, 429, `more than ${limits.perSecond} requests a second; wait, or ask less often`);
  };
}

/** Its address; behind a proxy that is the proxy's, since a header could be anybody's invention. */
function clientOf(context: Context): string {
  // Requests that come over no connection are tests'.
  const isConnected = (context.env as { readonly incoming?: unknown } | undefined)?.incoming !== undefined;
  return isConnected ? (getConnInfo(context).remote.address ?? "") : "";
}
