/** A target's address as Kong keeps it: lower case, with a port, IPv6 in full (facts/kong.md §3, "Canonical form"). */
import { isIP } from "node:net";
import type { Instance } from "../../../src/model.ts";
import { endpointOf } from "../../endpoint.ts";
import { quoted } from "../../text.ts";

/** @returns what to say of the address or the port if nobody could connect there; null if it is fine */
export function addressFault({ address, port }: Pick<Instance, "address" | "port">): string | null {
  if (address === null || port === null) return "it has no address and port yet";
  // Port 0 is accepted, and breaks the balancer of 2.1 (facts/kong.md §3, "Bad input").
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return `port ${port} is not between 1 and 65535`;
  return isReachable(address) ? null : `address ${quoted(address)} is no address that Kong could connect to`;
}

function isReachable(address: string): boolean {
  if (isIP(address) === 4) return address !== "0.0.0.0";
  if (isIP(address) === 6) return !address.includes("%") && compressed(address) !== "::";
  // Digits and dots only are an IPv4 address for Kong.
  return address.length <= 253 && /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/i.test(address) && !/^[\d.]+$/.test(address);
}

/** @param address one that {@link addressFault} finds nothing wrong with */
export function targetOf(address: string, port: number): string {
  return isIP(address) === 6 ? `[${expanded(address)}]:${port}` : `${address.toLowerCase()}:${port}`;
}

/** The same from what Kong gives, and the registration's endpoint; null if it is no target of ours. */
export function readTarget(target: string): { readonly target: string; readonly endpoint: string } | null {
  const [, v6, name, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:]+)):(\d{1,5})$/.exec(target) ?? [];
  const address = v6 ?? name;
  const port = Number(digits);
  if (address === undefined || addressFault({ address, port }) !== null) return null;
  const canonical = targetOf(address, port);
  return {
    target: canonical,
    endpoint: endpointOf(v6 === undefined ? address.toLowerCase() : compressed(v6), port, "tcp"),
  };
}

/** `fd00::1` */
function compressed(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

/** `fd00:0000:0000:0000:0000:0000:0000:0001` */
function expanded(address: string): string {
  const [head = "", tail] = compressed(address).split("::");
  const before = head.split(":").filter(Boolean);
  const after = (tail ?? "").split(":").filter(Boolean);
  const zeros = new Array<string>(8 - before.length - after.length).fill("0");
  return [...before, ...zeros, ...after].map((group) => group.padStart(4, "0")).join(":");
}
