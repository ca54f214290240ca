/** The shapes of the audit log (contract 5.5), types only. */
import type { Json } from "../model.ts";

export type AuditAction =
  | "register"
  | "update"
  | "deregister"
  | "drain"
  | "end"
  | "refuse"
  | "start"
  | "stop"
  | "sync"
  | "guard"
  | "leadership"
  | "repair";

/** What a caller says; everything not given is null in the record. Secrets are taken out before writing. */
export interface AuditInput {
  readonly action: AuditAction;
  readonly registry?: string | null;
  /** Id of the instance, or key of a service-level object. */
  readonly id?: string | null;
  readonly service?: string | null;
  readonly task?: string | null;
  readonly ok?: boolean | null;
  readonly error?: string | null;
  /** How long it took, ms. */
  readonly ms?: number | null;
  /** 1 for the first. */
  readonly attempt?: number | null;
  /** What led to it: the facts, by kind and time. */
  readonly cause?: readonly Json[] | null;
  readonly before?: Json;
  readonly after?: Json;
}

/** One line of the log. Every key is always there. */
export interface AuditRecord {
  /** 1 for the first record ever; goes on over rotated files. */
  readonly seq: number;
  /** ISO 8601, UTC, ms. */
  readonly time: string;
  /** Id of the node whose Muster wrote it. */
  readonly node: string;
  readonly registry: string | null;
  readonly action: AuditAction;
  readonly id: string | null;
  readonly service: string | null;
  readonly task: string | null;
  readonly ok: boolean | null;
  readonly error: string | null;
  readonly ms: number | null;
  readonly attempt: number | null;
  readonly cause: readonly Json[] | null;
  readonly before: Json;
  readonly after: Json;
  /** `hash` of the record before; 64 zeros for the first. */
  readonly prev: string;
  /** SHA-256, hex, of the line without its `,"hash":"…"`. */
  readonly hash: string;
}
