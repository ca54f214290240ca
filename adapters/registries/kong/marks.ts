/**
 * Whose object is it? Said by its tags, and by its name: an object is ours only if both say so, so that a copy with our
 * tags is none of ours. A tag is `muster-KEY.VALUE`, of the characters that every version takes: 2.1 takes neither `:`
 * nor `=`, 2.8 no blanks (fixtures/kong, "tag with colon, equals, space").
 */

/** What can be said of an object, all of it in plain text. */
export interface Marks {
  readonly cluster: string;
  readonly service: string;
  /** Targets only, from here on. */
  readonly node?: string;
  readonly instance?: string;
  readonly task?: string;
  readonly source?: string;
  /** The address that it was made for, since a target has no name. */
  readonly target?: string;
}

const KEYS = ["cluster", "service", "node", "instance", "task", "source", "target"] as const;

/** On everything that Muster makes. */
const MARK = "muster";
/** On upstreams whose active health checks come from labels. */
export const CHECKS = "muster-checks";
/** DB-less: on what comes from the operator's base file. */
export const BASE = "muster-base";
/** Names a node that needs the object, where no target tells. */
const USER = "muster-user.";
/** On targets: how many routes the instance asks for. No mark of {@link Marks}, since it says nothing of whose it is. */
const ROUTES = "muster-routes.";

/** Longer ones don't fit into PostgreSQL's index of tags (a third of a page, 2704 bytes, for one entry). */
const MAX_TAG = 2000;

export function tagsFor(marks: Marks): readonly string[] {
  return [MARK, ...KEYS.flatMap((key) => (marks[key] === undefined ? [] : [tag(key, marks[key])]))];
}

/** The tag that all objects of the cluster have. */
export function clusterTag(cluster: string): string {
  return tag("cluster", cluster);
}

export function userTag(node: string): string {
  return `${USER}${encode(node)}`;
}

/** The nodes whose Muster has said that they need the object. */
export function usersIn(tags: readonly string[]): readonly string[] {
  return tags.filter((each) => each.startsWith(USER)).flatMap((each) => decode(each.slice(USER.length)) ?? []);
}

export function routesTag(count: number): string {
  return `${ROUTES}${count}`;
}

/** @returns null if the target does not say so, being a stranger's or an older Muster's, or if that can't be read */
export function routesIn(tags: readonly string[]): number | null {
  const [said, ...more] = tags.filter((each) => each.startsWith(ROUTES)).map((each) => each.slice(ROUTES.length));
  return said !== undefined && more.length === 0 && /^(?:0|[1-9]\d{0,3})$/.test(said) ? Number(said) : null;
}

/** @returns null if Muster did not make it, or if a mark can't be read */
export function marksIn(tags: readonly string[]): Marks | null {
  if (!tags.includes(MARK)) return null;
  const found: Partial<Record<(typeof KEYS)[number], string>> = {};
  for (const key of KEYS) {
    const prefix = `${MARK}-${key}.`;
    const own = tags.filter((each) => each.startsWith(prefix));
    if (own.length === 0) continue;
    const value = own.length === 1 ? decode(own[0]?.slice(prefix.length) ?? "") : null;
    if (value === null) return null;
    found[key] = value;
  }
  const { cluster, service } = found;
  return cluster === undefined || service === undefined ? null : { ...found, cluster, service };
}

/** Whether Muster made it, whichever; DB-less, also whether it took it from the base file. */
export function isMusters(tags: readonly string[]): boolean {
  return tags.includes(MARK) || tags.includes(BASE);
}

/** Tags that others have put there: they stay. */
export function othersTags(tags: readonly string[]): readonly string[] {
  return tags.filter((each) => each !== MARK && !each.startsWith(`${MARK}-`));
}

/** @returns why the value can't be kept in a tag; null if it can */
export function tagFault(what: string, value: string): string | null {
  if (value === "") return `its ${what} is empty`;
  if (Buffer.from(value, "utf8").toString("utf8") !== value) return `its ${what} is not valid Unicode`;
  return encode(value).length > MAX_TAG ? `its ${what} is longer than ${MAX_TAG} characters as a tag` : null;
}

function tag(key: string, value: string): string {
  return `${MARK}-${key}.${encode(value)}`;
}

/** Injective: what is not a letter, digit, `.`, `_` or `-` becomes `~` and the hex of each of its UTF-8 bytes. */
function encode(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/gu, (character) =>
    [...Buffer.from(character, "utf8")].map((byte) => `~${byte.toString(16).padStart(2, "0")}`).join(""),
  );
}

/** @returns null if it is nothing that `encode` gives */
function decode(text: string): string | null {
  const bytes = text.replace(/~([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const value = Buffer.from(bytes, "latin1").toString("utf8");
  return encode(value) === text ? value : null;
}
