/** The versions that the fake speaks as, and how they differ (facts/vulcand.md §2, §4). */

export const DIALECTS = ["0.8.0-beta.3-etcd2", "0.9.2-etcd2", "0.9.2-etcd3"] as const;
export type Dialect = (typeof DIALECTS)[number];

/** What a request is answered with; `close`: the handler panics and the connection ends without an answer. */
export type Reply = { readonly status: number; readonly body: unknown } | "close";

/** A request that is refused, with the message that the API gives. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function isBeta(dialect: Dialect): boolean {
  return dialect === "0.8.0-beta.3-etcd2";
}

export function isV3(dialect: Dialect): boolean {
  return dialect === "0.9.2-etcd3";
}

/** A caller's mistake: 400 in the beta, 500 later. */
export function mistake(dialect: Dialect, message: string): Refusal {
  return new Refusal(isBeta(dialect) ? 400 : 500, message);
}

/** 400 in all of them; only the wording differs. */
export function emptyId(dialect: Dialect, message: string): Refusal {
  return new Refusal(400, isBeta(dialect) ? `Invalid parameter:  ${message}` : message);
}

export function notFound(dialect: Dialect, path: string): Refusal {
  return new Refusal(404, isV3(dialect) ? "Key not found" : `100: Key not found (/vulcand/${path}) [7]`);
}
