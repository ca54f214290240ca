/** Who writes, and what the configuration wants; the same for reading back. */
import type { AdapterContext } from "../../../src/model.ts";
import { clusterFault } from "./names.ts";
import type { KongOptions } from "./options.ts";

export interface Settings {
  /** The adapter's name in the configuration. */
  readonly name: string;
  readonly cluster: string;
  /** Id of the node. */
  readonly node: string;
  readonly preserveHost: boolean;
  readonly onlyRouted: boolean;
  /** Vulcand's listener, where Kong points there; null: Kong points to the instances. */
  readonly listener: Listener | null;
  /** Whether this node says in the objects that it needs them: there, where no targets tell it, and if it can take it back. */
  readonly saysUse: boolean;
}

/** What a Kong service points to. */
export interface Listener {
  readonly host: string;
  readonly port: number;
  readonly protocol: string;
}

/** Throws an Error that says why this cluster can't be on a Kong. */
export function settingsOf(options: KongOptions, { name, cluster, node, serviceLevel }: AdapterContext): Settings {
  const fault = clusterFault(cluster);
  if (fault !== null) throw new Error(`${name}: ${fault}`);
  const { vulcand, preserveHost, instances } = options;
  return {
    name,
    cluster,
    node: node.id,
    // Vulcand has nothing else to go by.
    preserveHost: preserveHost || vulcand !== undefined,
    onlyRouted: instances === "routed",
    listener: vulcand === undefined ? null : listenerOf(vulcand),
    saysUse: vulcand !== undefined && serviceLevel !== "create",
  };
}

function listenerOf(url: string): Listener {
  const { hostname, port, protocol } = new URL(url);
  const isTls = protocol === "https:";
  const host = hostname.replace(/^\[|\]$/g, "");
  return { host, port: Number(port) || (isTls ? 443 : 80), protocol: protocol.slice(0, -1) };
}
