// @ts-check
/**
 * Between instances, registrations and HAProxy's servers. Pure. A registration that is projected equals the one that is
 * read back, in every field, since both are made by {@link registration}.
 * @import { AdapterContext, Instance, Registration } from "muster"
 */
import { isIP, SocketAddress } from "node:net";
import { readMark, writeMark } from "./mark.js";

/**
 * What HAProxy holds of an instance. `maint`: it gets no traffic and is about to be deleted.
 * @typedef {{ address: string, port: number, weight: number, state: "ready" | "drain" | "maint" }} Spec
 */

/** HAProxy's largest weight. */
const MAX_WEIGHT = 256;

/** Bits of `srv_admin_state`, HAProxy's doc/management.txt. */
const MAINTENANCE = 0x01 | 0x02 | 0x20;
const DRAIN = 0x08 | 0x10;

/**
 * @param {Instance} instance
 * @param {AdapterContext} context
 * @returns {Registration}
 */
export function registrationFor(instance, { name, cluster, node }) {
  const { id, service, source, task, weight, state } = instance;
  try {
    if (!/^[\w.:-]+$/.test(service)) throw new Error(`${JSON.stringify(service)} can't be a backend's name`);
    const mark = { cluster, node: node.id, source, task, instance: id };
    const made = registration(service, writeMark(mark), mark, {
      ...endpointOf(instance),
      weight: Math.min(weight ?? 1, MAX_WEIGHT),
      state: state === "draining" ? "drain" : "ready",
    });
    const isTooHeavy = weight !== null && weight > MAX_WEIGHT;
    return isTooHeavy ? { ...made, notes: [`weight ${weight} is more than HAProxy's ${MAX_WEIGHT}`] } : made;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${name}: ${JSON.stringify(id)} can't be registered: ${reason}`, { cause: error });
  }
}

/**
 * @param {Readonly<Record<string, string>>} row a line of `show servers state`
 * @param {AdapterContext} context
 * @returns {Registration | null} null: not this node's
 */
export function registrationIn(row, { cluster, node }) {
  const mark = readMark(row["srv_name"] ?? "");
  if (mark === null || mark.cluster !== cluster || mark.node !== node.id) return null;
  const admin = Number(row["srv_admin_state"]);
  return registration(row["be_name"] ?? "", row["srv_name"] ?? "", mark, {
    address: row["srv_addr"] ?? "",
    port: Number(row["srv_port"]),
    weight: Number(row["srv_uweight"]),
    state: admin & MAINTENANCE ? "maint" : admin & DRAIN ? "drain" : "ready",
  });
}

/**
 * @param {string} service also its backend's name
 * @param {string} server
 * @param {import("./mark.js").Mark} mark
 * @param {Spec} spec
 * @returns {Registration}
 */
function registration(service, server, { source, task, instance }, spec) {
  const { address, port, state } = spec;
  return {
    ...{ key: `${service}/${server}`, instance, service, task, source, rank: 0 },
    endpoint: `${bracketed(address)}:${port}/tcp`,
    ...(state === "drain" && { draining: true }),
    spec,
  };
}

/**
 * An IPv6 address is written as HAProxy will write it.
 * @param {Instance} instance
 */
function endpointOf({ address, port }) {
  const family = isIP(address ?? "");
  if (address === null || family === 0 || address.includes("%")) {
    throw new Error(
      `${JSON.stringify(address)} is no IP address, and HAProxy looks up no names for servers added later`,
    );
  }
  if (port === null || port < 1 || port > 65_535) throw new Error(`${port} is no port`);
  return { address: family === 6 ? new SocketAddress({ address, family: "ipv6" }).address : address, port };
}

/** @param {string} address */
export function bracketed(address) {
  return isIP(address) === 6 ? `[${address}]` : address;
}
