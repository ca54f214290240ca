/** Other hosts' agents of which one does not answer. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ConsulOptions } from "../../adapters/registries/consul/options.ts";
import type { Instance, Logger, Registry } from "../../src/model.ts";
import { startFaultProxy } from "../conformance/proxy.ts";
import { instance } from "../conformance/registry/fleet.ts";
import { assertHolds, converge, list, pass, project } from "../conformance/registry/pass.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { until } from "../lab/wait.ts";
import { nodeAt, partsAway, recorder, servicesOn, startAgent } from "./consul-cluster.ts";
import { isWrite, openRegistry, silent } from "./consul-harness.ts";

const A = "127.0.0.2";
const B = "127.0.0.3";
let owners = 0;

describe("the Consul registry with an agent that does not answer", { timeout: 60_000 }, () => {
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

  /** With entries on each, and a proxy before the agent of A that can be made to fail. */
  async function start(fleet: readonly Instance[]) {
    const proxy = await startFaultProxy({ target: a.url, isMutation: isWrite });
    const { log, lines } = recorder();
    const registry = open({ agents: { [A]: proxy.url, [B]: b.url } }, newOwner(), log);
    await converge(registry, fleet);
    return {
      ...{ proxy, registry, lines },
      async [Symbol.asyncDispose]() {
        await proxy.heal();
        await until(() => partsAway(lines) === 0, { timeoutMs: 15_000, what: "the agent to be back" });
        await converge(registry, []);
        await registry[Symbol.asyncDispose]();
        await proxy[Symbol.asyncDispose]();
      },
    };
  }

  const fleet = [instance(1, { node: "me" }), instance(2, { node: A }), instance(3, { node: B })];

  it("keeps its entries as they were, and registers on the others", async () => {
    await using world = await start(fleet);
    const { proxy, registry, lines } = world;
    const [, lost] = project(registry, fleet);
    await proxy.down();

    await assertHolds(registry, fleet);
    const next = fleet.map((each) => ({ ...each, tags: ["new"] }));
    const { outcomes } = await pass(registry, next);

    expect(outcomes).toEqual([
      { ok: true },
      {
        ok: false,
        error: `consul: update ${lost?.key}: ${proxy.url}: connection refused (left alone until it answers again)`,
        retry: true,
        ambiguous: false,
        isolated: true,
      },
      { ok: true },
    ]);
    expect(lines.filter(({ level }) => level === "warn")).toMatchObject([
      {
        message: "part of the registry does not answer, its entries stay as last seen",
        fields: { registry: "consul", url: proxy.url, entries: 1, error: `${proxy.url}: connection refused` },
      },
    ]);

    const stop = new AbortController();
    const returned = registry.returns?.(stop.signal)[Symbol.asyncIterator]().next();
    await proxy.heal();
    expect(await returned).toMatchObject({ done: false });
    stop.abort();
    await converge(registry, next);
    await assertHolds(registry, next);
  });

  it("waits for it once, not again and again", async () => {
    await using world = await start(fleet);
    const { proxy, registry } = world;
    proxy.failReads({ kind: "hang" });
    for (let n = 1; n <= 4; n += 1) proxy.failMutation(n, { kind: "hang" });
    const many = [...fleet, ...Array.from({ length: 40 }, (_, n) => instance(10 + n, { node: A }))];
    const began = performance.now();
    await pass(registry, many);
    const first = performance.now() - began;

    const again = performance.now();
    for (const tags of [["x"], ["y"], ["z"]]) {
      const wanted = [instance(1, { node: "me", tags }), ...many.slice(1)];
      const { changes, outcomes } = await pass(registry, wanted);
      const failures = outcomes.filter(({ ok }) => !ok);
      expect(failures).toHaveLength(40);
      expect(changes.flatMap(({ after }, index) => (outcomes[index]?.ok ? [after?.instance] : []))).toEqual([
        "task1:80",
      ]);
    }

    // One listing or write has a limit of 2 s; 40 writes one after the other would take 20 s.
    expect(first).toBeLessThan(8000);
    expect(performance.now() - again).toBeLessThan(1500);
  });

  it("says that none can be listed only where this node's own agent can't", async () => {
    await using own = await startFaultProxy({ target: server.url, isMutation: isWrite });
    await using registry = openRegistry(own.url, newOwner(), both());
    await own.down();

    await expect(list(registry)).rejects.toThrow(`consul: list: ${own.url}: connection refused`);
  });

  it("is given up when it has left the catalog for good", async () => {
    const c = await startAgent(server, { address: "127.0.0.4" });
    let now = 0;
    const owner = newOwner();
    await using registry = openRegistry(server.url, owner, { agents: { c: c.url } }, silent, () => now);
    const wanted = instance(1, { node: "c" });
    await converge(registry, [wanted]);
    const node = await nodeAt(server, "127.0.0.4");
    const isSeen = async () => Object.keys((await servicesOn(server, node)) ?? {}).length > 0;
    await until(isSeen, { timeoutMs: 10_000, what: "the service in the catalog" });

    await c[Symbol.asyncDispose]();
    await list(registry);
    await assertHolds(registry, [wanted]);
    // As its servers do of themselves 72 hours later (reconnect_timeout).
    await server.request({ method: "PUT", path: "/v1/catalog/deregister", body: { Node: node } });
    now += 60_000;

    expect(await list(registry)).toEqual([]);
  });
});
