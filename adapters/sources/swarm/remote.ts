/** A manager's facts over HTTP, as another Muster serves them (`GET /v1/facts`, server-sent events). */

import type { Readable } from "node:stream";
import type { Fact } from "../../../src/model.ts";
import type { Connections } from "../../connections.ts";
import { messageOf, transportError } from "../../failure.ts";
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
  /** To managers; one stays open per stream. */
  readonly connections: Connections;
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

/** Until a manager's answer begins; the next one may know more. */
const ANSWER_MS = 4_000;
/** The other side gives a sign of life every 10 s. */
const SILENCE_MS = 30_000;

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
  const silence = setTimeout(() => body.destroy(new ManagerError(`${options.url} has fallen silent`)), SILENCE_MS);
  try {
    for await (const chunk of body) {
      reader.push(chunk as Uint8Array);
      yield* said.splice(0);
      silence.refresh();
    }
  } catch (error) {
    throw ended(options, error, signal);
  } finally {
    clearTimeout(silence);
    body.destroy();
  }
  throw new ManagerError(`${options.url} closed the stream`);
}

async function open({ url, node, secret, connections }: RemoteOptions, signal: AbortSignal): Promise<Readable> {
  const query = node === null ? "" : `?node=${encodeURIComponent(node)}`;
  try {
    const { status, headers, body } = await connections.request(
      `${url}/v1/facts${query}`,
      { headers: { accept: "text/event-stream", authorization: `Bearer ${secret}` }, timeout: ANSWER_MS },
      signal,
    );
    const type = headers["content-type"] ?? "";
    if (status === 200 && /^text\/event-stream\b/.test(type)) return body;
    body.on("error", () => {}).destroy();
    throw refusal(url, status);
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
