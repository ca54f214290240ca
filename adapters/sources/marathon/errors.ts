import { messageOf, RequestError } from "../../failure.ts";

/** A Marathon that can't be reached, refuses, or makes no sense. The message is one line for a person. */
export class MarathonError extends Error {
  override readonly name = "MarathonError";
  /** HTTP status of the answer; null where there was none. */
  readonly status: number | null;

  constructor(message: string, { status = null, cause }: { status?: number | null; cause?: unknown } = {}) {
    super(message.replace(/\s+/g, " "), cause === undefined ? undefined : { cause });
    this.status = status;
  }
}

const HINTS: Readonly<Record<number, string>> = {
  401: " – are the credentials right (username and passwordFile, tokenFile or serviceAccountSecretFile)?",
  403: " – may this user view apps, tasks and events?",
  404: " – is the path in sources.marathon.urls right?",
  405: " – does a proxy change the Accept header, or is this Marathon older than 0.9?",
  502: " – it knows no leader, or can't reach it",
  503: " – it knows no leader, or can't reach it",
  504: " – its leader does not answer in time",
};

/** @param what the request, e.g. `GET /v2/apps` */
export function refusal(name: string, where: string, what: string, status: number): MarathonError {
  return new MarathonError(`${name}: ${where} answered ${what} with HTTP ${status}${HINTS[status] ?? ""}`, { status });
}

/** @param where the server, for the message */
export function unreachable(name: string, where: string, cause: unknown): MarathonError {
  if (cause instanceof MarathonError) return cause;
  // A request's own error names the server already.
  if (cause instanceof RequestError) return new MarathonError(`${name}: ${cause.message}`, { cause });
  return new MarathonError(`${name}: ${where}: ${messageOf(cause)}`, { cause });
}
