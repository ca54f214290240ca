/** Lists: filtered by tags, a page at a time (facts/kong.md §2, "Tags" and "Pagination"). */
import { invalidOffset, invalidSize, invalidTags, unexpected } from "./refusal.ts";
import { type Row, tagsOf } from "./store.ts";
import { isAtLeast } from "./version.ts";

interface Page {
  readonly data: readonly unknown[];
  readonly next: string | null;
  readonly offset?: string;
}

/** @returns null where nothing is asked for */
export function sizeOf(query: URLSearchParams): number | null {
  const text = query.get("size");
  if (text === null) return null;
  if (!/^-?[\d.]+$/.test(text)) throw invalidSize("size must be a number");
  const size = Number(text);
  if (!Number.isInteger(size) || size < 1 || size > 1000) {
    throw invalidSize("size must be an integer between 1 and 1000");
  }
  return size;
}

const DEFAULT_SIZE = 100;

/** By id, from after the one in `offset`; the way of whatever is in a table of its own. */
export function pageById(path: string, rows: readonly Row[], query: URLSearchParams, version: string): Page {
  const size = sizeOf(query);
  const kept = byTags(rows, query).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const from = query.get("offset");
  const after = from === null ? "" : keyIn(from);
  const rest = kept.filter(({ id }) => id > after);
  const data = rest.slice(0, size ?? DEFAULT_SIZE);
  const last = data.at(-1);
  if (rest.length === data.length || last === undefined) return { data, next: null };
  const offset = Buffer.from(JSON.stringify([last.id])).toString("base64url");
  const tags = query.get("tags");
  const kept3x = size !== null && isAtLeast(version, "3.0.0") ? `&size=${size}` : "";
  return { data, offset, next: `${path}?offset=${offset}${tags === null ? "" : `&tags=${tags}`}${kept3x}` };
}

function keyIn(offset: string): string {
  try {
    return String(JSON.parse(Buffer.from(offset, "base64url").toString()));
  } catch {
    throw invalidOffset(offset);
  }
}

/** Cut out of the whole list by number; `next` forgets the size, tags are not looked at. The way of targets. */
export function pageByNumber(path: string, rows: readonly Row[], query: URLSearchParams): Page {
  const size = sizeOf(query) ?? DEFAULT_SIZE;
  const from = Number(query.get("offset") ?? 0);
  if (!Number.isInteger(from)) throw invalidOffset(query.get("offset") ?? "");
  const to = from + size;
  const data = rows.slice(from, to);
  if (to >= rows.length) return { data, next: null };
  return { data, offset: String(to), next: `${path}?offset=${to}` };
}

/** DB-less: by number as well, but encoded, and with the size in `next`. */
export function pageByEncodedNumber(path: string, rows: readonly Row[], query: URLSearchParams): Page {
  const size = sizeOf(query);
  const from = Number(Buffer.from(query.get("offset") ?? "MQ", "base64url").toString());
  if (!Number.isInteger(from)) throw invalidOffset(query.get("offset") ?? "");
  const kept = byTags(rows, query);
  const to = from + (size ?? DEFAULT_SIZE);
  const data = kept.slice(from - 1, to - 1);
  // Recorded: a page that is full has a next one, even if that is empty.
  if (data.length < (size ?? DEFAULT_SIZE)) return { data, next: null };
  const offset = Buffer.from(String(to)).toString("base64url");
  return { data, offset, next: `${path}?offset=${offset}${size === null ? "" : `&size=${size}`}` };
}

function byTags(rows: readonly Row[], query: URLSearchParams): readonly Row[] {
  const filter = query.get("tags");
  if (filter === null) return rows;
  // Recorded: every version answers 500 to `?tags=`.
  if (filter === "") throw unexpected();
  if (filter.includes(",") && filter.includes("/")) throw invalidTags();
  const wanted = filter.split(/[,/]/);
  return rows.filter((row) => {
    const tags = tagsOf(row);
    return filter.includes("/") ? wanted.some((tag) => tags.includes(tag)) : wanted.every((tag) => tags.includes(tag));
  });
}
