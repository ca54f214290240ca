/** One request: access, faults, leadership, then the answer. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { Access } from "./access.ts";
import type { Cluster } from "./cluster.ts";
import type { FaultPlan } from "./faults.ts";
import type { HitCounter } from "./hits.ts";
import type { Master } from "./master.ts";
import { type Answer, read } from "./routes.ts";
import type { Streams } from "./streams.ts";
import { write } from "./writes.ts";

export interface Context {
  /** Which master this is. */
  readonly node: number;
  readonly cluster: Cluster;
  readonly access: Access;
  readonly hits: HitCounter;
  readonly plan: FaultPlan;
  readonly streams: Streams;
  readonly pathPrefix: string;
  readonly leaderWaitMs: number;
  readonly masters: readonly Master[];
}

const LOGIN = "/acs/api/v1/auth/login";
const EVENTS = "/v2/events";

export async function respond(context: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { access, cluster, pathPrefix } = context;
  const url = new URL(request.url ?? "/", "http://marathon");
  // Behind Admin Router the login is beside Marathon, not below it.
  if (url.pathname === LOGIN) return login(access, request, response);
  if (!url.pathname.startsWith(`${pathPrefix}/`)) return send(response, 404, { message: "HTTP 404 Not Found" });
  const path = decodeURIComponent(url.pathname.slice(pathPrefix.length));
  if (!access.isAllowed(request.headers.authorization)) {
    response.setHeader("www-authenticate", 'Basic realm="Mesosphere"');
    return send(response, 401, { message: "Invalid username or password." });
  }
  cluster.tick();
  if (path === "/ping") return send(response, 200, "pong");
  if (request.method === "GET") {
    context.hits.count(path);
    const status = context.plan.failure(path);
    if (status !== undefined) return send(response, status, { message: `HTTP ${status} by order of the test` });
  }
  await lead(context, request, response, url, path);
}

/** Only the leader answers: others wait for one, then send the client there or forward what it asks. */
async function lead(
  context: Context,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  path: string,
): Promise<void> {
  const leader = await awaitLeader(context);
  if (leader === undefined) return send(response, 502, "Could not determine the current leader");
  const isLeader = leader === context.masters[context.node];
  if (isLeader) response.setHeader("x-marathon-leader", leader.url);
  else response.setHeader("x-marathon-via", `1.1 ${context.masters[context.node]?.authority ?? ""}`);
  if (path === EVENTS) return events(context, request, response, url, isLeader ? null : leader);
  if (request.method === "GET" || request.method === "HEAD") {
    const answer = readAnswer(context, path, url.searchParams, leader);
    if (request.method === "GET") await context.plan.gate(path);
    return send(response, answer.status, answer.body);
  }
  const answer = write(context.cluster, request.method ?? "", path, url.searchParams, await jsonBody(request));
  return send(response, answer.status, answer.body);
}

async function awaitLeader({ cluster, masters, leaderWaitMs }: Context): Promise<Master | undefined> {
  const deadline = performance.now() + leaderWaitMs;
  while (cluster.state.leader === null && performance.now() < deadline) await delay(leaderWaitMs / 10);
  return cluster.state.leader === null ? undefined : masters[cluster.state.leader];
}

function readAnswer({ cluster, plan }: Context, path: string, query: URLSearchParams, leader: Master): Answer {
  const { traits } = cluster;
  return read({ traits, ...plan.states(), leader: leader.authority }, path, query);
}

/** Grants the stream, or says why not. */
function events(
  context: Context,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  leader: Master | null,
): void {
  const refusal = streamRefusal(context, request, url, leader);
  if (refusal !== undefined) {
    response.setHeaders(new Map(Object.entries(refusal.headers ?? {})));
    send(response, refusal.status, refusal.body);
  } else if (context.plan.isInactive(context.node)) {
    response.writeHead(200, { "content-type": "text/event-stream;charset=utf-8", connection: "close" });
    response.end();
  } else {
    context.streams.attach(request, response, url.searchParams);
  }
}

function streamRefusal(
  { cluster }: Context,
  request: IncomingMessage,
  url: URL,
  leader: Master | null,
): (Answer & { readonly headers?: Readonly<Record<string, string>> }) | undefined {
  if (!cluster.traits.hasStream) return { status: 404, body: { message: "HTTP 404 Not Found" } };
  if (leader !== null && cluster.traits.standby === "redirect") {
    return { status: 302, body: "", headers: { location: `${leader.url}${url.pathname}${url.search}` } };
  }
  // Jetty compares the whole header line: a list that contains it is not it.
  const accepts = request.headersDistinct["accept"] ?? [];
  if (request.method === "GET" && accepts.includes("text/event-stream")) return undefined;
  return { status: 405, body: "HTTP method GET is not supported by this URL" };
}

async function login(access: Access, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const granted = access.login(await jsonBody(request));
  if (granted === undefined) return send(response, 401, { title: "Bad credentials" });
  response.setHeader("set-cookie", `dcos-acs-auth-cookie=${granted.token}; Path=/; HttpOnly`);
  return send(response, 200, granted);
}

/** undefined: none, or no JSON. */
async function jsonBody(request: IncomingMessage): Promise<unknown> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const isText = typeof body === "string";
  response.writeHead(status, { "content-type": isText ? "text/plain;charset=utf-8" : "application/json" });
  response.end(isText ? body : JSON.stringify(body));
}
