import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Tool } from "./packages.ts";
import { freePorts } from "./ports.ts";
import { run } from "./run.ts";

/** How to start a Consul server. */
export interface ConsulOptions {
  /** Keep everything in a data directory, over restarts. @default false: `-dev`, all is forgotten when it ends */
  readonly dataDir?: boolean;
  /** Refuse what no token allows. @default false */
  readonly acl?: boolean;
  /** HTTPS in place of HTTP; with `"mutual"` it also asks clients for a certificate. @default false */
  readonly tls?: boolean | "mutual";
  /** The port of the API. @default one that is free */
  readonly port?: number;
  /** An address to listen at besides 127.0.0.1: the gateway of an engine whose containers shall reach it. */
  readonly alsoAt?: string;
  /** More configuration, as in Consul's JSON files. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Ends the start; not the server. */
  readonly signal?: AbortSignal;
}

/** Paths of PEM files, for a client. The server asks for `cert` and `key` with `tls: "mutual"` only. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A configuration that has been written, and what a client must know of it. */
export interface Configured {
  readonly args: readonly string[];
  readonly url: string;
  readonly nodeName: string;
  readonly data: string;
  readonly token?: string;
  readonly tls?: Certificates;
}

/** Writes the configuration of a single server on 127.0.0.1 into a folder. */
export async function configure(consul: Tool, folder: string, options: ConsulOptions): Promise<Configured> {
  const { dataDir = false, acl = false, tls = false } = options;
  const more = options.alsoAt === undefined ? [] : [options.alsoAt];
  const version = await minorVersion(consul);
  const [serfLan = 0, server = 0, spare = 0] = await freePorts(3);
  const port = options.port ?? spare;
  const data = join(folder, "data");
  const token = randomUUID();
  const files = tls === false ? undefined : await makeCertificates(consul, folder, more);
  const api = files === undefined ? { http: port } : { http: -1, https: port };
  const config = {
    node_name: `lab-${token.slice(0, 8)}`,
    bind_addr: "127.0.0.1",
    client_addr: ["127.0.0.1", ...more].join(" "),
    disable_update_check: true,
    ports: {
      ...api,
      dns: -1,
      grpc: -1,
      ...(version >= 14 ? { grpc_tls: -1 } : {}),
      serf_lan: serfLan,
      serf_wan: -1,
      server,
    },
    ...(dataDir ? { server: true, bootstrap: true, data_dir: data, performance: { raft_multiplier: 1 } } : {}),
    ...(acl ? { acl: aclConfig(version, token) } : {}),
    ...(files === undefined ? {} : { ...files.server, verify_incoming_https: tls === "mutual" }),
    ...options.config,
  };
  const file = join(folder, "config.json");
  await writeFile(file, JSON.stringify(config, undefined, 2));
  return {
    args: ["agent", ...(dataDir ? [] : ["-dev"]), "-config-file", file],
    url: `${files === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    nodeName: config.node_name,
    data,
    ...(acl ? { token } : {}),
    ...(files === undefined ? {} : { tls: files.client }),
  };
}

/** The 8 of 1.8.7: some settings have other names in later versions. */
async function minorVersion(consul: Tool): Promise<number> {
  const text = await run(consul.path, ["version"], { env: consul.env });
  const [, major, minor] = /v(\d+)\.(\d+)\./.exec(text) ?? [];
  if (minor === undefined) throw new Error(`lab: unknown version of Consul: ${text.split("\n")[0]}`);
  return major === "1" ? Number(minor) : 99;
}

function aclConfig(version: number, token: string): Record<string, unknown> {
  const first = version >= 11 ? { initial_management: token } : { master: token };
  return { enabled: true, default_policy: "deny", tokens: { ...first, agent: token } };
}

async function makeCertificates(
  consul: Tool,
  folder: string,
  addresses: readonly string[],
): Promise<{ server: object; client: Certificates }> {
  const cwd = join(folder, "tls");
  await mkdir(cwd);
  const make = (...args: string[]): Promise<string> => run(consul.path, ["tls", ...args], { cwd, env: consul.env });
  await make("ca", "create");
  await make("cert", "create", "-server", ...addresses.map((address) => `-additional-ipaddress=${address}`));
  await make("cert", "create", "-client");
  const pem = (name: string): string => join(cwd, `${name}.pem`);
  const ca = pem("consul-agent-ca");
  return {
    server: { ca_file: ca, cert_file: pem("dc1-server-consul-0"), key_file: pem("dc1-server-consul-0-key") },
    client: { ca, cert: pem("dc1-client-consul-0"), key: pem("dc1-client-consul-0-key") },
  };
}
