/** Errors as RFC 9457 problem details. */
import type { Context } from "hono";

export type ProblemStatus = 400 | 401 | 403 | 404 | 405 | 413 | 415 | 429 | 500 | 503;

const TITLES: Readonly<Record<ProblemStatus, string>> = {
  400: "Bad request",
  401: "Token required",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  413: "Request too large",
  415: "Unsupported media type",
  429: "Too many requests",
  500: "Internal error",
  503: "Not ready",
};

/** @param detail one line that names the thing and the remedy; never a secret */
export function problem(context: Context, status: ProblemStatus, detail: string, extra: object = {}): Response {
  const body = { type: "about:blank", title: TITLES[status], status, detail, ...extra };
  return context.body(JSON.stringify(body), status, { "content-type": "application/problem+json" });
}
