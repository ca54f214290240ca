/**
 * The small HTTP client that the registry adapters share: JSON over keep-alive connections, a time limit on every
 * request, a size limit on every answer, and failures that say whether to try again and whether the write may be done.
 */

import { readFileSync } from "node:fs";
import * as v from "valibot";
import { misfitOf } from "../src/schema.ts";
import { readBounded } from "./bounded.ts";
import { type Connections, openConnections, type TlsMaterial } from "./connections.ts";
import { ConnectionError, RequestError, transportError } from "./failure.ts";

/** Paths of PEM files. */
export interface TlsFiles {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

export interface HttpClientOptions {
  /** Without a trailing slash; a path in it is a prefix. */
  readonly url: string;
  /** The server listens on this socket in place of a host and port, which then only name it. */
  readonly socketPath?: string;
  /** ms for a whole request, from connecting to the last byte of the answer; 0: no limit. */
  readonly timeout: number;
  readonly tls?: TlsMaterial;
  /** Connections at most. @default 16 */
  readonly connections?: number;
  /** Larger answers are refused. @default 64 MiB */
  readonly maxBytes?: number;
}

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below the client's URL, with a leading `/`, percent-encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; absent: no body. */
  readonly body?: unknown;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface HttpClient extends AsyncDisposable {
  /**
   * @returns the answer, whatever its status
   * Rejects with `signal.reason` on abort, else with a {@link RequestError} that says what happened on the way.
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>;
}

const MAX_BYTES = 64 * 1024 * 1024;

export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { url, tls, socketPath } = options;
  const connections = openConnections({
    ...(tls !== undefined && { tls }),
    ...(socketPath !== undefined && { socketPath }),
    max: options.connections ?? 16,
  });

  async function send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    signal.throwIfAborted();
    try {
      return await exchange(connections, options, request, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (request.method === "GET" && wasClosedForIdleness(error)) return await send(request, signal);
      throw transportError(error, { where: new URL(url).origin, reads: request.method === "GET" });
    }
  }

  return {
    send,
    async [Symbol.asyncDispose]() {
      connections.close();
    },
  };
}

/** Just as it was used again. A read may go over another at once (RFC 9112 §9.3.1); the next new one ends that. */
function wasClosedForIdleness(error: unknown): boolean {
  return error instanceof ConnectionError && error.wasIdle && ["ECONNRESET", "EPIPE"].includes(error.code);
}

async function exchange(
  connections: Connections,
  { url, timeout, maxBytes = MAX_BYTES }: HttpClientOptions,
  request: HttpRequest,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const query = request.query === undefined ? "" : `?${new URLSearchParams(request.query)}`;
  const hasBody = request.body !== undefined;
  const began = performance.now();
  const { status, headers, body } = await connections.request(
    `${url}${request.path}${query}`,
    {
      method: request.method,
      headers: {
        accept: "application/json",
        ...(hasBody && { "content-type": "application/json" }),
        ...request.headers,
      },
      ...(hasBody && { body: JSON.stringify(request.body) }),
      timeout,
    },
    signal,
  );
  const limit = timeout === 0 ? {} : { timeout, elapsed: performance.now() - began };
  return { status, headers, text: (await readBounded(body, { maxBytes, ...limit })).toString() };
}

/** Reads PEM files once, at start. Throws an Error that names the file that can't be read. */
export function readTls({ caFile, certFile, keyFile }: TlsFiles): TlsMaterial {
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new Error("certFile and keyFile belong together: name both or neither");
  }
  return {
    ...(caFile !== undefined && { ca: readPem(caFile) }),
    ...(certFile !== undefined && { cert: readPem(certFile) }),
    ...(keyFile !== undefined && { key: readPem(keyFile) }),
  };
}

function readPem(file: string): Buffer {
  try {
    const content = readFileSync(file);
    if (!content.includes("-----BEGIN ")) throw new Error("it is not in PEM format");
    return content;
  } catch (cause) {
    throw new Error(`cannot use ${file} for TLS: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/**
 * The answer's JSON as the schema's type. Throws a {@link RequestError} worth a retry if it is not that: an answer that
 * isn't understood must never look like an empty one.
 */
export function parseAnswer<T extends v.GenericSchema>(schema: T, { status, text }: HttpAnswer): v.InferOutput<T> {
  const result = v.safeParse(schema, parseJson(text));
  if (result.success) return result.output;
  const [issue] = result.issues;
  const where = v.getDotPath(issue);
  const message = `the answer is not what was expected${where === null ? "" : ` at ${where}`}: ${misfitOf(issue)}`;
  throw new RequestError(message, { status, retry: true, ambiguous: false });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Never what it says, also not in a cause: it may repeat what it was sent, tokens included.
    const what = text.trim() === "" ? "empty" : text.trimStart().startsWith("<") ? "HTML or XML" : "not JSON";
    throw new RequestError(`the answer is ${what}`, { retry: true, ambiguous: false });
  }
}
