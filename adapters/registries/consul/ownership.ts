/**
 * Whose entry is it? Said twice, in the service id and in its meta; an entry is ours only if both say so, so that a
 * copied meta or a look-alike id makes no stranger's entry ours. The same holds for our nodes in the catalog.
 */
import { LOCAL, type Place } from "./placement.ts";

type Meta = Readonly<Record<string, string>>;

export interface Owner {
  /** `<cluster>/<node id>`, the value of the meta key `muster_owner`. */
  readonly mark: string;
  /** What every service id of ours begins with: `muster:<cluster>:<node id>:`. */
  readonly prefix: string;
  /** What every node of ours in the catalog begins with: `muster:<cluster>:<node id>@`. */
  readonly nodePrefix: string;
}

/** Meta keys of ours begin with this; instances can't set them. */
export const MARK = "muster_";
/** The meta key for the host of an entry that is not with this node's agent. */
export const HOST = `${MARK}host`;

export function ownerOf(cluster: string, node: string): Owner {
  return {
    mark: `${cluster}/${node}`,
    prefix: `muster:${escapeId(cluster)}:${escapeId(node)}:`,
    nodePrefix: `muster:${escapeCase(cluster)}:${escapeCase(node)}@`,
  };
}

/**
 * `…:<instance>` on this node's agent, `…:<instance>@<host>` on another's, `…:<instance>@catalog:<host>` in the catalog.
 * So an entry that moves gets another id, and two URLs that lead to one agent do no harm.
 */
export function serviceId({ prefix }: Owner, instance: string, place: Place = LOCAL): string {
  const escaped = place.kind === "local" ? escapeId : escapeCase;
  const id = `${prefix}${instance.split(":").map(escaped).join(":")}`;
  if (place.kind === "local") return id;
  return `${id}@${place.kind === "catalog" ? "catalog:" : ""}${escaped(place.host)}`;
}

/** @param holder which kind of holder it was found with: others' ids are not ours there */
export function isOurs(owner: Owner, id: string, meta: Meta, holder: "agent" | "catalog" = "agent"): boolean {
  const instance = meta[`${MARK}id`];
  const host = meta[HOST];
  if (meta[`${MARK}owner`] !== owner.mark || instance === undefined) return false;
  if (host !== undefined) return id === serviceId(owner, instance, { kind: holder, host });
  return holder === "agent" && id === serviceId(owner, instance);
}

/**
 * The name of our external node for a host. With its colons and `@` it is no host name, and so not what an agent is
 * called: an agent would remove what it does not know from its node (anti-entropy, facts/consul.md).
 */
export function nodeName({ nodePrefix }: Owner, host: string): string {
  return `${nodePrefix}${escapeCase(host)}`;
}

/** What consul-esm and people know an external node by, and our marks. */
export function nodeMeta({ mark }: Owner, host: string): Meta {
  return { "external-node": "true", "external-probe": "false", [`${MARK}owner`]: mark, [HOST]: host };
}

export function isOurNode(owner: Owner, name: string, meta: Meta): boolean {
  const host = meta[HOST];
  return meta[`${MARK}owner`] === owner.mark && host !== undefined && name === nodeName(owner, host);
}

/**
 * A filter expression for the entries on our ids. Not by mark: whoever took an id of ours must be seen too. A raw
 * string in back-quotes, since 1.8.7 refuses escapes in quoted ones; ids hold nothing that would end it.
 */
export function idFilter(field: "ID" | "ServiceID", { prefix }: Owner): string {
  return startsWith(field, prefix);
}

/** A filter expression for the entries on the ids of all nodes of a cluster. */
export function clusterFilter(field: "ID" | "ServiceID", cluster: string): string {
  return startsWith(field, `muster:${escapeId(cluster)}:`);
}

/** A filter expression for the nodes, or what is on the nodes, that have names of ours. */
export function nodeFilter({ nodePrefix }: Owner): string {
  return startsWith("Node", nodePrefix);
}

function startsWith(field: string, prefix: string): string {
  return `${field} matches \`^${prefix.replaceAll(".", "[.]")}\``;
}

/**
 * Injective, and made of characters that no URL path, filter expression or shell would take amiss: others become
 * `~` and the hex of each of their UTF-8 bytes. Engine ids have colons, which would make ids ambiguous.
 */
function escapeId(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/gu, hex);
}

/** Capitals as well: the catalog does not tell `a` from `A`, neither in nodes' names nor in ids (1.8.7). */
function escapeCase(text: string): string {
  return text.replace(/[^a-z0-9._-]/gu, hex);
}

function hex(character: string): string {
  return [...Buffer.from(character, "utf8")].map((byte) => `~${byte.toString(16).padStart(2, "0")}`).join("");
}
