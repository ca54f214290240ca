import { TOO_LARGE } from "../../failure.ts";

/** An engine that can't be reached, refuses, or makes no sense. The message is one line for a person. */
export class EngineError extends Error {
  override readonly name = "EngineError";
  /** HTTP status of the answer; null where there was none. */
  readonly status: number | null;
  /** No answer came in time. */
  readonly timedOut: boolean;

  constructor(message: string, { cause, status = null, timedOut = false }: EngineErrorOptions = {}) {
    super(message, { cause });
    this.status = status;
    this.timedOut = timedOut;
  }
}

export interface EngineErrorOptions {
  readonly cause?: unknown;
  readonly status?: number | null;
  readonly timedOut?: boolean;
}

const HINTS: Readonly<Record<string, string>> = {
  ENOENT: "no such file – is the engine running, is the socket mounted?",
  EACCES:
    "permission denied – does Muster's user belong to the group of the socket (docker), or is a socket proxy in use?",
  ECONNREFUSED: "connection refused – is the engine running?",
  ENOTFOUND: "no such host – is the name in sources.docker.host right?",
  EHOSTUNREACH: "no route to the host",
  ETIMEDOUT: "connection timed out",
  ECONNRESET: "the connection was reset",
  EPIPE: "the connection was reset",
  [TOO_LARGE]: "its answer is too large",
};

/** A request that did not come to an answer, as one clear line. */
export function toEngineError(error: unknown, host: string): EngineError {
  if (error instanceof EngineError) return error;
  const { code, message } = detailsOf(error);
  return new EngineError(`docker: cannot reach ${host}: ${HINTS[code] ?? (code || message)}`, { cause: error });
}

/**
 * An answer that is none of those wanted, as one clear line.
 * @param what the request, e.g. `GET /info`
 * @param text the body of the answer; the engine's own has a JSON object with a message
 */
export function refusal(host: string, what: string, status: number, text: string): EngineError {
  const hint = status === 401 || status === 403 ? " – does the socket proxy allow it?" : "";
  const said = oneLine(engineMessage(text) ?? text);
  return new EngineError(`docker: ${host} answered ${what} with HTTP ${status}${said && `: ${said}`}${hint}`, {
    status,
  });
}

/** What a wrapped error is about is told by the innermost that has a code. */
function detailsOf(error: unknown): { readonly code: string; readonly message: string } {
  if (!(error instanceof Error)) return { code: "", message: String(error) };
  const { code } = error as NodeJS.ErrnoException;
  if (typeof code === "string") return { code, message: oneLine(error.message) };
  return error.cause === undefined ? { code: "", message: oneLine(error.message) } : detailsOf(error.cause);
}

function engineMessage(text: string): string | null {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== "object" || json === null || !("message" in json)) return null;
    return typeof json.message === "string" ? json.message : null;
  } catch {
    return null;
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, 300);
}
