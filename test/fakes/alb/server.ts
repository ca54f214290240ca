/**
 * A stateful stand-in for the ELBv2 API: the query protocol over real HTTP on loopback, with hit counters and faults. True
 * to facts/alb.md, and held against the recorded requests in test/fixtures/alb. SigV4 must be there; it is not verified.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { text } from "node:stream/consumers";
import type { Fault } from "../../conformance/proxy.ts";
import { isRead, perform } from "./actions.ts";
import { AwsError } from "./errors.ts";
import { type Bucket, createThrottle, type Throttle } from "./throttle.ts";
import { createElbWorld, type World } from "./world.ts";
import { answerXml, errorXml, type Form, readForm } from "./xml.ts";

export interface Call {
  readonly action: string;
  readonly form: Form;
  /** Whoever signed it. */
  readonly accessKey: string;
  /** How it ended: `ok`, an AWS error code, or the fault that it met. */
  outcome: string;
}

export interface FakeElb extends AsyncDisposable {
  readonly url: string;
  readonly region: string;
  readonly world: World;
  readonly calls: readonly Call[];
  count(action: string): number;
  /** The n-th mutating call from now (1: the next) meets this fault, once. */
  failMutation(n: number, fault: Fault | (() => Fault | undefined)): void;
  failReads(fault: Fault | null): void;
  /** This action is answered with an error, `times` times. @default for ever */
  refuse(
    action: string,
    error: { readonly code: string; readonly message?: string; readonly status?: number },
    times?: number,
  ): void;
  /** As the account's limits; null: none. */
  throttle(buckets: { readonly reads?: Bucket; readonly writes?: Bucket } | null): void;
  /** Calls that were throttled. */
  throttled(): number;
  /** Resets all connections and refuses new ones, until `heal`. */
  down(): Promise<void>;
  heal(): Promise<void>;
  hanging(): number;
  sockets(): number;
}

interface Refusal {
  readonly code: string;
  readonly message?: string;
  readonly status?: number;
  left: number;
}

export async function startFakeElb({ now = Date.now, region = "eu-west-1" } = {}): Promise<FakeElb> {
  const world = createElbWorld(now, region);
  const calls: Call[] = [];
  const clients = new Set<Socket>();
  const held = new Set<ServerResponse>();
  const refusals = new Map<string, Refusal>();
  let plans: { readonly at: number; readonly fault: Fault | (() => Fault | undefined) }[] = [];
  let readFault: Fault | null = null;
  let limits: { readonly reads?: Throttle; readonly writes?: Throttle } = {};
  let mutations = 0;
  let requests = 0;

  function faultFor(action: string): Fault | undefined {
    if (isRead(action)) return readFault ?? undefined;
    mutations += 1;
    const plan = plans.find(({ at }) => at === mutations);
    return typeof plan?.fault === "function" ? plan.fault() : plan?.fault;
  }

  function answer(
    { action, form }: Call,
    request: IncomingMessage,
  ): { readonly status: number; readonly xml: string; readonly code: string } {
    requests += 1;
    const id = `00000000-0000-4000-8000-${requests.toString(16).padStart(12, "0")}`;
    try {
      checkSigned(request);
      (isRead(action) ? limits.reads : limits.writes)?.take();
      refuseIfPlanned(action);
      return { status: 200, xml: answerXml(action, perform(world, action, form), id), code: "ok" };
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      return { status: error.status, xml: errorXml(error.code, error.message, error.status, id), code: error.code };
    }
  }

  function refuseIfPlanned(action: string): void {
    const refusal = refusals.get(action);
    if (refusal === undefined || refusal.left <= 0) return;
    refusal.left -= 1;
    throw new AwsError(refusal.code, refusal.message ?? refusal.code, refusal.status ?? 400);
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const form = readForm(body);
    const accessKey = /Credential=([^/]+)/.exec(request.headers.authorization ?? "")?.[1] ?? "";
    const call: Call = { action: form.text("Action") ?? "", form, accessKey, outcome: "" };
    calls.push(call);
    const fault = faultFor(call.action);
    if (fault === undefined) {
      const { status, xml, code } = answer(call, request);
      call.outcome = code;
      response.writeHead(status, { "content-type": "text/xml" }).end(xml);
      return;
    }
    call.outcome = fault.kind;
    meet(fault, () => answer(call, request).xml, request, response);
  }

  function meet(fault: Fault, act: () => string, request: IncomingMessage, response: ServerResponse): void {
    switch (fault.kind) {
      case "answer":
        response.writeHead(fault.status, { "content-type": fault.contentType ?? "text/plain" }).end(fault.body ?? "");
        return;
      case "reset":
        request.socket.resetAndDestroy();
        return;
      case "hang":
        held.add(response);
        response.on("close", () => held.delete(response));
        return;
      case "lost":
        act();
        request.socket.resetAndDestroy();
        return;
      case "cut": {
        const xml = act();
        response.writeHead(200, { "content-type": "text/xml", "content-length": Buffer.byteLength(xml) });
        response.write(xml.slice(0, xml.length / 2), () => response.destroy());
        return;
      }
      default:
        fault satisfies never;
    }
  }

  const server = createServer((request, response) => {
    handle(request, response).catch(() => request.socket.resetAndDestroy());
  });
  server.on("connection", (socket) => {
    clients.add(socket);
    socket.on("close", () => clients.delete(socket));
  });
  server.keepAliveTimeout = 0;

  function listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      server.once("error", reject).listen(port, "127.0.0.1", () => resolve());
    });
  }

  async function close(): Promise<void> {
    if (!server.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of clients) socket.resetAndDestroy();
    await closed;
  }

  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    region,
    world,
    calls,
    count: (action) => calls.filter((call) => call.action === action).length,
    failMutation: (n, fault) => void plans.push({ at: mutations + n, fault }),
    failReads(fault) {
      readFault = fault;
    },
    refuse: (action, error, times = Number.POSITIVE_INFINITY) => void refusals.set(action, { ...error, left: times }),
    throttle(buckets) {
      limits = {
        ...(buckets?.reads && { reads: createThrottle(buckets.reads, now) }),
        ...(buckets?.writes && { writes: createThrottle(buckets.writes, now) }),
      };
    },
    throttled: () => (limits.reads?.refused ?? 0) + (limits.writes?.refused ?? 0),
    down: close,
    async heal() {
      plans = [];
      readFault = null;
      refusals.clear();
      for (const response of held) response.destroy();
      if (!server.listening) await listen(port);
    },
    hanging: () => held.size,
    sockets: () => clients.size,
    [Symbol.asyncDispose]: close,
  };
}

function checkSigned({ headers }: IncomingMessage): void {
  const isSigned = /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/[^/]+\/elasticloadbalancing\/aws4_request, /.test(
    headers.authorization ?? "",
  );
  if (!isSigned || headers["x-amz-date"] === undefined) {
    throw new AwsError("MissingAuthenticationToken", "Request is missing Authentication Token", 403);
  }
}
