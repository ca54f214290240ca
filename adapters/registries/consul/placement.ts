/** Where an instance's entry belongs: with this node's agent, with that of its own host, or in the catalog. Pure. */
import { isIP } from "node:net";
import type { Instance } from "../../../src/model.ts";
import { isHost } from "../../text.ts";
import type { ConsulOptions } from "./options.ts";

export type Place =
  /** The agent of this node. */
  | { readonly kind: "local" }
  /** The agent of another host. */
  | { readonly kind: "agent"; readonly host: string }
  /** The catalog, on an external node of ours for a host without an agent. */
  | { readonly kind: "catalog"; readonly host: string };

export const LOCAL: Place = { kind: "local" };

export interface Placement {
  placeOf(instance: Pick<Instance, "node" | "address">): Place;
  /** The URL of a host's agent; null where none is configured. */
  agentOf(host: string): string | null;
}

/** @param node id of the node that this Muster serves */
export function createPlacement(
  { agents, catalog }: Pick<ConsulOptions, "agents" | "catalog">,
  node: string,
): Placement {
  function agentOf(host: string): string | null {
    if (agents === undefined) return null;
    if (typeof agents !== "string") return Object.hasOwn(agents, host) ? (agents[host] ?? null) : null;
    return isHost(host) ? agents.replaceAll("{host}", isIP(host) === 6 ? `[${host}]` : host) : null;
  }

  return {
    agentOf,
    placeOf(instance) {
      if (instance.node === node) return LOCAL;
      const names = [instance.node, instance.address ?? ""];
      const withAgent = names.find((name) => agentOf(name) !== null);
      if (withAgent !== undefined) return { kind: "agent", host: withAgent };
      const host = catalog ? names.find(isHost) : undefined;
      return host === undefined ? LOCAL : { kind: "catalog", host };
    },
  };
}
