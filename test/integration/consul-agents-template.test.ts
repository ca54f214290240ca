/** Other hosts' agents, found by a template. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ConsulOptions } from "../../adapters/registries/consul/options.ts";
import type { Logger, Registry } from "../../src/model.ts";
import { instance } from "../conformance/registry/fleet.ts";
import { apply, assertHolds, changesFor, converge, list } from "../conformance/registry/pass.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { freePorts } from "../lab/ports.ts";
import { until } from "../lab/wait.ts";
import { seen, startAgent, startForwarder } from "./consul-cluster.ts";
import { agentServices, openRegistry, silent } from "./consul-harness.ts";

const A = "127.0.0.2";
const B = "127.0.0.3";
let owners = 0;

describe("the Consul registry with a template for agents", { timeout: 60_000 }, () => {
  let server: Consul;
  let a: Consul;
  let b: Consul;

  beforeAll(async () => {
    server = await startConsul({ dataDir: true });
    [a, b] = await Promise.all([startAgent(server, { address: A }), startAgent(server, { address: B })]);
  }, 60_000);

  afterAll(async () => {
    for (const consul of [a, b, server]) await consul?.[Symbol.asyncDispose]();
  });

  function newOwner() {
    owners += 1;
    return { cluster: `t${owners}`, node: { id: "me", address: "10.0.0.1" } };
  }

  function open(options: Partial<ConsulOptions>, owner = newOwner(), log: Logger = silent): Registry {
    return openRegistry(server.url, owner, options, log);
  }

  it("finds what an earlier run has left, on whichever agent", async () => {
    const [port = 0] = await freePorts(1);
    await using onA = await startForwarder(A, port, a.url);
    await using onB = await startForwarder(B, port, b.url);
    const options = { agents: `http://{host}:${port}` };
    const owner = newOwner();
    const wanted = [instance(1, { node: A }), instance(2, { node: B }), instance(3, { node: "me" })];
    const first = open(options, owner);
    await converge(first, wanted);
    await assertHolds(first, wanted);
    expect([onA.connections() > 0, onB.connections() > 0]).toEqual([true, true]);
    await first[Symbol.asyncDispose]();
    await until(async () => (await seen(server)) === 3, { timeoutMs: 10_000, what: "all in the catalog" });

    await using second = open(options, owner);
    await assertHolds(second, wanted);
    await converge(second, []);

    for (const consul of [server, a, b]) expect(await agentServices(consul)).toEqual({});
  });

  it("sends no token where a service's meta alone leads", async () => {
    const [port = 0] = await freePorts(1);
    await using trap = await startForwarder("127.0.0.9", port, b.url);
    await using onA = await startForwarder(A, port, a.url);
    const owner = newOwner();
    const mark = `${owner.cluster}/me`;
    const Meta = { muster_owner: mark, muster_id: "x", muster_host: "127.0.0.9" };
    const ID = `muster:${owner.cluster}:me:x@127.0.0.9`;
    await a.request({ method: "PUT", path: "/v1/agent/service/register", body: { ID, Name: "trap", Meta } });
    await until(async () => (await seen(server, "trap")) === 1, { timeoutMs: 10_000, what: "it in the catalog" });

    await using registry = open({ agents: `http://{host}:${port}` }, owner);
    await list(registry);
    await converge(registry, []);

    expect(trap.connections()).toBe(0);
    expect(onA.connections()).toBeGreaterThan(0);
    expect(await agentServices(a)).toEqual({});
  });

  it("overwrites no stranger's service on an agent that it has never listed", async () => {
    const [port = 0] = await freePorts(1);
    await using _ = await startForwarder(A, port, a.url);
    await using registry = open({ agents: `http://{host}:${port}` });
    const changes = changesFor(registry, [instance(1, { node: A })], await list(registry));
    const ID = changes[0]?.key ?? "";
    await a.request({ method: "PUT", path: "/v1/agent/service/register", body: { ID, Name: "stranger" } });

    const [outcome] = await apply(registry, changes);

    expect(outcome).toMatchObject({ ok: false, retry: false });
    expect((await agentServices(a))[ID]).toMatchObject({ Service: "stranger" });
    await a.request({ method: "PUT", path: `/v1/agent/service/deregister/${encodeURIComponent(ID)}` });
  });
});
