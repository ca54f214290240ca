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
};

/**
 * Turns what dockerode throws into one clear line.
 * @param what the request, e.g. `GET /info`
 */
export function toEngineError(error: unknown, host: string, what: string): EngineError {
  if (error instanceof EngineError) return error;
  const { code, statusCode, message } = detailsOf(error);
  if (statusCode !== null)
    return new EngineError(refusal(host, what, statusCode, message), { cause: error, status: statusCode });
  return new EngineError(`docker: cannot reach ${host}: ${HINTS[code] ?? (code || message)}`, { cause: error });
}

function refusal(host: string, what: string, status: number, message: string): string {
  const hint = status === 401 || status === 403 ? " – does the socket proxy allow it?" : "";
  return `docker: ${host} answered ${what} with HTTP ${status}: ${message}${hint}`;
}

function detailsOf(error: unknown): { code: string; statusCode: number | null; message: string } {
  if (!(error instanceof Error)) return { code: "", statusCode: null, message: String(error) };
  const { code, statusCode, json } = error as Error & { code?: unknown; statusCode?: unknown; json?: unknown };
  return {
    code: typeof code === "string" ? code : "",
    statusCode: typeof statusCode === "number" ? statusCode : null,
    message: oneLine(engineMessage(json) ?? error.message),
  };
}

function engineMessage(json: unknown): string | null {
  if (typeof json !== "object" || json === null || !("message" in json)) return null;
  return typeof json.message === "string" ? json.message : null;
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, 300);
}
