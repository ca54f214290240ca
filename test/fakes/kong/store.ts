/** What a Kong holds: rows by kind, as its tables do. */

/** A row of any kind; its further fields depend on the kind. */
export interface Row {
  readonly id: string;
  readonly [field: string]: unknown;
}

export type Kind = "upstreams" | "services" | "routes";
export const KINDS: readonly Kind[] = ["upstreams", "services", "routes"];

/** Mutable on purpose: a database. Rows themselves are replaced, never changed. */
export interface Store {
  readonly upstreams: Map<string, Row>;
  readonly services: Map<string, Row>;
  readonly routes: Map<string, Row>;
  /** Targets in the order in which they were made; up to 2.1 a history. */
  readonly targets: Map<string, Row>;
}

export function createStore(): Store {
  return { upstreams: new Map(), services: new Map(), routes: new Map(), targets: new Map() };
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export function isUuid(text: string): boolean {
  return UUID.test(text);
}

/** @param ref an id or a name */
export function find(rows: ReadonlyMap<string, Row>, ref: string): Row | undefined {
  return rows.get(ref) ?? [...rows.values()].find((row) => row["name"] === ref);
}

export function tagsOf(row: Row): readonly string[] {
  const tags = row["tags"];
  return Array.isArray(tags) ? tags : [];
}

/** The id in a foreign key such as `{"id": …}`. */
export function foreignId(row: Row, field: string): string | null {
  const key = row[field];
  return typeof key === "object" && key !== null && "id" in key ? String(key.id) : null;
}

export function targetsOf(store: Store, upstream: string): readonly Row[] {
  return [...store.targets.values()].filter((row) => foreignId(row, "upstream") === upstream);
}
