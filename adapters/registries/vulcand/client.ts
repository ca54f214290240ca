/** The calls to Vulcand's admin API (`/v2`). Only POST on a collection writes, and it replaces the whole object. */
import type { GenericSchema, InferOutput } from "valibot";
import { messageOf, RequestError } from "../../failure.ts";
import { createHttpClient, type HttpAnswer, type HttpRequest, parseAnswer, readTls } from "../../http.ts";
import { openSecret } from "../../secret.ts";
import {
  type Backend,
  Backends,
  type Frontend,
  Frontends,
  type Host,
  Hosts,
  type Listener,
  Listeners,
  type Server,
  Servers,
} from "./answers.ts";
import { answerError, isMissing } from "./errors.ts";
import type { VulcandOptions } from "./options.ts";

/** All reject with `signal.reason` on abort, else with a `RequestError` that holds no secret. */
export interface VulcandClient extends AsyncDisposable {
  hosts(signal: AbortSignal): Promise<readonly Host[]>;
  listeners(signal: AbortSignal): Promise<readonly Listener[]>;
  backends(signal: AbortSignal): Promise<readonly Backend[]>;
  frontends(signal: AbortSignal): Promise<readonly Frontend[]>;
  /** Empty as well where there is no such backend. */
  servers(backend: string, signal: AbortSignal): Promise<readonly Server[]>;
  /** @param collection its path below `/v2`, decoded segments */
  put(collection: readonly string[], body: object, signal: AbortSignal): Promise<void>;
  /** One that is not there is fine. On etcd v3 it deletes by prefix: whoever calls has looked for longer ids. */
  remove(path: readonly string[], signal: AbortSignal): Promise<void>;
}

const CONNECTIONS = 16;

/** Throws an Error that names a file that can't be used. */
export function createVulcandClient(options: VulcandOptions): VulcandClient {
  const { url, timeout, authorizationFile, caFile, certFile, keyFile } = options;
  const http = createHttpClient({
    url,
    timeout,
    tls: readTls({ caFile, certFile, keyFile }),
    connections: CONNECTIONS,
  });
  const secret = authorizationFile === undefined ? null : openSecret(authorizationFile, "Authorization header");

  function authorization(): string | null {
    try {
      return secret?.read() ?? null;
    } catch (cause) {
      // It may be readable the next time.
      throw new RequestError(messageOf(cause), { retry: true, ambiguous: false, cause });
    }
  }

  async function send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const header = authorization();
    const answer = await http.send(
      { ...request, ...(header !== null && { headers: { authorization: header } }) },
      signal,
    );
    const isFine = (answer.status >= 200 && answer.status < 300) || (request.method === "DELETE" && isMissing(answer));
    if (isFine) return answer;
    throw withoutSecret(answerError(answer, request.method === "GET"), header);
  }

  async function get<T extends GenericSchema>(
    path: readonly string[],
    schema: T,
    signal: AbortSignal,
  ): Promise<InferOutput<T>> {
    return parseAnswer(schema, await send({ method: "GET", path: pathOf(path) }, signal));
  }

  return {
    hosts: async (signal) => (await get(["hosts"], Hosts, signal)).Hosts ?? [],
    listeners: async (signal) => (await get(["listeners"], Listeners, signal)).Listeners ?? [],
    backends: async (signal) => (await get(["backends"], Backends, signal)).Backends ?? [],
    frontends: async (signal) => (await get(["frontends"], Frontends, signal)).Frontends ?? [],
    servers: async (backend, signal) => (await get(["backends", backend, "servers"], Servers, signal)).Servers ?? [],
    async put(collection, body, signal) {
      await send({ method: "POST", path: pathOf(collection), body }, signal);
    },
    async remove(path, signal) {
      await send({ method: "DELETE", path: pathOf(path) }, signal);
    },
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
}

function pathOf(segments: readonly string[]): string {
  return `/v2/${segments.map(encodeURIComponent).join("/")}`;
}

/** A server, or a proxy on the way, may repeat what it was sent. */
function withoutSecret(error: RequestError, secret: string | null): RequestError {
  if (secret === null) return error;
  // `Bearer TOKEN`, `Basic CREDENTIALS`: the scheme is no secret, the rest is, also by itself.
  const parts = [secret, secret.split(" ").slice(1).join(" ")].filter((part) => part !== "");
  if (!parts.some((part) => error.message.includes(part))) return error;
  const message = parts.reduce((text, part) => text.replaceAll(part, "[redacted]"), error.message);
  const { status, retry, ambiguous } = error;
  return new RequestError(message, { status, retry, ambiguous });
}
