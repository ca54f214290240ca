/** Failures of requests to registries, told apart by what to do about them. */
import type { Outcome } from "../src/model.ts";

interface RequestErrorOptions {
  /** HTTP status; null (default) where there was no answer. */
  readonly status?: number | null;
  /** See `Outcome`. */
  readonly retry: boolean;
  readonly ambiguous: boolean;
  readonly isolated?: boolean;
  readonly cause?: unknown;
}

/** A request that failed; `message` is one line without the registry's name. */
export class RequestError extends Error {
  readonly status: number | null;
  readonly retry: boolean;
  readonly ambiguous: boolean;
  readonly isolated: boolean;

  constructor(message: string, { status = null, retry, ambiguous, isolated = false, cause }: RequestErrorOptions) {
    super(oneLine(message), cause === undefined ? undefined : { cause });
    this.name = "RequestError";
    this.status = status;
    this.retry = retry;
    this.ambiguous = ambiguous;
    this.isolated = isolated;
  }
}

/** A request that did not come to an answer; `code` is the system's, OpenSSL's, the parser's, or `ETIMEDOUT`. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly code: string;
  /** Whether anything of the request may have reached the server. */
  readonly isSent: boolean;
  /** The connection had carried another request before: the server may just have closed it for being idle. */
  readonly wasIdle: boolean;

  constructor(cause: Error, { isSent, wasIdle }: { readonly isSent: boolean; readonly wasIdle: boolean }) {
    super(messageOf(cause), { cause });
    this.code = codeOf(cause);
    this.isSent = isSent;
    this.wasIdle = wasIdle;
  }
}

/** @param timeout ms */
export function timeoutError(timeout: number): Error {
  return Object.assign(new Error(`no answer within ${timeout} ms`), { name: "TimeoutError", code: "ETIMEDOUT" });
}

/** Whether time ran out, here or in the system. */
export function isTimeout(error: unknown): boolean {
  return codeOf(error) === "ETIMEDOUT";
}

/** Failures before anything was sent, so that a write is certainly not done. */
const UNSENT: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  ENOTFOUND: "its host name is not known",
  EAI_AGAIN: "its host name can't be looked up",
};

/** Code of an Error about an answer of more bytes than anybody wants to read. */
export const TOO_LARGE = "ERR_ANSWER_TOO_LARGE";

const BROKEN: Readonly<Record<string, string>> = {
  ECONNRESET: "connection reset",
  EPIPE: "connection reset",
  [TOO_LARGE]: "the answer is too large",
};

/**
 * @param where the server, for the message, e.g. `http://127.0.0.1:8500`
 * @param reads whether the request was a read: then nothing can have been written
 */
export function transportError(error: unknown, { where, reads }: { where: string; reads: boolean }): RequestError {
  const code = codeOf(error);
  const isSent = !(error instanceof ConnectionError) || error.isSent;
  const unsent = UNSENT[code] ?? (isCertificateFault(code) ? `TLS: ${messageOf(error)}` : undefined);
  const late = !isSent && isTimeout(error) ? "no connection in time" : undefined;
  const reason = unsent ?? late ?? BROKEN[code] ?? messageOf(error);
  return new RequestError(`${where}: ${reason}`, {
    retry: true,
    ambiguous: isSent && unsent === undefined && !reads,
    cause: error,
  });
}

/**
 * What an unwelcome status means: 429 and 5xx pass by themselves, other 4xx do not. After a 5xx to a write nobody
 * knows, save for 503: it says that the request was not taken up.
 * @param text what the server says, made one line and shortened
 */
export function statusError(status: number, text: string, reads: boolean): RequestError {
  const said = shorten(oneLine(text));
  return new RequestError(said === "" ? `status ${status}` : `status ${status}: ${said}`, {
    status,
    retry: status === 429 || status >= 500,
    ambiguous: !reads && status >= 500 && status !== 503,
  });
}

/**
 * @param what names the registry, the operation and the key
 * @returns the outcome for a failed change; an error that is not about a request (a fault of ours) is not retried
 */
export function failed(what: string, error: unknown): Outcome {
  const text = oneLine(`${what}: ${messageOf(error)}`);
  if (!(error instanceof RequestError)) return { ok: false, error: text, retry: false, ambiguous: false };
  const { retry, ambiguous, isolated } = error;
  return { ok: false, error: text, retry, ambiguous, ...(isolated && { isolated }) };
}

/** The text of an error; for "all addresses refused" that of the first. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** OpenSSL's verdicts on a peer's certificate, and failed handshakes: no request was sent yet. */
function isCertificateFault(code: string): boolean {
  return /^(?:ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/.test(code);
}

function oneLine(text: string): string {
  return text.replace(/[\s\p{Cc}]+/gu, " ").trim();
}

function shorten(text: string): string {
  return text.length <= 300 ? text : `${text.slice(0, 297)}...`;
}
