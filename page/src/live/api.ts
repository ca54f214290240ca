/** Muster's API, as the page asks it. */
import { token } from "./token.ts";

/** The API wants a token, or another one than it was given. */
export class TokenError extends Error {}

/** An answer that is none of what was asked for; `status` of HTTP. */
export class ApiError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Of the server's clock against this one, ms; within the second that a Date header can tell, they are the same. */
let skew = 0;

/** ms since the epoch by the server's clock: what it tells is compared with this. */
export function serverNow(): number {
  return Date.now() + skew;
}

/** @throws TokenError, ApiError with the problem's own words, or TypeError where there is no answer */
export async function get<T>(path: string, signal: AbortSignal): Promise<T> {
  return (await (await open(path, signal)).json()) as T;
}

export async function open(path: string, signal: AbortSignal): Promise<Response> {
  const bearer = token.read();
  const headers = bearer === null ? {} : { authorization: `Bearer ${bearer}` };
  const response = await fetch(path, { headers, signal, cache: "no-store" });
  const date = Date.parse(response.headers.get("date") ?? "");
  if (!Number.isNaN(date)) skew = Math.abs(date - Date.now()) > 2_000 ? date - Date.now() : 0;
  if (response.ok) return response;
  const message = await messageOf(response);
  throw response.status === 401 ? new TokenError(message) : new ApiError(response.status, message);
}

async function messageOf(response: Response): Promise<string> {
  const fallback = `Muster answered ${response.status}`;
  try {
    const problem = (await response.json()) as { readonly detail?: unknown };
    return typeof problem.detail === "string" ? problem.detail : fallback;
  } catch {
    return fallback;
  }
}
