/**
 * The calls to a Consul agent, each with the permission that it needs. The npm client does the small writes. Reads and
 * registrations go through undici: with npm consul a cut answer hangs until its time-out and no answer is too large
 * (papi 1.1 listens to neither `error` nor `aborted` of the answer), and it passes on no weights.
 */

import { EventEmitter } from "node:events";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import Consul from "consul";
import { openConsulToken } from "../../consul-token.ts";
import { RequestError, statusError, transportError } from "../../failure.ts";
import { createHttpClient, type HttpAnswer, type HttpRequest, parseAnswer, readTls } from "../../http.ts";
import { sharedLookup } from "../../lookup.ts";
import { type HealthCheck, HealthChecks, Service, Services } from "./answers.ts";
import type { ConsulOptions } from "./options.ts";

/** All reject with `signal.reason` on abort, else with a `RequestError` that holds no secret. */
export interface ConsulClient extends AsyncDisposable {
  /** Needs `service:read`, without which Consul leaves services out. */
  services(filter: string, signal: AbortSignal): Promise<readonly Service[]>;
  /** Needs `service:read`. */
  checks(filter: string, signal: AbortSignal): Promise<readonly HealthCheck[]>;
  /** Null if there is none. Needs `service:read`. */
  service(id: string, signal: AbortSignal): Promise<Service | null>;
  /**
   * Needs `service:write` on the name.
   * @param replaceChecks removes every check that the body leaves out, a maintenance as well
   */
  register(body: object, replaceChecks: boolean, signal: AbortSignal): Promise<void>;
  /** An unknown id is fine. Needs `service:write`. */
  deregister(id: string, signal: AbortSignal): Promise<void>;
  /** An unknown id is fine. Needs `service:write`. */
  deregisterCheck(id: string, signal: AbortSignal): Promise<void>;
  /** For TTL checks. Needs `service:write`. */
  pass(check: string, signal: AbortSignal): Promise<void>;
  /**
   * Any other call; the status of its answer is 200 to 299.
   * @param needs the permission, told where it is refused
   */
  send(request: HttpRequest, needs: string, signal: AbortSignal): Promise<HttpAnswer>;
}

const SERVICES = "service:write and service:read on the service's name";

const CONNECTIONS = 8;

/** Throws an Error that names a file that can't be used. */
export function createConsulClient({
  url,
  timeout,
  tokenFile,
  token: fixed,
  ...tlsFiles
}: ConsulOptions): ConsulClient {
  const tls = readTls(tlsFiles);
  const http = createHttpClient({ url, timeout, tls, connections: CONNECTIONS });
  const sockets = { keepAlive: true, maxSockets: CONNECTIONS, lookup: sharedLookup };
  const agent = url.startsWith("https:") ? new HttpsAgent({ ...sockets, ...tls }) : new HttpAgent(sockets);
  // `baseUrl` is missing in its types, and the only way to have a path in it.
  const settings = { baseUrl: `${url}/v1`, agent };
  const consul = new Consul(settings);
  const token = openConsulToken({ tokenFile, token: fixed });

  function send(request: HttpRequest, needs: string, signal: AbortSignal): Promise<HttpAnswer> {
    return token.authorised(needs, async (secret) => {
      const headers = secret === undefined ? {} : { "x-consul-token": secret };
      const answer = await http.send({ ...request, headers }, signal);
      if (answer.status >= 200 && answer.status < 300) return answer;
      throw statusError(answer.status, answer.text, request.method === "GET");
    });
  }

  /** What npm consul does of itself not: abort by a signal, and errors of our kinds. */
  function call(signal: AbortSignal, method: (common: Common) => Promise<unknown>): Promise<void> {
    return token.authorised(SERVICES, async (secret) => {
      signal.throwIfAborted();
      const ctx = new EventEmitter();
      const cancel = (): void => void ctx.emit("cancel");
      signal.addEventListener("abort", cancel, { once: true });
      try {
        await method({ ctx, timeout, ...(secret !== undefined && { token: secret }) });
      } catch (error) {
        signal.throwIfAborted();
        throw clientError(error, new URL(url).origin);
      } finally {
        signal.removeEventListener("abort", cancel);
      }
    });
  }

  async function list<T>(
    path: string,
    filter: string,
    parse: (answer: HttpAnswer) => Record<string, T>,
    signal: AbortSignal,
  ) {
    return Object.values(parse(await send({ method: "GET", path, query: { filter } }, SERVICES, signal)));
  }

  return {
    services: (filter, signal) => list("/v1/agent/services", filter, (answer) => parseAnswer(Services, answer), signal),
    checks: (filter, signal) => list("/v1/agent/checks", filter, (answer) => parseAnswer(HealthChecks, answer), signal),
    async service(id, signal) {
      const path = `/v1/agent/service/${encodeURIComponent(id)}`;
      const answer = await unlessUnknown(send({ method: "GET", path }, SERVICES, signal));
      return answer === null ? null : parseAnswer(Service, answer);
    },
    async register(body, replaceChecks, signal) {
      const query = replaceChecks ? { query: { "replace-existing-checks": "true" } } : {};
      await send({ method: "PUT", path: "/v1/agent/service/register", ...query, body }, SERVICES, signal);
    },
    async deregister(id, signal) {
      await unlessUnknown(call(signal, (common) => consul.agent.service.deregister({ id, ...common })));
    },
    async deregisterCheck(id, signal) {
      await unlessUnknown(call(signal, (common) => consul.agent.check.deregister({ id, ...common })));
    },
    pass: (id, signal) => call(signal, (common) => consul.agent.check.pass({ id, ...common })),
    send,
    async [Symbol.asyncDispose]() {
      consul.destroy();
      await http[Symbol.asyncDispose]();
    },
  };
}

/** What every method of npm consul understands, though its types say it of few. */
interface Common {
  readonly ctx: EventEmitter;
  readonly timeout: number;
  readonly token?: string;
}

/** Later versions answer 404 for ids that they don't know, 1.8.7 says 200 (facts/consul.md). */
async function unlessUnknown<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof RequestError && error.status === 404) return null;
    throw error;
  }
}

function clientError(error: unknown, where: string): RequestError {
  if (isResponseError(error)) return statusError(error.response.statusCode, textOf(error.response.body), false);
  return transportError(error, { where, reads: false });
}

interface ResponseError {
  readonly isResponse: true;
  readonly response: { readonly statusCode: number; readonly body?: unknown };
}

function isResponseError(error: unknown): error is ResponseError {
  return error instanceof Error && "isResponse" in error && "response" in error;
}

function textOf(body: unknown): string {
  if (typeof body === "string") return body;
  return Buffer.isBuffer(body) ? body.toString("utf8") : "";
}
