/** The Consul adapter on a real Consul, with a proxy in between where a test wants to count or to break something. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createConsulRegistry } from "../../adapters/registries/consul/index.ts";
import type { ConsulOptions } from "../../adapters/registries/consul/options.ts";
import { readSpec } from "../../adapters/registries/consul/spec.ts";
import type { AdapterContext, Json, Registry } from "../../src/model.ts";
import type { FaultProxy, SeenRequest } from "../conformance/proxy.ts";
import type { Backdoor, Owner } from "../conformance/registry.ts";
import type { Consul } from "../lab/consul.ts";

export const SECRET = "7c5a5d0e-secret-token";

export const silent = { debug() {}, info() {}, warn() {}, error() {} };

export function contextFor(
  { cluster, node }: Owner,
  log: AdapterContext["log"] = silent,
  now: () => number = Date.now,
): AdapterContext {
  return { name: "consul", cluster, node, resync: 0, log, now, random: Math.random };
}

export function openRegistry(
  url: string,
  owner: Owner,
  options: Partial<ConsulOptions> = {},
  log: AdapterContext["log"] = silent,
  now: () => number = Date.now,
): Registry {
  return createConsulRegistry(
    { url, timeout: 5000, catalog: false, enableTagOverride: false, ...options },
    contextFor(owner, log, now),
  );
}

export async function writeToken(folder: string, token = SECRET): Promise<string> {
  const file = join(folder, "token");
  await writeFile(file, `${token}\n`);
  return file;
}

/** A service as `GET /v1/agent/services` shows it. */
export interface AgentService {
  readonly ID: string;
  readonly Service: string;
  readonly Address: string;
  readonly Port: number;
  readonly Tags: readonly string[];
  readonly Meta: Readonly<Record<string, string>>;
  readonly Weights: { readonly Passing: number; readonly Warning: number };
  readonly EnableTagOverride: boolean;
}

export interface AgentCheck {
  readonly CheckID: string;
  readonly ServiceID: string;
  readonly Status: string;
  readonly Type: string;
}

export async function agentServices(consul: Consul): Promise<Readonly<Record<string, AgentService>>> {
  return (await consul.request({ path: "/v1/agent/services" })) as Record<string, AgentService>;
}

export async function agentChecks(consul: Consul): Promise<Readonly<Record<string, AgentCheck>>> {
  return (await consul.request({ path: "/v1/agent/checks" })) as Record<string, AgentCheck>;
}

export function isWrite({ method, path }: SeenRequest): boolean {
  return method === "PUT" && !path.startsWith("/v1/agent/check/pass/");
}

export function backdoorOf(consul: Consul, proxy: FaultProxy): Backdoor {
  const put = (body: object) => consul.request({ method: "PUT", path: "/v1/agent/service/register", body });
  return {
    async putStranger({ key, service, spec }) {
      const { meta } = readSpec(spec);
      await put({ ID: `${key}1`, Name: service, Port: 1 });
      await put({ ID: key.slice(0, -1), Name: service, Tags: ["theirs"] });
      // As somebody makes them who copies a service of ours and changes its id, or its meta.
      await put({ ID: `copy-of-${key}`, Name: service, Meta: meta });
      await put({ ID: `${key}:copy`, Name: service, Meta: meta });
      await put({ ID: `${key}1:80`, Name: service, Meta: { ...meta, muster_owner: "c/other" } });
      await put({ ID: `another-${key}`, Name: service, Checks: [{ CheckID: `${key}:check:1`, TTL: "1h" }] });
    },
    async world() {
      const entries = Object.entries(await agentServices(consul)).map(([id, entry]): [string, Json] => {
        const { Service, Address, Port, Tags, Meta, Weights } = entry;
        return [id, { Service, Address, Port, Tags, Meta, Weights }];
      });
      return Object.fromEntries(entries);
    },
    async serves({ key }) {
      const path = `/v1/agent/health/service/id/${encodeURIComponent(key)}`;
      return await consul.request({ path }).then(
        () => true,
        () => false,
      );
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
