/** The example adapter for HAProxy on a real HAProxy, with a proxy in between to count and to break. */
import type { Json, Registry } from "../../src/model.ts";
import { loadModule } from "../../src/modules.ts";
import type { FaultProxy } from "../conformance/proxy.ts";
import { opened } from "../conformance/registry/pass.ts";
import type { Backdoor, Owner } from "../conformance/registry.ts";
import { type Haproxy, startHaproxy } from "../lab/haproxy.ts";
import { startRuntimeProxy } from "./haproxy-proxy.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** As Muster loads it, options checked. */
export function openRegistry(options: object, { cluster, node }: Owner): Promise<Registry> {
  const context = {
    ...{ name: "haproxy", cluster, node, resync: 0, log: silent },
    ...{ now: Date.now, random: Math.random },
  };
  return loadModule("registries", { module: "./examples/haproxy/index.js", ...options }, context);
}

/** Services that the laws use, and of their odd ones those that can be a backend's name. */
const SERVICES = ["web", "api", "db", "a", "A", "a.b.c", ".", "a:b:c", "__proto__", "a".repeat(63), "a".repeat(300)];

export function startWithBackends(): Promise<Haproxy> {
  return startHaproxy(
    ({ socket, front }) => `
global
  stats socket ${socket} level admin
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
frontend http
  bind ${front}
  use_backend %[req.hdr(host)]
${SERVICES.map((name) => `backend ${name}\n  balance roundrobin\n`).join("")}`,
  );
}

/** The servers as HAProxy shows them, by `backend/server`. */
export async function servers({
  runtime,
}: Haproxy): Promise<Readonly<Record<string, Readonly<Record<string, string>>>>> {
  const [, header = "", ...lines] = (await runtime("show servers state")).trim().split("\n");
  const columns = header.split(" ").slice(1);
  const rows = lines.map((line) => {
    const cells = line.split(" ");
    return Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? ""]));
  });
  return Object.fromEntries(rows.map((row) => [`${row["be_name"]}/${row["srv_name"]}`, row]));
}

export function backdoorOf(haproxy: Haproxy, proxy: FaultProxy): Backdoor {
  return {
    async putStranger({ key, service }) {
      const [backend, ...name] = key.split("/");
      const [muster, cluster, node, ...rest] = name.join("/").split(":");
      const others = [
        "web1",
        "muster",
        `muster:${cluster}:${node}`,
        `x${name}`,
        `${name}:more`,
        `${name}_`,
        `${muster}:${cluster}:${node}1:${rest.join(":")}`,
        `${muster}:${cluster}1:${node}:${rest.join(":")}`,
        // It would be read as ours if what is escaped weren't looked at closely.
        `${muster}:${cluster?.replace("l", "_6C")}:${node}:${rest.join(":")}`,
        `Muster:${cluster}:${node}:${rest.join(":")}`,
      ];
      for (const other of others) await haproxy.runtime(`add server ${backend}/${other} 10.9.9.9:9 weight 3`);
      const there = await servers(haproxy);
      const missing = others.filter((other) => !(`${service}/${other}` in there));
      if (missing.length > 0) throw new Error(`HAProxy did not take the strangers ${missing.join(", ")}`);
    },
    async world() {
      const rows = Object.entries(await servers(haproxy)).map(([id, row]): [string, Json] => {
        const { srv_addr, srv_port, srv_uweight, srv_admin_state } = row;
        return [id, [srv_addr, srv_port, srv_uweight, srv_admin_state].map((cell) => cell ?? "")];
      });
      return Object.fromEntries(rows);
    },
    async serves({ key }) {
      const server = (await servers(haproxy))[key];
      return server !== undefined && server["srv_admin_state"] === "0" && server["srv_op_state"] === "2";
    },
    mutations: () => proxy.mutations.length,
    failMutation: proxy.failMutation,
    failReads: proxy.failReads,
    down: proxy.down,
    heal: proxy.heal,
    hanging: proxy.hanging,
    sockets: proxy.sockets,
  };
}

/** A HAProxy, what stands before it, and registries on them. */
export interface Bench extends AsyncDisposable {
  readonly haproxy: Haproxy;
  readonly proxy: FaultProxy;
  /** Runs a test with a registry of an owner of its own, whose entries are taken away afterwards. */
  using(body: (registry: Registry) => Promise<void>, options?: object): Promise<void>;
}

export async function startBench(): Promise<Bench> {
  const haproxy = await startWithBackends();
  const proxy = await startRuntimeProxy(haproxy.socket);
  let owners = 0;
  return {
    haproxy,
    proxy,
    using(body, options = {}) {
      owners += 1;
      const owner = { cluster: `c${owners}`, node: { id: "n1", address: "10.0.0.1" } };
      const open = async () => ({
        registry: await openRegistry({ socket: proxy.url, timeout: 1000, ...options }, owner),
        backdoor: backdoorOf(haproxy, proxy),
      });
      return opened({ harness: { open }, owner: () => owner }, owner, body);
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await haproxy[Symbol.asyncDispose]();
    },
  };
}
