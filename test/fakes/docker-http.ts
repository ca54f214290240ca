/**
 * The HTTP face of a fake Docker Engine on a unix socket: routes, the event stream with filters and memory, faults and hit
 * counters. What it answers comes from a backend: a stateful engine (docker-engine.ts) or a recorded transcript.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Backend {
  info(): unknown;
  /** Of `GET /containers/json`: without those that have ended. */
  containers(): unknown;
  /** undefined: there is none of this id. */
  inspect(id: string): unknown;
  networks(): unknown;
  /** @returns the HTTP status */
  kill?(id: string, signal: string): number;
}

/** `past`: events with an end (`until`). */
export type Route = "info" | "containers" | "inspect" | "networks" | "events" | "past" | "kill";

/** Stops answers of a route half-way: the answer is made up when the request comes, and sent at `release`. */
export interface Hold {
  /** Resolves when a request has come and its answer is made up. */
  readonly reached: Promise<void>;
  release(): void;
}

export interface EngineHttp extends AsyncDisposable {
  /** As for `sources.docker.host`. */
  readonly host: string;
  readonly socket: string;
  /** Requests so far. */
  readonly hits: Readonly<Record<Route, number>>;
  /** Ids that were inspected, in order. */
  readonly inspected: readonly string[];
  /** Open connections. */
  connections(): number;
  /** Open event streams. */
  streams(): number;
  /** Sends an event to all streams whose filters let it through, and remembers it for `since`. */
  send(event: EngineMessage): void;
  /** Writes text to all streams as it is. */
  write(text: string): void;
  /** Ends all event streams, as a stopping engine does. */
  cut(): void;
  /** @param id only inspects of this container */
  hold(route: Route, id?: string): Hold;
  /** Lets answers of a route fail `times` times with an HTTP status. */
  fail(route: Route, status: number, times?: number, id?: string): void;
  /** Closes the socket and every connection; what is held stays held. */
  down(): Promise<void>;
  up(): Promise<void>;
}

export interface EngineMessage {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  readonly [key: string]: unknown;
}

interface Stream {
  readonly response: ServerResponse;
  readonly lets: (event: EngineMessage) => boolean;
}

interface Fault {
  readonly route: Route;
  readonly id: string | undefined;
}

/** As the engine: all types together (facts/docker-swarm.md, Loss). */
const MEMORY = 256;

