/**
 * Which targets are ours. They carry no marks, so it is told by their id (facts/alb.md §1.9): this node's instance id or
 * address, and what the option `hosts` adds. Whoever leads for a cluster (Marathon) runs on no node: the addresses at
 * which its instances are, or were, count.
 */
import { BlockList, isIP } from "node:net";
import type { NodeIdentity } from "../../../src/model.ts";
import { canonical } from "./project.ts";

export type TargetType = "instance" | "ip";

export interface Ownership {
  /** Why a target at this address would not be ours; null if it is. Learns it, where whatever is asked for is ours. */
  foreign(address: string): string | null;
  /** Whether `instance` groups can hold anything of ours. */
  readonly hasMachine: boolean;
  /** @returns null for a target of others */
  addressOf(type: TargetType, targetId: string, instanceId: string | null): string | null;
  /** @returns null where such a group can't have it */
  targetIdOf(type: TargetType, address: string, instanceId: string | null): string | null;
}

/** `src/agent.ts`: the owner of what belongs to no node. */
const CLUSTER = "~cluster";

export function createOwnership({ id, address }: NodeIdentity, hosts: readonly string[]): Ownership {
  const isCluster = id === CLUSTER;
  const own = canonical(address) ?? address;
  const networks = blockList(hosts);
  /** Only the cluster's; bounded by how many agents there are. */
  const learned = new Set<string>();

  function inHosts(text: string): boolean {
    return networks.check(text, isIP(text) === 6 ? "ipv6" : "ipv4");
  }

  function isOwn(text: string): boolean {
    return isIP(text) !== 0 && (inHosts(text) || (isCluster ? learned.has(text) : text === own));
  }

  return {
    foreign(text) {
      if (isCluster && hosts.length === 0) learned.add(text);
      if (isOwn(text)) return null;
      const remedy = "name its network in registries.alb.hosts if it is this Muster's";
      return isCluster
        ? `${text} is in none of the networks of registries.alb.hosts`
        : `${text} is not this node's address (${own}); ${remedy}`;
    },
    hasMachine: !isCluster,
    addressOf(type, targetId, instanceId) {
      if (type === "instance") return instanceId !== null && targetId === instanceId ? own : null;
      const text = canonical(targetId);
      return text !== null && isOwn(text) ? text : null;
    },
    targetIdOf(type, text, instanceId) {
      if (type === "ip") return text;
      return text === own && !isCluster ? instanceId : null;
    },
  };
}

function blockList(hosts: readonly string[]): BlockList {
  const list = new BlockList();
  for (const host of hosts) {
    const [address = "", prefix] = host.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}
