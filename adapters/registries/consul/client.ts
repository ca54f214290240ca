/** The calls to a Consul agent, each with the permission that it needs. */
import { openConsulToken } from "../../consul-token.ts";
import { RequestError, statusError } from "../../failure.ts";
import { createHttpClient, type HttpAnswer, type HttpRequest, parseAnswer, readTls } from "../../http.ts";
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
  /**
   * Begins a service's maintenance, or ends it. Needs `service:write`.
   * @param reason null: it ends
   */
  maintain(id: string, reason: string | null, signal: AbortSignal): Promise<void>;
  /** For TTL checks. Needs `service:write`. */
  pass(check: string, signal: AbortSignal): Promise<void>;
  /**
   * Any other call; the status of its answer is 200 to 299.
   * @param needs the permission, told where it is refused
   */
  send(request: HttpRequest, needs: string, signal: AbortSignal): Promise<HttpAnswer>;
}

const SERVICES = "service:write and service:read on the service's name";

/** As many as there are writes at a time (holder.ts), and some for heart-beats and listings. */
const CONNECTIONS = 20;

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
  const token = openConsulToken({ tokenFile, token: fixed });

  function send(request: HttpRequest, needs: string, signal: AbortSignal): Promise<HttpAnswer> {
    return token.authorised(needs, async (secret) => {
      const headers = secret === undefined ? {} : { "x-consul-token": secret };
      const answer = await http.send({ ...request, headers }, signal);
      if (answer.status >= 200 && answer.status < 300) return answer;
      throw statusError(answer.status, answer.text, request.method === "GET");
    });
  }

  /** A write without a body. */
  async function put(path: string, signal: AbortSignal): Promise<void> {
    await send({ method: "PUT", path }, SERVICES, signal);
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
      await unlessUnknown(put(`/v1/agent/service/deregister/${encodeURIComponent(id)}`, signal));
    },
    async deregisterCheck(id, signal) {
      await unlessUnknown(put(`/v1/agent/check/deregister/${encodeURIComponent(id)}`, signal));
    },
    async maintain(id, reason, signal) {
      const path = `/v1/agent/service/maintenance/${encodeURIComponent(id)}`;
      const query: Record<string, string> = reason === null ? { enable: "false" } : { enable: "true", reason };
      await send({ method: "PUT", path, query }, SERVICES, signal);
    },
    pass: (id, signal) => put(`/v1/agent/check/pass/${encodeURIComponent(id)}`, signal),
    send,
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
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
