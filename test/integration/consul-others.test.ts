/** What dead nodes left in Consul: the leader finds it in the catalog, and removes it there or at its own agent. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Change, Registration, Registry } from "../../src/model.ts";
import { instance } from "../conformance/registry/fleet.ts";
import { converge } from "../conformance/registry/pass.ts";
import { labAvailable } from "../lab/available.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { until } from "../lab/wait.ts";
import { seen, startAgent } from "./consul-cluster.ts";
import { openRegistry } from "./consul-harness.ts";

const { skip, reason } = await labAvailable("consul");
const NEVER = new AbortController().signal;
const SOON = { timeoutMs: 20_000, everyMs: 50 };

function removal(before: Registration): Change {
  return { op: "deregister", key: before.key, before, after: null };
}

describe.skipIf(skip)(`what other nodes have in Consul ${reason}`, { timeout: 60_000 }, () => {
  let server: Consul;
  let agent: Consul;
  beforeAll(async () => {
    server = await startConsul({ dataDir: true });
    agent = await startAgent(server, { address: "127.0.0.2" });
  }, 60_000);
  afterAll(async () => {
    await agent?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  const open = (id: string, consul: Consul, cluster = "t"): Registry =>
    openRegistry(consul.url, { cluster, node: { id, address: "10.0.0.1" } });
  const listed = async (leader: Registry) => (await leader.listOthers?.(NEVER)) ?? [];

  it("is listed with its node, and removed where it is; strangers, other clusters and our own stay", async () => {
    await using leader = open("~cluster", server);
    await using onServer = open("a", server);
    await using onAgent = open("b", agent);
    await using foreign = open("b", server, "other");
    await converge(leader, [instance(1)]);
    await converge(onServer, [instance(2)]);
    await converge(onAgent, [instance(3), instance(4)]);
    await converge(foreign, [instance(5)]);
    const stranger = { ID: "muster:t:b:copied:80", Name: "web", Port: 1, Meta: { muster_owner: "t/a" } };
    await server.request({ method: "PUT", path: "/v1/agent/service/register", body: stranger });
    const { service } = instance(1);
    await until(async () => (await seen(server, service)) >= 5, { ...SOON, what: "all in the catalog" });

    const others = await listed(leader);
    const found = others.map(({ node, instance: id }) => `${node} ${id}`);
    expect(found.sort()).toEqual([`a ${instance(2).id}`, `b ${instance(3).id}`, `b ${instance(4).id}`]);

    await agent[Symbol.asyncDispose]();
    const outcomes = await leader.apply(others.map(removal), NEVER);

    expect(outcomes).toEqual([{ ok: true }, { ok: true }, { ok: true }]);
    expect(await listed(leader)).toEqual([]);
    expect(await leader.apply(others.map(removal), NEVER), "twice is harmless").toEqual(outcomes);
    expect(await leader.list(NEVER)).toHaveLength(1);
    expect(await foreign.list(NEVER)).toHaveLength(1);
    const left = (await server.request({ path: "/v1/agent/services" })) as Record<string, unknown>;
    expect(left).toHaveProperty(stranger.ID);
  });
});
