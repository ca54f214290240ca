/** The connection to the event stream. */
import type { Readable } from "node:stream";
import type { Answer, Connections } from "../../connections.ts";
import type { Auth } from "./auth.ts";
import { MarathonError, refusal, unreachable } from "./errors.ts";
import { WANTED } from "./events.ts";

export interface EventStream {
  readonly body: Readable;
  /** Of the server that sends it: without a trailing slash, with its path prefix. */
  readonly base: string;
  /** As that server names it; null if it does not. */
  readonly leader: string | null;
}

export interface StreamOptions {
  /** Name of the source, for messages. */
  readonly name: string;
  /** Only these hosts are shown credentials. */
  readonly urls: readonly string[];
  readonly auth: Auth;
  readonly connections: Connections;
  /** ms until the answer begins. */
  readonly timeout: number;
}

const PATH = "/v2/events";
const QUERY = ["plan-format=light", ...WANTED.map((type) => `event_type=${type}`)].join("&");
/** Standbys since 1.7 answer with a redirection to the leader. */
const MAX_HOPS = 2;

/**
 * Subscribes at `base`, or where it sends us. From the moment this resolves no event is lost.
 * Rejects with a `MarathonError`, or with `signal.reason`.
 */
export async function openStream(options: StreamOptions, base: string, signal: AbortSignal): Promise<EventStream> {
  let at = base;
  for (let hop = 0; hop <= MAX_HOPS; hop++) {
    const answer = await subscribe(options, at, signal);
    if (!("location" in answer)) return answer;
    at = answer.location;
  }
  throw new MarathonError(
    `${options.name}: ${base} redirects more than ${MAX_HOPS} times – do its nodes agree on a leader?`,
  );
}

async function subscribe(
  options: StreamOptions,
  base: string,
  signal: AbortSignal,
): Promise<EventStream | { readonly location: string }> {
  const { name, auth } = options;
  for (let attempt = 1; ; attempt++) {
    const answer = await send(options, base, signal);
    if (answer.status === 200) return accept(name, base, answer);
    const { status, headers, body } = answer;
    body.on("error", () => undefined).destroy();
    if ([301, 302, 307, 308].includes(status)) return { location: locationOf(name, base, headers["location"]) };
    const mayRetry = status === 401 && attempt === 1 && isTrusted(options, base) && auth.refused();
    if (!mayRetry) throw hintAtHost(options, base, refusal(name, base, `GET ${PATH}`, status));
  }
}

function accept(name: string, base: string, { headers, body }: Answer): EventStream {
  if (!/^text\/event-stream\b/.test(String(headers["content-type"]))) {
    body.on("error", () => undefined).destroy();
    throw new MarathonError(`${name}: ${base}${PATH} is no event stream – is this URL Marathon's own?`);
  }
  const leader = headers["x-marathon-leader"];
  return { body, base, leader: typeof leader === "string" && leader !== "" ? leader : null };
}

async function send(options: StreamOptions, base: string, signal: AbortSignal) {
  const { name, auth, connections, timeout } = options;
  try {
    const credentials = isTrusted(options, base) ? await auth.headers(signal) : {};
    // Exactly this: Jetty compares the whole header and answers 405 to a list.
    const headers = { accept: "text/event-stream", "cache-control": "no-cache", ...credentials };
    // Silence is measured by the reader.
    return await connections.request(`${base}${PATH}?${QUERY}`, { headers, timeout }, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw unreachable(name, base, error);
  }
}

/** A redirection must not carry credentials to a stranger, nor over plain HTTP what was configured with TLS. */
export function isTrusted({ urls }: Pick<StreamOptions, "urls">, base: string): boolean {
  const { hostname, protocol } = new URL(base);
  return urls.some((url) => {
    const own = new URL(url);
    return own.hostname === hostname && (own.protocol === protocol || protocol === "https:");
  });
}

function hintAtHost(options: StreamOptions, base: string, error: MarathonError): MarathonError {
  if (options.auth.isNone || isTrusted(options, base)) return error;
  const { status } = error;
  return new MarathonError(
    `${error.message}; credentials go to configured hosts only: add ${base} to sources.${options.name}.urls`,
    {
      status,
    },
  );
}

/** The base URL of the server that a redirection names: its path up to `/v2/events`. */
function locationOf(name: string, base: string, header: string | string[] | undefined): string {
  const text = typeof header === "string" ? header : "";
  const url = URL.canParse(text, `${base}${PATH}`) ? new URL(text, `${base}${PATH}`) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || !url.pathname.endsWith(PATH))
    throw new MarathonError(
      `${name}: ${base} redirects to ${JSON.stringify(text.slice(0, 200))}, which is no event stream`,
    );
  return `${url.origin}${url.pathname.slice(0, -PATH.length)}`;
}
