/** The engine's HTTP API as far as Muster needs it, over its socket, TCP or TLS. */
import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { openConnections, type TlsMaterial } from "../../connections.ts";
import { isTimeout } from "../../failure.ts";
import { createHttpClient } from "../../http.ts";
import { EngineError, refusal, toEngineError } from "./errors.ts";
import { type DockerOptions, engineAddress } from "./options.ts";

/** One engine. Answers are parsed JSON; everything rejects with an `EngineError`, or with `signal.reason` on abort. */
export interface Engine {
  info(signal: AbortSignal): Promise<unknown>;
  /** Running, paused and restarting containers. */
  containers(signal: AbortSignal): Promise<unknown>;
  inspect(id: string, signal: AbortSignal): Promise<unknown>;
  networks(signal: AbortSignal): Promise<unknown>;
  /** One network with what the nodes' gossip says of its services: workers answer it as well. */
  network(id: string, signal: AbortSignal): Promise<unknown>;
  /** The swarm's services, tasks, nodes: managers answer, workers refuse (HTTP 503). */
  services(signal: AbortSignal): Promise<unknown>;
  tasks(signal: AbortSignal): Promise<unknown>;
  nodes(signal: AbortSignal): Promise<unknown>;
  /** What changes in the swarm's services and nodes, as managers tell it; `signal` closes the stream. */
  swarmEvents(signal: AbortSignal): Promise<Readable>;
  /**
   * Container and network events, one JSON object a line, without end; `signal` closes the stream.
   * @param since engine's time in s since the epoch from which on remembered events are replayed; null: none are
   */
  events(since: number | null, signal: AbortSignal): Promise<Readable>;
  /**
   * What the engine remembers of signals to containers, and of their starts and ends; the stream ends by itself.
   * @param until as `since` above
   */
  pastKills(until: number, signal: AbortSignal): Promise<Readable>;
  /** Sends a signal to a running container; the one thing that Muster ever writes to an engine. */
  kill(id: string, name: string, signal: AbortSignal): Promise<void>;
  /** Closes all connections. */
  close(): void;
}

/** Everything that says something about a running container; `exec_*`, the bulk under health checks, is left out. */
const EVENTS = [
  "start",
  "die",
  "kill",
  "destroy",
  "health_status",
  "rename",
  "pause",
  "unpause",
  "update",
  "connect",
  "disconnect",
];

type Query = Readonly<Record<string, string>>;

/** Prepares connections; the first request makes them. Rejects if a TLS file can't be read. */
export async function openEngine(options: DockerOptions): Promise<Engine> {
  const { host, timeout } = options;
  const { url, socketPath, tls } = await connection(options);
  const socket = socketPath === undefined ? {} : { socketPath };
  // Bounded by whoever calls, so that no request waits here for a connection.
  const http = createHttpClient({ url, timeout, tls, ...socket, connections: CONNECTIONS });
  const streams = openConnections({ tls, ...socket, keepIdle: 0 });

  async function send(method: "GET" | "POST", path: string, query: Query, signal: AbortSignal): Promise<string> {
    const what = `${method} ${short(path)}`;
    const answer = await http.send({ method, path, query }, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      throw isLate(error) ? late(what, error) : toEngineError(error, host);
    });
    if (answer.status >= 300) throw refusal(host, what, answer.status, answer.text);
    return answer.text;
  }

  async function get(path: string, signal: AbortSignal, query: Query = {}): Promise<unknown> {
    const text = await send("GET", path, query, signal);
    try {
      return JSON.parse(text);
    } catch {
      // No cause: it would quote the answer, which may have a container's environment in it.
      throw new EngineError(`docker: ${host} answered GET ${short(path)} with what is no JSON`);
    }
  }

  /** The time-out is for the answer's head only. */
  async function stream(query: Query, signal: AbortSignal): Promise<Readable> {
    signal.throwIfAborted();
    const path = `/events?${new URLSearchParams(query)}`;
    const answer = await streams.request(`${url}${path}`, { headers: {}, timeout }, signal).catch((error: unknown) => {
      signal.throwIfAborted();
      throw isLate(error) ? late("GET /events", error) : toEngineError(error, host);
    });
    if (answer.status === 200) return answer.body;
    throw refusal(host, "GET /events", answer.status, await startOf(answer.body, timeout));
  }

  function late(what: string, cause: unknown): EngineError {
    return new EngineError(`docker: ${host} did not answer ${what} within ${timeout} ms`, { cause, timedOut: true });
  }

  return {
    info: (signal) => get("/info", signal),
    containers: (signal) => get("/containers/json", signal),
    networks: (signal) => get("/networks", signal),
    network: (id, signal) => get(`/networks/${encodeURIComponent(id)}`, signal, { verbose: "true" }),
    services: (signal) => get("/services", signal),
    tasks: (signal) => get("/tasks", signal),
    nodes: (signal) => get("/nodes", signal),
    swarmEvents: (signal) => stream({ filters: filters({ scope: ["swarm"], type: ["service", "node"] }) }, signal),
    inspect: (id, signal) => get(`/containers/${encodeURIComponent(id)}/json`, signal),
    async kill(id, name, signal) {
      await send("POST", `/containers/${encodeURIComponent(id)}/kill`, { signal: name }, signal);
    },
    events: (since, signal) =>
      stream(
        {
          filters: filters({ type: ["container", "network"], event: EVENTS }),
          ...(since !== null && { since: String(since) }),
        },
        signal,
      ),
    pastKills: (until, signal) =>
      stream(
        {
          filters: filters({ type: ["container"], event: ["kill", "start", "die", "destroy"] }),
          since: "1",
          until: String(until),
        },
        signal,
      ),
    close() {
      void http[Symbol.asyncDispose]();
      streams.close();
    },
  };
}

const CONNECTIONS = 64;

function filters(by: Readonly<Record<string, readonly string[]>>): string {
  return JSON.stringify(by);
}

/** A path for a message: ids are cut as the docker CLI cuts them. */
function short(path: string): string {
  return path.replace(/[^/]{13,}/g, (id) => id.slice(0, 12));
}

/** As `createHttpClient` tells it, too. */
function isLate(error: unknown): boolean {
  return isTimeout(error) || (error instanceof Error && isTimeout(error.cause));
}

/** Of an answer that is only told of, as much as is worth telling. */
async function startOf(body: Readable, timeout: number): Promise<string> {
  let text = "";
  const timer = setTimeout(() => body.destroy(), timeout);
  try {
    for await (const chunk of body) {
      text += String(chunk);
      if (text.length > MAX_REFUSAL) break;
    }
  } catch {
    // Its status says enough.
  } finally {
    clearTimeout(timer);
  }
  return text;
}

/** Characters. */
const MAX_REFUSAL = 4_096;

async function connection(
  options: DockerOptions,
): Promise<{ readonly url: string; readonly socketPath?: string; readonly tls: TlsMaterial }> {
  const address = engineAddress(options);
  const [ca, cert, key] = await Promise.all([options.caFile, options.certFile, options.keyFile].map(readPem));
  // The name only fills the Host header.
  if ("socketPath" in address) return { url: "http://docker", socketPath: address.socketPath, tls: {} };
  const { protocol, hostname, port } = address;
  const tls = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  return { url: `${protocol}://${hostname}:${port}`, tls };
}

async function readPem(file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new EngineError(`docker: cannot read the TLS file ${file}: ${code ?? "unreadable"}`, { cause: error });
  }
}
