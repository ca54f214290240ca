/** A stateful Kong Admin API on loopback, true to the recorded transcripts (`test/unit/kong-fake.test.ts`). It proxies nothing. */
import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import { Refusal } from "./refusal.ts";
import { type Answer, type Call, respond, type World } from "./requests.ts";
import { createStore } from "./store.ts";
import type { KongVersion } from "./version.ts";

export interface FakeKongOptions {
  readonly version?: KongVersion;
  readonly dbless?: boolean;
  /** @default random UUIDs */
  readonly nextId?: () => string;
  /** ms since the epoch. @default the machine's clock */
  readonly now?: () => number;
  /** Below which it answers, e.g. `/admin/default` for a base path and a workspace. @default at the root */
  readonly prefix?: string;
  /** Enterprise: entities are below this as well. @default none, as OSS has it: 404 */
  readonly workspace?: string;
}

/** What happens to a request, instead of or besides what it asks for. */
export type KongFault =
  | { readonly kind: "status"; readonly status: number; readonly body?: unknown }
  | { readonly kind: "hang" }
  | { readonly kind: "reset" }
  /** It is answered, after so many ms. */
  | { readonly kind: "slow"; readonly ms: number };

export interface KongHit {
  readonly method: string;
  /** With the query, as it was sent. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface FakeKong extends AsyncDisposable {
  readonly url: string;
  readonly world: World;
  /** All requests so far. */
  readonly hits: readonly KongHit[];
  /** Those of them that write. */
  writes(): readonly KongHit[];
  /** How many requests were under way at once, at most, since the last `forget`. */
  peak(): number;
  /** Connections from clients. */
  sockets(): readonly Socket[];
  /** Forgets hits and peak. */
  forget(): void;
  /** Meets every request that the function gives a fault for; null: none. */
  fault(choose: ((hit: KongHit) => KongFault | null) | null): void;
  /** Every entity call answers 500 (facts/kong.md §2, "Database down"). */
  database(state: "up" | "down"): void;
}

export async function startFakeKong(options: FakeKongOptions = {}): Promise<FakeKong> {
  const { version = "3.4.2", dbless = false, prefix = "" } = options;
  const world: World = {
    version,
    dbless,
    store: createStore(),
    config: { text: "", hash: "0".repeat(32) },
    databaseIsDown: false,
    nextId: options.nextId ?? randomUUID,
    now: options.now ?? Date.now,
  };
  const sockets = new Set<Socket>();
  let hits: KongHit[] = [];
  let choose: ((hit: KongHit) => KongFault | null) | null = null;
  let underWay = 0;
  let peak = 0;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const hit = { method: request.method ?? "", path: request.url ?? "", headers: request.headers };
    hits.push(hit);
    const body = await text(request);
    const fault = choose?.(hit) ?? null;
    switch (fault?.kind) {
      case "hang":
        return;
      case "reset":
        request.socket.resetAndDestroy();
        return;
      case "status":
        return send(response, { status: fault.status, body: fault.body ?? {} });
      case "slow":
        await new Promise((resolve) => setTimeout(resolve, fault.ms));
        break;
      default:
    }
    send(response, answerTo(hit, body));
  }

  function answerTo({ method, path, headers }: KongHit, body: string): Answer {
    try {
      if (!path.startsWith(`${prefix}/`)) return { status: 404, body: { message: "Not found" } };
      const below = path.slice(prefix.length);
      const inWorkspace = options.workspace !== undefined && below.startsWith(`/${options.workspace}/`);
      const url = inWorkspace ? below.slice(options.workspace.length + 1) : below;
      return respond(world, callOf(method, url, String(headers["content-type"] ?? ""), body));
    } catch (error) {
      if (error instanceof Refusal) return { status: error.status, body: error.body };
      throw error;
    }
  }

  function send(response: ServerResponse, { status, body, headers }: Answer): void {
    const content = body === undefined ? "" : JSON.stringify(body);
    const type = body === undefined ? {} : { "content-type": "application/json; charset=utf-8" };
    response.writeHead(status, { ...type, server: `kong/${version}`, ...headers }).end(content);
  }

  const server = createServer((request, response) => {
    underWay += 1;
    peak = Math.max(peak, underWay);
    response.once("close", () => {
      underWay -= 1;
    });
    handle(request, response).catch(() => request.socket.resetAndDestroy());
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  return {
    url: `http://127.0.0.1:${port}${prefix}`,
    world,
    get hits() {
      return hits;
    },
    writes: () => hits.filter(({ method }) => method !== "GET" && method !== "HEAD" && method !== "OPTIONS"),
    peak: () => peak,
    sockets: () => [...sockets],
    forget() {
      hits = [];
      peak = underWay;
    },
    fault(next) {
      choose = next;
    },
    database(state) {
      world.databaseIsDown = state === "down";
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function callOf(method: string, url: string, type: string, text: string): Call {
  const [path = "", query = ""] = url.split("?");
  const segments = path.split("/").filter(Boolean).map(decodeURIComponent);
  return { method, path, segments, query: new URLSearchParams(query), body: bodyOf(type, text), text };
}

function bodyOf(type: string, text: string): Readonly<Record<string, unknown>> {
  if (type.includes("urlencoded")) return formOf(new URLSearchParams(text));
  if (type.includes("yaml")) return { config: text };
  if (type === "" && text === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, { message: "Cannot parse JSON body" });
  }
}

/** A repeated field is a list. */
function formOf(form: URLSearchParams): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    [...new Set(form.keys())].map((key) => {
      const values = form.getAll(key);
      return [key, values.length === 1 ? values[0] : values];
    }),
  );
}
