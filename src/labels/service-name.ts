/** What may be a service's name, and how any default name becomes one. */
import { createHash } from "node:crypto";

const MAX_LENGTH = 63;
const HASH_LENGTH = 8;
const SERVICE_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/;

/**
 * A service name has 1 to 63 letters, digits, `-` and `_`, and starts and ends with a letter or digit: what Swarm
 * accepts for a service, and one label of a host name for Kong (facts/kong.md) and Consul DNS. `_` is allowed because
 * every stack's services have it (`shop_web`), although Consul warns about it. A dot is not: Consul DNS would read
 * `a.b` as tag `a` of service `b`, and Kong would take `example.com` as an upstream for whoever proxies to that host.
 */
export function isServiceName(name: string): boolean {
  return SERVICE_NAME.test(name);
}

/**
 * Makes a service name of a default one (image base name, Marathon id, compose service), always the same one of the
 * same text: what is not allowed becomes `-`, accents go, and a name that is too long or has nothing usable in it ends
 * with a hash of the original, so that different ones stay different. A service name is given back as it is.
 */
export function toServiceName(raw: string): string {
  if (isServiceName(raw)) return raw;
  const clean = raw
    .slice(0, 4 * MAX_LENGTH)
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[^A-Za-z0-9_-]+/g, "-")
    .replace(/^[_-]+/, "");
  const name = trimEnd(clean);
  if (name === "") return raw === "" ? "service" : `service-${hash(raw)}`;
  if (name.length <= MAX_LENGTH && raw.length <= 4 * MAX_LENGTH) return name;
  return `${trimEnd(name.slice(0, MAX_LENGTH - HASH_LENGTH - 1))}-${hash(raw)}`;
}

function trimEnd(name: string): string {
  return name.replace(/[_-]+$/, "");
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, HASH_LENGTH);
}
