/** A manager's (or worker's) engine as far as the swarm source asks it: stateful, on a unix socket, with faults and counters. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type SwarmRoute = "info" | "services" | "tasks" | "nodes" | "events";

export interface FakeSwarm extends AsyncDisposable {
  readonly socket: string;
  /** Requests so far. */
  readonly hits: Record<SwarmRoute, number>;
  /** What `/info` has under `Swarm`; null: nothing. */
  role: object | null;
  services: FakeService[];
  tasks: FakeTask[];
  nodes: FakeNode[];
  /** Status with which `/services`, `/tasks` and `/nodes` fail; null: they don't. */
  failure: { readonly status: number; readonly message: string } | null;
  /** Sends an event to all streams. */
  event(): void;
  streams(): number;
  connections(): number;
}

export interface FakeService {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly Spec: object;
  readonly [key: string]: unknown;
}

export interface FakeTask {
  readonly ID: string;
  readonly Version: { readonly Index: number };
  readonly DesiredState: string;
  readonly Status: { readonly State: string };
  readonly [key: string]: unknown;
}

export interface FakeNode {
  readonly ID: string;
  readonly Status: { readonly State: string; readonly Addr: string };
  readonly ManagerStatus?: object;
}

export const MANAGER = { NodeID: "n1", LocalNodeState: "active", ControlAvailable: true };
export const WORKER = {
  ...{ NodeID: "n2", LocalNodeState: "active", ControlAvailable: false },
  RemoteManagers: [{ NodeID: "n1", Addr: "127.0.0.1:2377" }],
};

export function service(id: string, index = 1, labels: Record<string, string> = {}): FakeService {
  return { ID: id, Version: { Index: index }, Spec: { Name: `name-${id}`, Labels: labels } };
}

export function task(id: string, node: string, desired = "running", state = "running", index = 1): FakeTask {
  return {
    ...{ ID: id, Version: { Index: index }, ServiceID: "s1", NodeID: node, DesiredState: desired },
    ...{ Status: { State: state }, CreatedAt: "2026-11-21T10:00:00.000000001Z" },
  };
}

export function node(id: string, state = "ready"): FakeNode {
  return { ID: id, Status: { State: state, Addr: `10.0.0.${id.slice(1)}` } };
}

export async function startFakeSwarm(role: object | null): Promise<FakeSwarm> {
  const folder = await mkdtemp(join(tmpdir(), "muster-swarm-"));
  const socket = join(folder, "docker.sock");
  const streams = new Set<ServerResponse>();
  let index = 0;
  const fake: FakeSwarm = {
    ...{ socket, role, services: [], tasks: [], nodes: [], failure: null },
    hits: { info: 0, services: 0, tasks: 0, nodes: 0, events: 0 },
    event() {
      index += 1;
      const event = { Type: "service", Action: "update", scope: "swarm", Actor: { ID: "s1", Attributes: {} }, index };
      for (const stream of streams) stream.write(`${JSON.stringify(event)}\n`);
    },
    streams: () => streams.size,
    connections: () => sockets.size,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
  const server = createServer((request, response) => {
    const route = /^\/(?:v[\d.]+\/)?(info|services|tasks|nodes|events)\b/.exec(request.url ?? "")?.[1];
    // No containers: of those tells docker-engine.ts.
    if (/\/(containers\/json|networks)\b(?!\/)/.test(request.url ?? "")) return void response.end("[]");
    if (route === undefined) return void response.writeHead(404).end("{}");
    fake.hits[route as SwarmRoute] += 1;
    answer(fake, route as SwarmRoute, response, streams);
  });
  const sockets = new Set<object>();
  server.on("connection", (connection) => {
    sockets.add(connection);
    connection.once("close", () => sockets.delete(connection));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return fake;
}

function answer(fake: FakeSwarm, route: SwarmRoute, response: ServerResponse, streams: Set<ServerResponse>): void {
  response.setHeader("content-type", "application/json");
  if (route === "events") {
    streams.add(response);
    response.once("close", () => streams.delete(response));
    return void response.flushHeaders();
  }
  if (route === "info") return void response.end(JSON.stringify({ ID: "engine", Swarm: fake.role }));
  if (fake.failure === null) return void response.end(JSON.stringify(fake[route]));
  response.writeHead(fake.failure.status).end(JSON.stringify({ message: fake.failure.message }));
}