export async function startEngineHttp(backend: Backend): Promise<EngineHttp> {
  const folder = await mkdtemp(join(tmpdir(), "muster-docker-"));
  const socket = join(folder, "docker.sock");
  const hits = { info: 0, containers: 0, inspect: 0, networks: 0, events: 0, past: 0, kill: 0 };
  const inspected: string[] = [];
  const connections = new Set<Socket>();
  const streams = new Set<Stream>();
  const memory: { readonly event: EngineMessage; readonly at: number }[] = [];
  const holds: (Fault & { readonly reach: () => void; readonly released: Promise<void> })[] = [];
  const failures: (Fault & { readonly status: number; left: number })[] = [];
  let server: Server | null = null;

  async function up(): Promise<void> {
    const starting = createServer((request, response) => void answer(request, response));
    starting.on("connection", (connection) => {
      connections.add(connection);
      connection.on("close", () => connections.delete(connection));
      connection.on("error", () => connection.destroy());
    });
    await new Promise<void>((resolve) => starting.listen(socket, resolve));
    server = starting;
  }

  async function down(): Promise<void> {
    const stopping = server;
    server = null;
    streams.clear();
    memory.length = 0;
    for (const connection of connections) connection.destroy();
    if (stopping !== null) await new Promise<void>((resolve) => stopping.close(() => resolve()));
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://engine");
    const [route, id] = routeOf(url);
    if (route === null) return send(response, 404, { message: `page not found: ${url.pathname}` });
    hits[route] += 1;
    if (route === "inspect") inspected.push(id);
    if (route === "events" || route === "past") return tell(route, url, response);
    if (route === "kill") return kill(id, url, response);
    const body = {
      info: backend.info,
      containers: backend.containers,
      networks: backend.networks,
      inspect: () => backend.inspect(id),
    }[route]();
    await untilReleased(route, id);
    const status = failureOf(route, id);
    if (status !== null) return send(response, status, { message: "as the test has it" });
    send(response, body === undefined ? 404 : 200, body ?? { message: `No such container: ${id}` });
  }

  /** @returns the HTTP status that it fails with this time; null: it does not */
  function failureOf(route: Route, id: string): number | null {
    const failure = failures.find((fault) => matches(fault, route, id) && fault.left > 0);
    if (failure === undefined) return null;
    failure.left -= 1;
    return failure.status;
  }

  function kill(id: string, url: URL, response: ServerResponse): void {
    const status = failureOf("kill", id) ?? backend.kill?.(id, url.searchParams.get("signal") ?? "SIGKILL") ?? 404;
    if (status === 204) response.writeHead(204).end();
    else send(response, status, { message: "as the test has it" });
  }

  function tell(route: "events" | "past", url: URL, response: ServerResponse): Promise<void> {
    return route === "events" ? subscribe(url, response) : replay(url, response);
  }

  async function subscribe(url: URL, response: ServerResponse): Promise<void> {
    // The head goes out before the subscription is in place, as in the engine.
    response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
    await untilReleased("events", "");
    const stream = { response, lets: filterOf(url) };
    response.write(remembered(url));
    streams.add(stream);
    response.on("close", () => streams.delete(stream));
  }

  async function replay(url: URL, response: ServerResponse): Promise<void> {
    await untilReleased("past", "");
    const status = failureOf("past", "");
    if (status !== null) return send(response, status, { message: "as the test has it" });
    response.writeHead(200, { "content-type": "application/json" }).end(remembered(url));
  }

  /** Both ends are inclusive. */
  function remembered(url: URL): string {
    const since = Number(url.searchParams.get("since") ?? Number.POSITIVE_INFINITY) * 1000;
    const until = Number(url.searchParams.get("until") ?? Number.POSITIVE_INFINITY) * 1000;
    const lets = filterOf(url);
    const told = memory.filter(({ event, at }) => at >= since && at <= until && lets(event));
    return told.map(({ event }) => `${JSON.stringify(event)}\n`).join("");
  }

  async function untilReleased(route: Route, id: string): Promise<void> {
    for (const hold of holds.filter((fault) => matches(fault, route, id))) {
      hold.reach();
      await hold.released;
    }
  }

  await up();
  return {
    ...{ host: `unix://${socket}`, socket, hits, inspected, up, down },
    connections: () => connections.size,
    streams: () => streams.size,
    send(message) {
      const at = Date.now();
      const event = { time: Math.floor(at / 1000), timeNano: at * 1e6, ...message };
      memory.push({ event, at });
      if (memory.length > MEMORY) memory.shift();
      for (const { response, lets } of streams) if (lets(event)) response.write(`${JSON.stringify(event)}\n`);
    },
    write(text) {
      for (const { response } of streams) response.write(text);
    },
    cut() {
      for (const { response } of streams) response.end();
      streams.clear();
    },
    hold(route, id) {
      const reached = deferred();
      const released = deferred();
      const hold = { route, id, reach: reached.resolve, released: released.promise };
      holds.push(hold);
      return {
        reached: reached.promise,
        release() {
          holds.splice(holds.indexOf(hold), 1);
          released.resolve();
        },
      };
    },
    fail(route, status, times = 1, id) {
      failures.push({ route, id, status, left: times });
    },
    async [Symbol.asyncDispose]() {
      await down();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function routeOf({ pathname: path, searchParams }: URL): [Route, string] | [null, ""] {
  const [, inspect] = /^(?:\/v[\d.]+)?\/containers\/([^/]+)\/json$/.exec(path) ?? [];
  if (inspect !== undefined && inspect !== "") return ["inspect", inspect];
  const [, killed] = /^(?:\/v[\d.]+)?\/containers\/([^/]+)\/kill$/.exec(path) ?? [];
  if (killed !== undefined) return ["kill", killed];
  const [, other] = /^(?:\/v[\d.]+)?\/(info|networks|events|containers)(?:\/json)?$/.exec(path) ?? [];
  if (other === "events" && searchParams.has("until")) return ["past", ""];
  return other === undefined ? [null, ""] : [other as Route, ""];
}

function matches(fault: Fault, route: Route, id: string): boolean {
  return fault.route === route && (fault.id === undefined || fault.id === id);
}

/** As the engine: values of one key are alternatives, and `health_status` stands for all of its texts. */
function filterOf(url: URL): (event: EngineMessage) => boolean {
  const filters = JSON.parse(url.searchParams.get("filters") ?? "{}") as Record<string, string[]>;
  const { type, event: actions } = filters;
  return ({ Type, Action }) =>
    (type === undefined || type.includes(Type)) &&
    (actions === undefined || actions.some((action) => Action === action || Action.startsWith(`${action}:`)));
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
