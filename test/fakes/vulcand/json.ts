/** What Go's decoder makes of a body: keys in any case, unknown ones ignored, and its words for what it can't take. */
import { type Dialect, mistake } from "./dialect.ts";

export type Fields = Readonly<Record<string, unknown>>;

export interface RequestBody {
  readonly contentType: string | undefined;
  readonly text: string;
}

/** The object in its wrapper, and the TTL beside it. `null`: the wrapper holds null, at which the handler panics. */
export function unwrapped(dialect: Dialect, kind: string, body: RequestBody) {
  const pack = decoded(dialect, kind, body);
  const found = field(pack, kind);
  if (found === undefined) throw mistake(dialect, `Missing mandatory parameter: ${kind}`);
  if (found === null) return null;
  if (!isFields(found)) throw mistake(dialect, `json: cannot unmarshal ${goType(found)} into Go value of type ${kind}`);
  const ttl = field(pack, "TTL");
  if (ttl !== undefined && typeof ttl !== "string") {
    const where = `Go struct field ${kind.toLowerCase()}ReadPack.TTL`;
    throw mistake(dialect, `json: cannot unmarshal ${goType(ttl)} into ${where} of type string`);
  }
  return { object: found, ttl: ttl === "" ? undefined : ttl };
}

/** A string field; empty where it is missing. */
export function text(dialect: Dialect, kind: string, object: Fields, name: string): string {
  const value = field(object, name) ?? "";
  if (typeof value === "string") return value;
  throw mistake(dialect, `json: cannot unmarshal ${goType(value)} into Go struct field ${kind}.${name} of type string`);
}

export function section(object: Fields, name: string): Fields {
  const value = field(object, name);
  return isFields(value) ? value : {};
}

export function field(object: Fields, name: string): unknown {
  const exact = object[name];
  if (exact !== undefined) return exact;
  return Object.entries(object).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function decoded(dialect: Dialect, kind: string, { contentType, text: raw }: RequestBody): Fields {
  // A form's body is eaten before the handler sees it.
  const readable = contentType === "application/x-www-form-urlencoded" ? "" : raw.trim();
  const value = parsed(dialect, readable);
  if (value === null) return {};
  if (isFields(value)) return value;
  const type = `api.${kind.toLowerCase()}ReadPack`;
  throw mistake(dialect, `json: cannot unmarshal ${goType(value)} into Go value of type ${type}`);
}

function parsed(dialect: Dialect, raw: string): unknown {
  try {
    return JSON.parse(raw);
  } catch {
    const isCut = raw === "" || raw === "{";
    throw mistake(dialect, isCut ? "unexpected end of JSON input" : "invalid character in literal");
  }
}

function goType(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}
