/** The catalog of a real Consul, with whoever else is there: strangers, agents, no leader, ACLs. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ConsulOptions } from "../../adapters/registries/consul/options.ts";
import type { Logger, Registry } from "../../src/model.ts";
import { startFaultProxy } from "../conformance/proxy.ts";
import { instance } from "../conformance/registry/fleet.ts";
import { assertHolds, changesFor, converge, pass, project } from "../conformance/registry/pass.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { until } from "../lab/wait.ts";
import { nodeAt, partsAway, recorder, servicesOn, serving, startAgent } from "./consul-cluster.ts";
import { openRegistry, silent } from "./consul-harness.ts";

const HOST = "10.0.12.223";
let owners = 0;

describe("the Consul registry beside others in the catalog", { timeout: 60_000 }, () => {
  let consul: Consul;

  beforeAll(async () => {
    consul = await startConsul({ dataDir: true });
  }, 60_000);

  afterAll(() => consul?.[Symbol.asyncDispose]());

  function newOwner() {
    owners += 1;
    return { cluster: `t${owners}`, node: { id: "me", address: "10.0.0.1" } };
  }

  function open(owner = newOwner(), options: Partial<ConsulOptions> = {}, log: Logger = silent): Registry {
    return openRegistry(consul.url, owner, { catalog: true, ...options }, log);
  }

  function put(path: string, body: object, to = consul): Promise<unknown> {
    return to.request({ method: "PUT", path: `/v1/catalog/${path}`, body });
  }

  it("leaves strangers' external nodes alone, and their services on ours", async () => {
    await using registry = open();
    const wanted = [instance(1, { node: HOST }), instance(2, { node: HOST })];
    const ours = `muster:t${owners}:me@${HOST}`;
    const theirs = `legacy-${owners}`;
    await put("register", {
      Node: theirs,
      Address: HOST,
      NodeMeta: { "external-node": "true" },
      Service: { ID: "db", Service: "db", Port: 5432 },
    });
    await converge(registry, wanted);
    await put("register", { Node: ours, Address: HOST, SkipNodeUpdate: true, Service: { ID: "guest", Service: "g" } });
    await converge(registry, wanted);
    await assertHolds(registry, wanted);

    await converge(registry, []);

    expect(Object.keys((await servicesOn(consul, theirs)) ?? {})).toEqual(["db"]);
    expect(Object.keys((await servicesOn(consul, ours)) ?? {})).toEqual(["guest"]);
    await put("deregister", { Node: ours });
  });

  it("writes nothing onto a node without our mark, as an agent's would be", async () => {
    const owner = newOwner();
    const nodeName = `muster:t${owners}:me@127.0.0.5`;
    await using _ = await startAgent(consul, { address: "127.0.0.5", nodeName });
    await using registry = open(owner);

    const { outcomes } = await pass(registry, [instance(1, { node: "127.0.0.5" })]);

    expect(outcomes).toEqual([
      {
        ok: false,
        error:
          `consul: register muster:t${owners}:me:task1:80@catalog:127.0.0.5: the catalog has a node ${nodeName} without our ` +
          "owner mark; if it has an agent, rename that, else deregister the node",
        retry: false,
        ambiguous: false,
      },
    ]);
    expect(await servicesOn(consul, nodeName)).toEqual({});
  });

  it("is not undone by the agent that runs on the same host", async () => {
    await using agent = await startAgent(consul, { address: "127.0.0.6" });
    const node = await nodeAt(consul, "127.0.0.6");
    await using registry = open();
    const wanted = [instance(1, { node: "127.0.0.6", address: "127.0.0.6" })];
    await converge(registry, wanted);
    // What the agent does not know on its own node goes at its next full synchronisation, as at a start.
    await put("register", { Node: node, Address: "127.0.0.6", Service: { ID: "written-over", Service: "victim" } });

    await agent.stop();
    await agent.start();

    const isSynchronised = async () => !Object.keys((await servicesOn(consul, node)) ?? {}).includes("written-over");
    await until(isSynchronised, { timeoutMs: 20_000, what: "the agent to have synchronised" });
    await assertHolds(registry, wanted);
    expect(await serving(consul, "web")).toEqual(project(registry, wanted).map(({ key }) => key));
    await converge(registry, []);
  });

  it("registers with this node's agent while there is no leader", async () => {
    const isOfCatalog = ({ path }: { readonly path: string }) => /^\/v1\/(?:catalog|health)\//.test(path);
    await using proxy = await startFaultProxy({ target: consul.url, isMutation: isOfCatalog });
    const { log, lines } = recorder();
    await using registry = openRegistry(proxy.url, newOwner(), { catalog: true }, log);
    for (let n = 1; n <= 1000; n += 1)
      proxy.failMutation(n, { kind: "answer", status: 500, body: "No cluster leader" });
    const wanted = [instance(1, { node: "me" }), instance(2, { node: HOST })];

    const { outcomes } = await pass(registry, wanted);

    expect(outcomes[0]).toEqual({ ok: true });
    expect(outcomes[1]).toMatchObject({ ok: false, retry: true });
    expect(JSON.stringify(outcomes[1])).toContain("status 500: No cluster leader (left alone until it answers again)");
    await proxy.heal();
    await until(() => partsAway(lines) === 0, { timeoutMs: 10_000, what: "the catalog to be back" });
    await converge(registry, wanted);
    await assertHolds(registry, wanted);
    await converge(registry, []);
  });
});

describe("the Consul registry with the catalog and ACLs", { timeout: 60_000 }, () => {
  const RULES = `
    node_prefix "" { policy = "read" }
    node_prefix "muster:c:me@" { policy = "write" }
    service_prefix "" { policy = "read" }
    service "web" { policy = "write" }`;

  it("needs no more than is documented, and names what is missing", async () => {
    await using consul = await startConsul({ acl: true });
    const folder = await mkdtemp(join(tmpdir(), "muster-consul-"));
    const tokenFile = join(folder, "token");
    const owner = { cluster: "c", node: { id: "me", address: "10.0.0.1" } };
    const wanted = [instance(1, { node: HOST }), instance(2, { node: "me" })];
    await writeFile(tokenFile, await consul.makeToken(RULES));
    await using registry = openRegistry(consul.url, owner, { tokenFile, catalog: true });

    await converge(registry, wanted);
    await assertHolds(registry, wanted);
    await converge(registry, [instance(2, { node: "me" })]);

    await writeFile(tokenFile, await consul.makeToken(RULES.replace("write", "read")));
    const changes = changesFor(registry, [instance(1, { node: HOST })], []);
    const [outcome] = await registry.apply(changes, new AbortController().signal);
    expect(outcome).toMatchObject({ ok: false, retry: false });
    expect(JSON.stringify(outcome)).toContain("needed: node:write on the node and service:write on the service's name");
    await rm(folder, { recursive: true });
  });
});
