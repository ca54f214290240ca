/** What drains is in maintenance, on a real Consul: out of every healthy query, there to be seen, and lifted by whoever set it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Instance, Registry } from "../../src/model.ts";
import { type FaultProxy, startFaultProxy } from "../conformance/proxy.ts";
import { check, instance } from "../conformance/registry/fleet.ts";
import { assertHolds, converge, entryOf, list, pass } from "../conformance/registry/pass.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { until } from "../lab/wait.ts";
import { serving } from "./consul-cluster.ts";
import { agentServices, isWrite, openRegistry } from "./consul-harness.ts";

let owners = 0;

describe("the Consul registry and maintenance", { timeout: 30_000 }, () => {
  let consul: Consul;
  let proxy: FaultProxy;

  beforeAll(async () => {
    consul = await startConsul();
    proxy = await startFaultProxy({ target: consul.url, isMutation: isWrite });
  }, 60_000);
  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await consul?.[Symbol.asyncDispose]();
  });

  /** A service of its own, ready; and the same draining. */
  async function openScene() {
    owners += 1;
    const owner = { cluster: `m${owners}`, node: { id: "n", address: "10.0.0.1" } };
    const open = () => openRegistry(proxy.url, owner);
    const registry: Registry = open();
    const ready = instance(1, { service: `web${owners}`, health: "passing" });
    const draining: Instance = { ...ready, state: "draining" };
    await converge(registry, [ready]);
    const { key } = entryOf(registry, [ready]);
    const path = `/v1/agent/service/maintenance/${encodeURIComponent(key)}`;
    return {
      ...{ registry, ready, draining, key, open },
      /** By the hand of a person. */
      maintain: (enable: boolean, reason = "") =>
        consul.request({ method: "PUT", path: `${path}?enable=${enable}&reason=${encodeURIComponent(reason)}` }),
      async reason(): Promise<string | null> {
        const checks = (await consul.request({ path: "/v1/agent/checks" })) as Record<string, { Notes: string }>;
        return checks[`_service_maintenance:${key}`]?.Notes ?? null;
      },
      isServed: async (is: boolean) => {
        const what = `${ready.service} ${is ? "" : "not "}to be served`;
        const seen = async () => (await serving(consul, ready.service)).length === (is ? 1 : 0);
        await until(seen, { timeoutMs: 10_000, everyMs: 10, what });
      },
      [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
    };
  }

  it("takes a task that is about to stop out of service with one write, and removes it when it has ended", async () => {
    await using scene = await openScene();
    const { registry, draining, key, isServed, reason } = scene;
    await isServed(true);
    const before = proxy.mutations.length;

    await converge(registry, [draining]);

    expect(proxy.mutations.slice(before).map(({ path }) => path.split("?")[0])).toEqual([
      expect.stringContaining("/v1/agent/service/maintenance/"),
    ]);
    await isServed(false);
    expect(await reason()).toMatch(/^muster: draining, as its task is about to stop/);
    expect((await agentServices(consul))[key]).toBeDefined();
    await assertHolds(registry, [draining]);
    await converge(registry, []);
    expect((await agentServices(consul))[key]).toBeUndefined();
    expect(await reason()).toBeNull();
  });

  it("lifts its own when the task goes on after all, also one that an earlier Muster set", async () => {
    await using scene = await openScene();
    const { registry, ready, draining, isServed, reason, open } = scene;
    await converge(registry, [draining]);
    await converge(registry, [ready]);
    await isServed(true);
    await converge(registry, [draining]);
    await isServed(false);

    await using later = open();
    expect(await list(later)).toMatchObject([{ draining: true }]);
    await converge(later, [ready]);

    expect(await reason()).toBeNull();
    await isServed(true);
    await assertHolds(later, [ready]);
  });

  it("never lifts a person's, neither one that was there before it drained nor one that came in between", async () => {
    await using scene = await openScene();
    const { registry, ready, draining, isServed, reason, maintain } = scene;
    await maintain(true, "disk swap");
    await assertHolds(registry, [ready]);
    await converge(registry, [draining]);
    await assertHolds(registry, [draining]);
    await converge(registry, [ready]);
    expect(await reason()).toBe("disk swap");

    await maintain(false);
    await converge(registry, [draining]);
    await maintain(false);
    await maintain(true, "disk swap again");
    await converge(registry, [ready]);

    expect(await reason()).toBe("disk swap again");
    await isServed(false);
  });

  it("sets it again where a person lifted it while the task is still about to stop", async () => {
    await using scene = await openScene();
    const { registry, draining, isServed, maintain } = scene;
    await converge(registry, [draining]);
    await maintain(false);
    await isServed(true);

    await converge(registry, [draining]);

    await isServed(false);
  });

  it("keeps it through an update of what drains, with another check and tag", async () => {
    await using scene = await openScene();
    const { registry, draining, isServed, key } = scene;
    await converge(registry, [draining]);
    const changed = { ...draining, tags: ["new"], checks: [check({ type: "tcp", target: "", interval: 3_600_000 })] };

    await converge(registry, [changed]);

    await assertHolds(registry, [changed]);
    expect((await agentServices(consul))[key]?.Tags).toEqual(["new"]);
    await isServed(false);
  });

  it("an entry that others removed while it drains is made again without traffic", async () => {
    await using scene = await openScene();
    const { registry, draining, key, isServed } = scene;
    await converge(registry, [draining]);
    await consul.request({ method: "PUT", path: `/v1/agent/service/deregister/${encodeURIComponent(key)}` });

    await converge(registry, [draining]);

    await assertHolds(registry, [draining]);
    await isServed(false);
  });

  it("a refused maintenance is told, and tried by the next pass", async () => {
    await using scene = await openScene();
    const { registry, draining, isServed } = scene;
    proxy.failMutation(1, { kind: "answer", status: 500 });
    const { outcomes } = await pass(registry, [draining]);
    expect(outcomes).toMatchObject([{ ok: false, retry: true }]);

    await converge(registry, [draining]);

    await isServed(false);
  });
});
