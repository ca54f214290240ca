/**
 * Whose entry is it? Said twice, in the service id and in its meta; an entry is ours only if both say so, so that a
 * copied meta or a look-alike id makes no stranger's entry ours.
 */

export interface Owner {
  /** `<cluster>/<node id>`, the value of the meta key `muster_owner`. */
  readonly mark: string;
  /** What every service id of ours begins with: `muster:<cluster>:<node id>:`. */
  readonly prefix: string;
}

/** Meta keys of ours begin with this; instances can't set them. */
export const MARK = "muster_";

export function ownerOf(cluster: string, node: string): Owner {
  return { mark: `${cluster}/${node}`, prefix: `muster:${escapeId(cluster)}:${escapeId(node)}:` };
}

export function serviceId({ prefix }: Owner, instance: string): string {
  return `${prefix}${instance.split(":").map(escapeId).join(":")}`;
}

export function isOurs(owner: Owner, id: string, meta: Readonly<Record<string, string>>): boolean {
  const instance = meta[`${MARK}id`];
  return meta[`${MARK}owner`] === owner.mark && instance !== undefined && id === serviceId(owner, instance);
}

/**
 * A filter expression for the entries on our ids. Not by mark: whoever took an id of ours must be seen too. A raw
 * string in back-quotes, since 1.8.7 refuses escapes in quoted ones; ids hold nothing that would end it.
 */
export function idFilter(field: "ID" | "ServiceID", { prefix }: Owner): string {
  return `${field} matches \`^${prefix.replaceAll(".", "[.]")}\``;
}

/**
 * Injective, and made of characters that no URL path, filter expression or shell would take amiss: others become
 * `~` and the hex of each of their UTF-8 bytes. Engine ids have colons, which would make ids ambiguous.
 */
function escapeId(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/gu, (character) =>
    [...Buffer.from(character, "utf8")].map((byte) => `~${byte.toString(16).padStart(2, "0")}`).join(""),
  );
}
