/**
 * The engine's HTTP API as far as Muster needs it. The only file that knows dockerode, and its traps (facts/toolchain.md
 * 9.2): options are taken from the environment unless each is given, the abort signal is deleted from the options object
 * that carries it, an aborted stream ends with ECONNRESET, and every request is turned into text for a debug log that
 * is off, with everything that hangs on it.
 */
import { readFile } from "node:fs/promises";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Readable } from "node:stream";
import { inspect } from "node:util";
import Docker from "dockerode";
import { EngineError, toEngineError } from "./errors.ts";
import { type DockerOptions, engineAddress } from "./options.ts";

/** One engine. Answers are unparsed; everything rejects with an `EngineError`, or with `signal.reason` on abort. */
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
  /** Sends a signal to a running container; the one thing that Muster ever writes to an engine. */
  kill(id: string, name: string, signal: AbortSignal): Promise<void>;
  /** Closes idle connections. */
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

/** What dockerode takes and its types lack: `info` with options. */
interface Client {
  info(options: Abortable): Promise<unknown>;
  listContainers(options: Abortable): Promise<unknown>;
  listNetworks(options: Abortable): Promise<unknown>;
  listServices(options: Abortable): Promise<unknown>;
  listTasks(options: Abortable): Promise<unknown>;
  listNodes(options: Abortable): Promise<unknown>;
  getNetwork(id: string): { inspect(options: { readonly verbose: boolean }): Promise<unknown> };
  getEvents(options: object): Promise<Readable>;
  getContainer(id: string): {
    inspect(options: Abortable): Promise<unknown>;
    kill(options: Abortable & { readonly signal: string }): Promise<unknown>;
  };
}
interface Abortable {
  readonly abortSignal: AbortSignal;
}

/** Prepares a connection; the first request makes it. Rejects if a TLS file can't be read. */
export async function openEngine(options: DockerOptions): Promise<Engine> {
  const { agent, settings } = await connection(options);
  const docker = new Docker(settings) as unknown as Client;
  const { host, timeout } = options;

  async function ask<T>(what: string, signal: AbortSignal, request: (options: Abortable) => Promise<T>): Promise<T> {
    try {
      return await within(timeout, signal, (abortSignal) => request({ abortSignal }));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TimeoutError)) throw toEngineError(error, host, what);
      throw new EngineError(`docker: ${host} did not answer ${what} within ${timeout} ms`, {
        cause: error,
        timedOut: true,
      });
    }
  }

  return {
    info: (signal) => ask("GET /info", signal, (o) => docker.info(o)),
    containers: (signal) => ask("GET /containers/json", signal, (o) => docker.listContainers(o)),
    networks: (signal) => ask("GET /networks", signal, (o) => docker.listNetworks(o)),
    // dockerode knows no signal here: an answer that comes too late comes to nobody.
    network: (id, signal) =>
      ask(`GET /networks/${id.slice(0, 12)}`, signal, () =>
        docker.getNetwork(encodeURIComponent(id)).inspect({ verbose: true }),
      ),
    services: (signal) => ask("GET /services", signal, (o) => docker.listServices(o)),
    tasks: (signal) => ask("GET /tasks", signal, (o) => docker.listTasks(o)),
    nodes: (signal) => ask("GET /nodes", signal, (o) => docker.listNodes(o)),
    swarmEvents: (signal) =>
      ask("GET /events", signal, () =>
        docker.getEvents({ filters: { scope: ["swarm"], type: ["service", "node"] }, abortSignal: signal }),
      ),
    inspect: (id, signal) =>
      ask(`GET /containers/${id.slice(0, 12)}/json`, signal, (o) =>
        docker.getContainer(encodeURIComponent(id)).inspect(o),
      ),
    async kill(id, name, signal) {
      await ask(`POST /containers/${id.slice(0, 12)}/kill`, signal, (o) =>
        docker.getContainer(encodeURIComponent(id)).kill({ ...o, signal: name }),
      );
    },
    events: (since, signal) =>
      ask("GET /events", signal, () => {
        const filters = { type: ["container", "network"], event: EVENTS };
        // The stream's own signal: the time-out is for the answer's head only.
        return docker.getEvents({ filters, abortSignal: signal, ...(since === null ? {} : { since }) });
      }),
    close: () => agent.destroy(),
  };
}

async function connection(options: DockerOptions) {
  const address = engineAddress(options);
  const [ca, cert, key] = await Promise.all([options.caFile, options.certFile, options.keyFile].map(readPem));
  // Given one by one, also when undefined: dockerode fills what is absent from DOCKER_HOST, DOCKER_CLIENT_TIMEOUT and so on.
  const blank = { host: undefined, port: undefined, socketPath: undefined, timeout: undefined };
  if ("socketPath" in address) {
    const agent = opaque(new HttpAgent({ keepAlive: true }));
    const settings = {
      ...blank,
      socketPath: address.socketPath,
      protocol: "http" as const,
      ca: undefined,
      cert: undefined,
      key: undefined,
      agent,
    };
    return { agent, settings };
  }
  const { protocol, hostname, port } = address;
  const agent =
    protocol === "https" ? opaque(new HttpsAgent({ keepAlive: true })) : opaque(new HttpAgent({ keepAlive: true }));
  return { agent, settings: { ...blank, host: `${protocol}://${hostname}`, port, protocol, ca, cert, key, agent } };
}

/** Opaque to the debug log: with its sockets an agent takes 30 ms to print, at every request. */
function opaque<T extends object>(agent: T): T {
  return Object.assign(agent, { [inspect.custom]: () => "Agent" });
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

class TimeoutError extends Error {}

/** Settles when `signal` aborts or time is up, even if `request` never does: dockerode hangs on an answer cut in its body. */
async function within<T>(ms: number, signal: AbortSignal, request: (signal: AbortSignal) => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const attempt = new AbortController();
  const timer = ms === 0 ? undefined : setTimeout(() => attempt.abort(new TimeoutError()), ms);
  const stop = () => attempt.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    const aborted = new Promise<never>((_resolve, reject) => {
      attempt.signal.addEventListener("abort", () => reject(attempt.signal.reason), { once: true });
    });
    return await Promise.race([request(attempt.signal), aborted]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}
