/** A manager's facts over HTTP, as another Muster serves them (`GET /v1/facts`, server-sent events). */

import { Agent, request } from "undici";
import type { Fact } from "../../../src/model.ts";
import { messageOf, transportError } from "../../failure.ts";
import { sharedLookup } from "../../lookup.ts";
import { createSseReader } from "../marathon/sse.ts";
import { parseFact } from "../replay/fact.ts";
import type { Content } from "../stamps.ts";
import type { Said } from "./feed.ts";

export interface RemoteOptions {
  /** Base URL. */
  readonly url: string;
  /** Whose facts; null: everybody's. */
  readonly node: string | null;
  readonly secret: string;
  readonly agent: Agent;
}

/** A manager's Muster that can't be reached or does not give its facts. One line, which never holds the secret. */
export class ManagerError extends Error {
  override readonly name = "ManagerError";
  /** It does not take the secret. */
  readonly isRefused: boolean;

  constructor(message: string, { isRefused = false, cause }: { isRefused?: boolean; cause?: unknown } = {}) {
    super(message.replace(/[\s\p{Cc}]+/gu, " ").slice(0, 300), { cause });
    this.isRefused = isRefused;
  }
}

const CONNECT_MS = 2_000;
const ANSWER_MS = 5_000;
/** The other side gives a sign of life every 10 s. */
const SILENCE_MS = 30_000;

/** Connections to managers; one stays open per stream, none is kept idle. */
export function createManagerAgent(silence = SILENCE_MS): Agent {
  return new Agent({
    connect: { timeout: CONNECT_MS, lookup: sharedLookup },
    headersTimeout: ANSWER_MS,
    bodyTimeout: silence,
    pipelining: 0,
  });
}

/**
 * A full listing and then changes, for as long as the connection lasts.
 * @throws ManagerError when it ends, whatever the reason; signal.reason on abort
 */
export async function* remoteFacts(options: RemoteOptions, signal: AbortSignal): AsyncGenerator<Said> {
  const body = await open(options, signal);
  const said: Said[] = [];
  const reader = createSseReader(
    (_type, data) => void said.push(...heard(data)),
    () => void said.push(notice("sent an event that is too long")),
  );
  try {
    for await (const chunk of body) {
      reader.push(chunk as Uint8Array);
      yield* said.splice(0);
    }
  } catch (error) {
    throw ended(options, error, signal);
  } finally {
    body.destroy();
  }
  throw new ManagerError(`${options.url} closed the stream`);
}

async function open({ url, node, secret, agent }: RemoteOptions, signal: AbortSignal) {
  const query = node === null ? "" : `?node=${encodeURIComponent(node)}`;
  try {
    const { statusCode, headers, body } = await request(`${url}/v1/facts${query}`, {
      dispatcher: agent,
      headers: { accept: "text/event-stream", authorization: `Bearer ${secret}` },
      signal,
    });
    const type = String(headers["content-type"] ?? "");
    if (statusCode === 200 && /^text\/event-stream\b/.test(type)) return body;
    body.on("error", () => {}).destroy();
    throw refusal(url, statusCode);
  } catch (error) {
    throw ended({ url }, error, signal);
  }
}

const HINTS: Readonly<Record<number, string>> = {
  200: ", but no stream of facts – is that a Muster?",
  401: " – is sources.swarm.secretFile the same there?",
  404: " – is sources.swarm.secretFile set there, and the URL right?",
  503: " – it is no manager, or knows no leader",
};

function refusal(url: string, status: number): ManagerError {
  const message = `${url} answered GET /v1/facts with HTTP ${status}${HINTS[status] ?? ""}`;
  return new ManagerError(message, { isRefused: status === 401 });
}

function ended({ url }: Pick<RemoteOptions, "url">, error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (error instanceof ManagerError) return error;
  const isSilent = error instanceof Error && "code" in error && error.code === "UND_ERR_BODY_TIMEOUT";
  if (isSilent) return new ManagerError(`${url} has fallen silent`, { cause: error });
  return new ManagerError(messageOf(transportError(error, { where: url, reads: true })), { cause: error });
}

/** What another Muster may tell; whatever else a newer one has to say is not understood, and left out. */
const KINDS: ReadonlySet<Fact["kind"]> = new Set([
  ...(["resync", "synced", "defined", "assigned", "addressed", "status", "gone", "node", "source"] as const),
]);

/** Its clock and its wall time are its own: what is heard is stamped anew. */
function heard(data: string): readonly Said[] {
  const fact = parseFact(data);
  if (typeof fact === "string") return [notice(`sent ${fact}`)];
  if (!KINDS.has(fact.kind)) return [];
  const { source: _source, clock: _clock, at: _at, via, ...content } = fact;
  return [{ content: content as Content, via }];
}

function notice(what: string): Said {
  const message = `swarm: a manager's Muster ${what}; skipped`;
  return { content: { kind: "notice", task: null, message }, via: "stream" };
}
