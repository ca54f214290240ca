/**
 * The hash chain, pure. A line is `JSON.stringify(record)` in the order of `AuditRecord`, and its hash is taken over the
 * bytes of that line without the `,"hash":"…"` at its end. So one needs no canonical JSON to check it, only SHA-256.
 */
import { createHash, hash as hashOf } from "node:crypto";
import { redact, redactText } from "../redact.ts";
import type { AuditInput, AuditRecord } from "./record.ts";

/** The last link: what the next record continues from. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

/** Before the first record. */
export const CHAIN_START: ChainHead = { seq: 0, hash: "0".repeat(64) };

const HASH_START = ',"hash":"';
const HASH_END = '"}';
const HASH_BYTES = HASH_START.length + 64 + HASH_END.length;

export interface SealedRecord {
  readonly record: AuditRecord;
  /** The line with its newline. */
  readonly line: string;
}

/**
 * Makes the next record of the chain, without secrets.
 * @param at ms since the epoch
 */
export function seal(input: AuditInput, head: ChainHead, node: string, at: number): SealedRecord {
  const unsealed = {
    seq: head.seq + 1,
    time: new Date(at).toISOString(),
    node,
    registry: input.registry ?? null,
    action: input.action,
    id: input.id ?? null,
    service: input.service ?? null,
    task: input.task ?? null,
    ok: input.ok ?? null,
    error: typeof input.error === "string" ? redactText(input.error) : null,
    ms: input.ms ?? null,
    attempt: input.attempt ?? null,
    cause: input.cause?.map(redact) ?? null,
    before: redact(input.before ?? null),
    after: redact(input.after ?? null),
    prev: head.hash,
  };
  const body = JSON.stringify(unsealed);
  const hash = hashOf("sha256", body, "hex");
  return { record: { ...unsealed, hash }, line: `${body.slice(0, -1)}${HASH_START}${hash}${HASH_END}\n` };
}

export type ReadLine =
  | { readonly sound: true; readonly record: AuditRecord }
  /** `record`: what the line claims to be, where it can be read at all. */
  | { readonly sound: false; readonly record: AuditRecord | null; readonly what: string };

/**
 * Reads one line and checks it against its own hash (its place in the chain is the caller's matter).
 * @param line without its newline; bytes, since invalid UTF-8 must not pass for U+FFFD
 */
export function readLine(line: Buffer): ReadLine {
  const record = parseRecord(line);
  if (record === null) return { sound: false, record: null, what: "not an audit record" };
  const body = line.subarray(0, -HASH_BYTES);
  const expected = createHash("sha256").update(body).update("}").digest("hex");
  const ending = line.subarray(-HASH_BYTES).toString("latin1");
  if (ending === `${HASH_START}${expected}${HASH_END}`) return { sound: true, record };
  return { sound: false, record, what: "changed: its content does not match its hash" };
}

/** Reads a line without checking its hash; null if it is not a record. */
export function parseRecord(line: Buffer): AuditRecord | null {
  try {
    const value: unknown = JSON.parse(line.toString("utf8"));
    return isRecord(value) ? value : null;
  } catch {
    return null;
  }
}

function isRecord(value: unknown): value is AuditRecord {
  if (typeof value !== "object" || value === null) return false;
  const { seq, time, action, prev, hash } = value as Partial<Record<keyof AuditRecord, unknown>>;
  return (
    Number.isSafeInteger(seq) && [time, action, prev, hash].every((text) => typeof text === "string") && Number(seq) > 0
  );
}
