/** Where the managers' Musters answer. */
import { isIP } from "node:net";
import { promisify } from "node:util";
import { sharedLookup } from "../../lookup.ts";

/** Finds the addresses of a host. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

export interface ManagersOptions {
  /** As configured; undefined: those that the engine names. */
  readonly configured: readonly string[] | undefined;
  /** As the engine names them: `host:port` of the swarm's own protocol. */
  readonly known: readonly string[];
  /** Where this Muster listens, and so the others. */
  readonly port: number;
  readonly resolve?: Resolve;
}

/** Base URLs to ask, without a trailing slash; one that can't be resolved is given as it is, so that it is reported. */
export async function managerUrls({
  configured,
  known,
  port,
  resolve = resolveAll,
}: ManagersOptions): Promise<readonly string[]> {
  const urls = configured ?? known.flatMap((address) => urlOf(address, port));
  return [...new Set((await Promise.all(urls.map((url) => expand(url, resolve)))).flat())];
}

function urlOf(address: string, port: number): readonly string[] {
  const host = /^(\[.+\]|[^:]+)(?::\d+)?$/.exec(address)?.[1];
  const url = `http://${host}:${port}`;
  return host !== undefined && URL.canParse(url) ? [url] : [];
}

/** `tasks.SERVICE` has an address for each of its tasks, of which only some are on managers. A certificate needs the name. */
async function expand(text: string, resolve: Resolve): Promise<readonly string[]> {
  const url = new URL(text);
  if (url.protocol !== "http:" || isIP(url.hostname.replace(/^\[|\]$/g, "")) !== 0) return [text];
  const addresses = await resolve(url.hostname).catch(() => []);
  if (addresses.length === 0) return [text];
  const path = url.pathname.replace(/\/+$/, "");
  const port = url.port === "" ? "" : `:${url.port}`;
  return addresses.map((address) => `http://${isIP(address) === 6 ? `[${address}]` : address}${port}${path}`);
}

async function resolveAll(hostname: string): Promise<readonly string[]> {
  const found = await promisify(sharedLookup)(hostname, { all: true });
  return (Array.isArray(found) ? found : []).map(({ address }) => address);
}
