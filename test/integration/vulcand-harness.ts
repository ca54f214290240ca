/** The Vulcand adapter on the fake Vulcand, with a proxy in between where a test wants to count or to break something. */
import { createVulcandRegistry } from "../../adapters/registries/vulcand/index.ts";
import type { VulcandOptions } from "../../adapters/registries/vulcand/options.ts";
import { readSpec } from "../../adapters/registries/vulcand/spec.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import type { AdapterContext, Json, Registry } from "../../src/model.ts";
import type { FaultProxy } from "../conformance/proxy.ts";
import type { Backdoor, Owner } from "../conformance/registry.ts";
import type { FakeVulcand } from "../fakes/vulcand/server.ts";

const silent = { debug() {}, info() {}, warn() {}, error() {} };

export const OWNER: Owner = { cluster: "default", node: { id: "n1", address: "10.0.0.1" } };

export function openRegistry(
  url: string,
  { cluster, node }: Owner = OWNER,
  options: Partial<VulcandOptions> = {},
  clock: Pick<Clock, "after"> = systemClock,
): Registry {
  const context: AdapterContext = {
    ...{ name: "vulcand", cluster, node, resync: 0, log: silent },
    now: Date.now,
    random: () => 0,
  };
  const defaults: VulcandOptions = { url, ttl: 600_000, instances: "all", passHost: true, timeout: 5000 };
  return createVulcandRegistry({ ...defaults, ...options }, context, clock);
}

/** The heart-beats of the laws come after ten minutes, so that all writes are writes of changes. */
export function backdoorOf(fake: FakeVulcand, proxy: FaultProxy): Backdoor {
  return {
    async putStranger({ key, service }) {
      const [kind = "", id = ""] = key.split("/");
      const backend = kind === "backends" ? id : `${service}:`;
      for (const other of [backend.slice(0, -1), `x${backend}`, backend.replace("muster", "Muster"), service]) {
        fake.store.set(`backends/${other}/backend`, JSON.stringify({ Id: other, Type: "http" }), null);
        const server = (key.split("/")[3] ?? "s:").slice(0, -1);
        const value = JSON.stringify({ Id: server, URL: "http://10.9.9.9:1" });
        fake.store.set(`backends/${other}/servers/${server}`, value, null);
        const frontend = { Id: other, Type: "http", BackendId: other, Route: `Host("${service}.theirs.example")` };
        fake.store.set(`frontends/${other}/frontend`, JSON.stringify(frontend), null);
        const listener = { Id: other, Protocol: "http", Address: { Network: "tcp", Address: "0.0.0.0:1" } };
        fake.store.set(`listeners/${other}`, JSON.stringify(listener), null);
      }
      const host = { Name: `${service}.theirs.example`, Settings: { Default: false, KeyPair: null, OCSP: {} } };
      fake.store.set(`hosts/${host.Name}/host`, JSON.stringify(host), null);
    },
    async world() {
      return Object.fromEntries(
        Object.entries(fake.store.dump()).map(([key, value]): [string, Json] => [key, JSON.parse(value)]),
      );
    },
    async serves({ spec, key }) {
      // Asked again and again while something else happens.
      await new Promise((resolve) => setImmediate(resolve));
      const held = fake.store.get(key);
      return readSpec(spec).kind !== "server" || held !== undefined;
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
