/** A TCP proxy on loopback that does to connections what networks do: delay, throttle, refuse, reset, swallow, lose answers. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { until } from "../lab/wait.ts";

/** What is wrong with the way. Several at once add up. */
export type Trouble =
  /** Everything comes so many ms later, each way. */
  | { readonly kind: "delay"; readonly ms: number }
  | { readonly kind: "throttle"; readonly bytesPerSecond: number }
  /** Connections are reset, and new ones refused. */
  | { readonly kind: "refuse" }
  /** Connections are reset every so many ms. */
  | { readonly kind: "reset"; readonly everyMs: number }
  /** A pulled cable: connections stay, nothing comes through until it is mended, then all that was sent. */
  | { readonly kind: "silent" }
  /** The request arrives; such a share of the answers is replaced by a reset. */
  | { readonly kind: "lost"; readonly share: number };

/** Where connections lead: a port of 127.0.0.1, or a unix socket. */
export type Target = { readonly port: number } | { readonly path: string };

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** Begins a trouble. @returns ends it; twice is fine */
  trouble(trouble: Trouble): Promise<() => Promise<void>>;
  /** Connections from clients. */
  connections(): number;
}

export interface TcpProxyOptions {
  readonly target: Target;
  /** In [0, 1). @default Math.random */
  readonly random?: () => number;
}

/** Between two looks at whether the cable is mended, ms. */
const LOOK_MS = 20;

export async function startTcpProxy({ target, random = Math.random }: TcpProxyOptions): Promise<TcpProxy> {
  const troubles = new Set<Trouble>();
  const clients = new Set<Socket>();
  const server = createServer(accept);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  function accept(client: Socket): void {
    const upstream = connect(target);
    clients.add(client);
    const end = () => {
      client.destroy();
      upstream.destroy();
    };
    client.on("error", end).on("close", () => {
      clients.delete(client);
      end();
    });
    upstream.on("error", () => client.resetAndDestroy());
    pump(client, upstream, () => true).catch(end);
    pump(upstream, client, () => !isLost()).catch(end);
  }

  /** @param passes false: the connection is reset in place of what came */
  async function pump(from: Socket, to: Socket, passes: () => boolean): Promise<void> {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      await hold(from, to, chunk.length);
      if (to.destroyed) return;
      if (!passes()) return void to.resetAndDestroy();
      if (!to.write(chunk)) await Promise.race([once(to, "drain"), once(to, "close")]);
    }
    await hold(from, to, 0);
    to.end();
  }

  /** Keeps bytes back for as long as the troubles of the moment say. */
  async function hold(from: Socket, to: Socket, bytes: number): Promise<void> {
    const wait = Math.max(0, ...[...troubles].map((trouble) => waitOf(trouble, bytes)));
    if (wait > 0) await delay(wait);
    while (has("silent") && !to.destroyed && !from.errored) await delay(LOOK_MS);
  }

  function has(kind: Trouble["kind"]): boolean {
    return [...troubles].some((trouble) => trouble.kind === kind);
  }

  function isLost(): boolean {
    return [...troubles].some((trouble) => trouble.kind === "lost" && random() < trouble.share);
  }

  function reset(): void {
    for (const client of clients) client.resetAndDestroy();
  }

  async function close(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    reset();
    await closed;
  }

  /** Somebody else may have taken the port for a moment. */
  async function reopen(): Promise<void> {
    if (server.listening) return;
    const listen = async () => {
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
      return true;
    };
    await until(listen, { timeoutMs: 10_000, what: `port ${port}` });
  }

  return {
    port,
    connections: () => clients.size,
    async trouble(trouble) {
      troubles.add(trouble);
      const timer = trouble.kind === "reset" ? setInterval(reset, trouble.everyMs) : undefined;
      if (trouble.kind === "reset") reset();
      if (trouble.kind === "refuse") await close();
      return async () => {
        clearInterval(timer);
        troubles.delete(trouble);
        if (!has("refuse")) await reopen();
      };
    },
    async [Symbol.asyncDispose]() {
      troubles.clear();
      await close();
    },
  };
}

function waitOf(trouble: Trouble, bytes: number): number {
  if (trouble.kind === "delay") return trouble.ms;
  return trouble.kind === "throttle" ? (1000 * bytes) / trouble.bytesPerSecond : 0;
}
