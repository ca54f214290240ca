import { request } from "node:http";
import { text } from "node:stream/consumers";

/** A request to a Docker Engine's API. */
export interface ApiRequest {
  /** @default "GET" */
  readonly method?: string;
  /** With query, without the API version: "/containers/json?all=1". */
  readonly path: string;
  readonly body?: string | Uint8Array;
  /** @default "application/json" */
  readonly type?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends a request and returns the answer's text; throws for 4xx and 5xx. A quick way round the CLI. `host` is the path
 * of a unix socket, or what may stand in DOCKER_HOST: unix://path, tcp://name:port (without TLS).
 */
export async function engineApi(host: string, options: ApiRequest): Promise<string> {
  const { method = "GET", path, body, type = "application/json", signal } = options;
  const headers = { Host: "docker", ...(body === undefined ? {} : { "Content-Type": type }) };
  const call = { ...target(host), path, method, headers, agent: false, ...(signal ? { signal } : {}) };
  return await new Promise<string>((resolve, reject) => {
    const outgoing = request(call, (answer) => {
      text(answer).then((content) => {
        if ((answer.statusCode ?? 500) < 400) resolve(content);
        else reject(new Error(`docker ${method} ${path}: ${answer.statusCode} ${content.trim()}`));
      }, reject);
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

function target(host: string): { socketPath: string } | { hostname: string; port: string } {
  if (host.startsWith("/")) return { socketPath: host };
  const url = new URL(host);
  if (url.protocol === "unix:") return { socketPath: url.pathname };
  if (url.protocol === "tcp:" || url.protocol === "http:") return { hostname: url.hostname, port: url.port || "2375" };
  throw new Error(`lab: DOCKER_HOST with ${url.protocol} is not supported`);
}
