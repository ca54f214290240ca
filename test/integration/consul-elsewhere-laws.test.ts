/** The laws for registries, kept where instances run on other hosts: on those hosts' agents, and in the catalog. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "vitest";
import { ownerOf } from "../../adapters/registries/consul/ownership.ts";
import { readSpec } from "../../adapters/registries/consul/spec.ts";
import type { Json } from "../../src/model.ts";
import { type FaultProxy, startFaultProxy } from "../conformance/proxy.ts";
import { instance } from "../conformance/registry/fleet.ts";
import { type Backdoor, testRegistry } from "../conformance/registry.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { until } from "../lab/wait.ts";
import { type LogLine, nodes, partsAway, recorder, servicesOn, startAgent } from "./consul-cluster.ts";
import { backdoorOf, isWrite, openRegistry, SECRET, writeToken } from "./consul-harness.ts";

/** ms: a law waits for it, but a loaded machine must not run into it. */
const TIMEOUT = 2000;
/** Where the laws' instances run. */
const HOST = instance(1).node;

describe("the Consul registry with instances on another host", { timeout: 240_000 }, () => {
  let server: Consul;
  let own: FaultProxy;
  let folder: string;
  let tokenFile: string;

  beforeAll(async () => {
    server = await startConsul({ dataDir: true });
    own = await startFaultProxy({ target: server.url, isMutation: isWrite });
    folder = await mkdtemp(join(tmpdir(), "muster-consul-"));
    tokenFile = await writeToken(folder);
  }, 60_000);

  afterAll(async () => {
    await own?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  describe("that has an agent", () => {
    let agent: Consul;
    let other: FaultProxy;

    beforeAll(async () => {
      agent = await startAgent(server, { address: "127.0.0.2" });
      other = await startFaultProxy({ target: agent.url, isMutation: isWrite });
    }, 60_000);

    afterAll(async () => {
      await other?.[Symbol.asyncDispose]();
      await agent?.[Symbol.asyncDispose]();
    });

    testRegistry(it, {
      lacks: ["services"],
      async open(owner) {
        const { log, lines } = recorder();
        const options = { timeout: TIMEOUT, tokenFile, agents: { [HOST]: other.url } };
        const backdoor = both(backdoorOf(agent, other), own);
        return { registry: openRegistry(own.url, owner, options, log), backdoor: whole(backdoor, lines) };
      },
      secrets: [SECRET],
      runs: 5,
      many: 200,
    });
  });

  describe("that has none, in the catalog", () => {
    testRegistry(it, {
      lacks: ["services"],
      async open(owner) {
        const { log, lines } = recorder();
        const { id } = owner.node;
        const options = { timeout: TIMEOUT, tokenFile, catalog: true };
        const backdoor = catalogBackdoor(server, own, `${ownerOf(owner.cluster, id).nodePrefix}${HOST}`);
        return { registry: openRegistry(own.url, owner, options, log), backdoor: whole(backdoor, lines) };
      },
      secrets: [SECRET],
      runs: 5,
      many: 200,
    });
  });
});

/** What happens to this node's agent happens to the other as well. */
function both(backdoor: Backdoor, own: FaultProxy): Backdoor {
  return {
    ...backdoor,
    mutations: () => backdoor.mutations() + own.mutations.length,
    failReads(fault) {
      own.failReads(fault);
      backdoor.failReads(fault);
    },
    async down() {
      await Promise.all([own.down(), backdoor.down()]);
    },
    async heal() {
      await Promise.all([own.heal(), backdoor.heal()]);
    },
    hanging: () => own.hanging() + backdoor.hanging(),
    sockets: () => own.sockets() + backdoor.sockets(),
  };
}

/** Healed only when the registry has noticed: what did not answer is asked again in the background. */
function whole(backdoor: Backdoor, lines: readonly LogLine[]): Backdoor {
  return {
    ...backdoor,
    async heal() {
      await backdoor.heal();
      await until(() => partsAway(lines) === 0, { timeoutMs: 20_000, everyMs: 5, what: "all parts to be back" });
    },
  };
}

function catalogBackdoor(consul: Consul, proxy: FaultProxy, node: string): Backdoor {
  const put = (body: object) => consul.request({ method: "PUT", path: "/v1/catalog/register", body });
  return {
    ...backdoorOf(consul, proxy),
    async putStranger({ key, service, spec }) {
      const { meta, node: ours } = readSpec(spec);
      const external = { Address: HOST, NodeMeta: ours?.meta };
      const copy = { ID: key, Service: service, Meta: meta };
      await put({ Node: `${node}1`, ...external, Service: copy });
      await put({ Node: node.slice(0, -1), ...external, Service: copy });
      await put({ Node: `external-of-${key}`, ...external, Service: copy });
      await put({ Node: `empty-${key}`, ...external });
      // On our own node, where only we should write.
      await put({ Node: node, ...external, Service: { ...copy, ID: `${key}:copy` } });
      await put({ Node: node, ...external, Service: { ID: `copy-of-${key}`, Service: service } });
    },
    async world() {
      const world: Record<string, Json> = {};
      for (const { Node, Address, Meta } of await nodes(consul)) {
        world[Node] = { Address, Meta };
        for (const { ID, Service, Address: at, Port, Tags, Meta: meta } of Object.values(
          (await servicesOn(consul, Node)) ?? {},
        )) {
          world[`${Node}/${ID}`] = { Service, at, Port, Tags, meta };
        }
      }
      return world;
    },
    async serves({ key, service }) {
      const path = `/v1/health/service/${encodeURIComponent(service)}?passing`;
      const serving = (await consul.request({ path })) as readonly { readonly Service: { readonly ID: string } }[];
      return serving.some(({ Service }) => Service.ID === key);
    },
  };
}
