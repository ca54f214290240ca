import type { ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type Certificates, type Configured, type ConsulOptions, configure } from "./consul-config.ts";
import { claim, release } from "./owner.ts";
import { type Tool, tool } from "./packages.ts";
import { end, ended, serveInto, whileRunning } from "./run.ts";
import { until } from "./wait.ts";

/** A request to the API; the answer's JSON comes back, or its text if it is not JSON. */
export interface ConsulRequest {
  /** @default "GET" */
  readonly method?: string;
  /** With query: "/v1/agent/services". */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** @default the bootstrap token, if there is one */
  readonly token?: string;
}

/** A single Consul server on a port of its own of 127.0.0.1. */
export interface Consul extends AsyncDisposable {
  /** "http://127.0.0.1:20123", or https. The same over restarts. */
  readonly url: string;
  /** The bootstrap token, which may do everything, with `acl` only. */
  readonly token?: string;
  /** The path of the CA's certificate (PEM), with `tls` only; then there are also a `cert` and `key` for a client. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Makes a token that may do what the rules (HCL) say. Without `dataDir` it is forgotten at the next stop. */
  makeToken(rules: string): Promise<string>;
  /** Throws for 4xx and 5xx. */
  request(request: ConsulRequest): Promise<unknown>;
  /** SIGTERM, and waits for its end. */
  stop(): Promise<void>;
  /** SIGKILL, and waits for its end. */
  kill(): Promise<void>;
  /** Starts it on the same port and waits until it answers and has a leader. */
  start(): Promise<void>;
  /** SIGKILL, and deletes the data directory: it begins anew at the next start. */
  wipe(): Promise<void>;
  /** What it wrote. */
  log(): Promise<string>;
}

/** Starts a Consul server: 0.2 s, with a data directory 1.5 s, the first time on a machine some 6 s more (see `packages.ts`). */
export async function startConsul(options: ConsulOptions = {}): Promise<Consul> {
  const program = await tool("consul", options.signal);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await tryToStart(program, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      const collision = error instanceof Error && error.message.includes("address already in use");
      if (!collision || options.port !== undefined || attempt === 3) throw error;
    }
  }
}

async function tryToStart(program: Tool, options: ConsulOptions): Promise<Consul> {
  const name = `c${process.pid}-${randomUUID().slice(0, 8)}`;
  const folder = await claim("consul", name, options.signal);
  try {
    const configured = await configure(program, folder, options);
    const launch = (): ChildProcess => serveInto(join(folder, "consul.log"), program, configured.args);
    const consul = assemble(name, folder, configured, launch, options.signal);
    await consul.start();
    return consul;
  } catch (error) {
    await release("consul", name);
    throw error;
  }
}

function assemble(
  name: string,
  folder: string,
  configured: Configured,
  launch: () => ChildProcess,
  signal?: AbortSignal,
): Consul {
  const { url, nodeName, data, token, tls } = configured;
  let child: ChildProcess | undefined;
  const log = (): Promise<string> => readFile(join(folder, "consul.log"), "utf8").catch(() => "");
  const request = (call: ConsulRequest): Promise<unknown> => send(configured, call);

  async function finish(how: NodeJS.Signals): Promise<void> {
    if (child !== undefined) await end(child, how);
  }

  async function ready(): Promise<boolean> {
    const self = (await request({ path: "/v1/agent/self" })) as { readonly Config: { readonly NodeName: string } };
    if (self.Config.NodeName !== nodeName) throw new Error("another agent has this port");
    return (await request({ path: "/v1/status/leader" })) !== "";
  }

  return {
    url,
    ...(token === undefined ? {} : { token }),
    ...tls,
    log,
    request,
    stop: () => finish("SIGTERM"),
    kill: () => finish("SIGKILL"),
    async start() {
      if (child !== undefined && !ended(child)) throw new Error("lab: Consul is running");
      child = launch();
      try {
        const running = whileRunning(child, signal);
        await until(ready, { timeoutMs: 20_000, everyMs: 20, what: `Consul at ${url}`, signal: running });
      } catch (error) {
        await finish("SIGKILL");
        signal?.throwIfAborted();
        const last = (await log()).trim().split("\n").slice(-3).join("\n");
        throw new Error(`lab: Consul does not answer: ${last}`, { cause: error });
      }
    },
    async makeToken(rules) {
      const policy = `lab-${randomUUID()}`;
      await request({ method: "PUT", path: "/v1/acl/policy", body: { Name: policy, Rules: rules } });
      const made = await request({ method: "PUT", path: "/v1/acl/token", body: { Policies: [{ Name: policy }] } });
      return (made as { readonly SecretID: string }).SecretID;
    },
    async wipe() {
      await finish("SIGKILL");
      await rm(data, { recursive: true, force: true });
    },
    async [Symbol.asyncDispose]() {
      await finish("SIGKILL");
      await release("consul", name);
    },
  };
}

async function send({ url, token, tls }: Configured, call: ConsulRequest): Promise<unknown> {
  const secret = call.token ?? token;
  const headers = secret === undefined ? {} : { "X-Consul-Token": secret };
  const begin = tls === undefined ? httpRequest : httpsRequest;
  const method = call.method ?? "GET";
  const options = { method, headers, agent: false, timeout: 5000, ...(tls === undefined ? {} : await contents(tls)) };
  return await new Promise((resolve, reject) => {
    const outgoing = begin(`${url}${call.path}`, options, (answer) => {
      text(answer).then((content) => {
        if ((answer.statusCode ?? 500) < 400) resolve(parsed(content));
        else reject(new Error(`consul ${method} ${call.path}: ${answer.statusCode} ${content.trim()}`));
      }, reject);
    });
    outgoing.on("error", reject);
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer within 5 s")));
    outgoing.end(call.body === undefined ? undefined : JSON.stringify(call.body));
  });
}

async function contents(files: Certificates): Promise<Record<keyof Certificates, Buffer>> {
  const [ca, cert, key] = await Promise.all([readFile(files.ca), readFile(files.cert), readFile(files.key)]);
  return { ca, cert, key };
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return content;
  }
}
