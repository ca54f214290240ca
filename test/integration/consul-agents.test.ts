/** Instances of other hosts, on those hosts' own agents: a server and two agents that have joined it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ConsulOptions } from "../../adapters/registries/consul/options.ts";
import type { Logger, Registry } from "../../src/model.ts";
import { check, instance } from "../conformance/registry/fleet.ts";
import { assertHolds, converge, list, project } from "../conformance/registry/pass.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { until } from "../lab/wait.ts";
import { nodeAt, servicesOn, startAgent } from "./consul-cluster.ts";
import { agentChecks, agentServices, openRegistry, silent } from "./consul-harness.ts";

const HOUR = 3_600_000;
const A = "127.0.0.2";
const B = "127.0.0.3";
let owners = 0;

describe("the Consul registry with other hosts' agents", { timeout: 60_000 }, () => {
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

  function both(): Partial<ConsulOptions> {
    return { agents: { [A]: a.url, [B]: b.url } };
  }

  it("registers each with the agent of its host, which checks it", async () => {
    await using registry = open(both());
    const wanted = [
      instance(1, { node: "me" }),
      instance(2, { node: A, checks: [check({ interval: HOUR }), check({ type: "ttl", target: "", ttl: HOUR })] }),
      instance(3, { node: "agent-id", address: B, tags: ["old"] }),
      instance(4, { node: "elsewhere" }),
    ];

    await converge(registry, wanted);

    const [mine = "", onA = "", onB = "", elsewhere = ""] = project(registry, wanted).map(({ key }) => key);
    const prefix = `muster:t${owners}:me:`;
    expect([mine, onA, onB, elsewhere]).toEqual([
      `${prefix}task1:80`,
      `${prefix}task2:80@${A}`,
      `${prefix}task3:80@${B}`,
      `${prefix}task4:80`,
    ]);
    expect(new Set(Object.keys(await agentServices(server)))).toEqual(new Set([mine, elsewhere]));
    expect(Object.keys(await agentServices(a))).toEqual([onA]);
    expect(Object.keys(await agentServices(b))).toEqual([onB]);
    expect(Object.values(await agentChecks(a)).map(({ Type, Status }) => `${Type} ${Status}`)).toEqual([
      "http critical",
      "ttl passing",
    ]);
    await assertHolds(registry, wanted);

    await converge(registry, [instance(3, { node: B, tags: ["new"] })]);
    expect(await agentServices(a)).toEqual({});
    expect((await agentServices(b))[onB]?.Tags).toEqual(["new"]);
    await until(async () => (await servicesOn(server, await nodeAt(server, B)))?.[onB]?.Tags[0] === "new", {
      timeoutMs: 10_000,
      what: "it on its host's node in the catalog",
    });
    await converge(registry, []);
    expect(await list(registry)).toEqual([]);
  });

  it("keeps TTL checks on other agents alive", async () => {
    await using registry = open(both());
    const wanted = instance(1, { node: A, checks: [check({ type: "ttl", target: "", ttl: 1500 })] });
    await converge(registry, [wanted]);
    const id = `${project(registry, [wanted])[0]?.key}:check:1`;

    await a.request({ method: "PUT", path: `/v1/agent/check/fail/${encodeURIComponent(id)}` });

    const isPassing = async () => (await agentChecks(a))[id]?.Status === "passing";
    await until(isPassing, { timeoutMs: 5000, what: "a heart-beat" });
    await converge(registry, []);
  });

  it("moves entries when their host gets an agent, loses it, or has another", async () => {
    const owner = newOwner();
    const wanted = [instance(1, { node: A }), instance(2, { node: A })];
    const steps: readonly (readonly [Partial<ConsulOptions>, Consul])[] = [
      [{}, server],
      [{ agents: { [A]: a.url, other: b.url } }, a],
      [{ agents: { [A]: b.url, other: a.url } }, b],
      [{ agents: { other: b.url } }, server],
      [{ agents: { [A]: server.url, other: a.url } }, server],
      [{ agents: { [A]: a.url } }, a],
    ];

    for (const [options, home] of steps) {
      await using registry = open(options, owner);
      await converge(registry, wanted);
      await assertHolds(registry, wanted);
      const keys = project(registry, wanted).map(({ key }) => key);
      for (const consul of [server, a, b]) {
        expect(new Set(Object.keys(await agentServices(consul)))).toEqual(new Set(consul === home ? keys : []));
      }
    }

    await using registry = open(both(), owner);
    await converge(registry, []);
    expect(await agentServices(a)).toEqual({});
  });

  it("does no harm where two URLs lead to one agent", async () => {
    const url = `http://${A}:${new URL(a.url).port}`;
    await using registry = open({ agents: { first: a.url, second: url } });
    const wanted = [instance(1, { node: "first" }), instance(2, { node: "second" })];

    await converge(registry, wanted);
    await assertHolds(registry, wanted);
    expect(Object.keys(await agentServices(a))).toHaveLength(2);

    await converge(registry, [instance(2, { node: "second" })]);
    await assertHolds(registry, [instance(2, { node: "second" })]);
    await converge(registry, []);
    expect(await agentServices(a)).toEqual({});
  });
});
