/**
 * What `test/conformance/proxy.ts` does to HTTP, done to HAProxy's runtime API: one line, its answer, and the end of the
 * connection. HAProxy has no statuses: each becomes what HAProxy would say or do in such a case.
 */
import { connect, createServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import type { Fault, FaultProxy, SeenRequest } from "../conformance/proxy.ts";
import { freePorts } from "../lab/ports.ts";

type AnyFault = Fault | (() => Fault | undefined);

/** @param target path of HAProxy's own socket */
export async function startRuntimeProxy(target: string): Promise<FaultProxy> {
  const [port = 0] = await freePorts(1);
  const clients = new Set<Socket>();
  const held = new Set<Socket>();
  const mutations: SeenRequest[] = [];
  let plans: { readonly at: number; readonly fault: AnyFault }[] = [];
  let readFault: Fault | null = null;

  const server = createServer((client) => {
    clients.add(client);
    client.on("close", () => {
      clients.delete(client);
      held.delete(client);
    });
    client.on("error", () => {});
    let line = "";
    client.setEncoding("utf8").on("data", (part: string) => {
      line += part;
      if (line.endsWith("\n")) void handle(client, line).catch(() => client.resetAndDestroy());
    });
  });

  async function handle(client: Socket, line: string): Promise<void> {
    const isRead = line.startsWith("show ");
    const fault = isRead ? readFault : mutation(line);
    switch (fault?.kind) {
      case undefined:
        return void client.end(await forward(line));
      case "answer":
        return answer(client, fault, isRead);
      case "reset":
        return void client.resetAndDestroy();
      case "lost":
        await forward(line);
        return void client.resetAndDestroy();
      case "cut": {
        const whole = await forward(line);
        return void client.end(whole.slice(0, Math.ceil(whole.length / 2)));
      }
      case "hang":
        held.add(client);
    }
  }

  function mutation(line: string): Fault | undefined {
    mutations.push({ method: "", path: line });
    const fault = plans.find(({ at }) => at === mutations.length)?.fault;
    return typeof fault === "function" ? fault() : fault;
  }

  function forward(line: string): Promise<string> {
    const haproxy = connect({ path: target });
    haproxy.write(line);
    return text(haproxy);
  }

  const listen = () =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(port, "127.0.0.1", () => resolve());
    });

  async function close(): Promise<void> {
    if (!server.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const client of clients) client.resetAndDestroy();
    await closed;
  }

  await listen();
  return {
    url: `127.0.0.1:${port}`,
    mutations,
    failMutation: (n, fault) => void plans.push({ at: mutations.length + n, fault }),
    failReads(fault) {
      readFault = fault;
    },
    async heal() {
      plans = [];
      readFault = null;
      for (const client of held) client.destroy();
      if (!server.listening) await listen();
    },
    down: close,
    hanging: () => held.size,
    sockets: () => clients.size,
    [Symbol.asyncDispose]: close,
  };
}

/** To a read the text is given as it is; to a write what HAProxy would say: no, not now, or nothing since it is gone. */
function answer(client: Socket, { status, body = "" }: Extract<Fault, { kind: "answer" }>, isRead: boolean): void {
  if (isRead) client.end(body);
  else if (status === 429) client.end("out of memory\n\n");
  else if (status >= 500) client.destroy();
  else client.end(`${body === "" ? "Permission denied" : body}\n\n`);
}
