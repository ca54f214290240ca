/** A whole Muster on a simulated Marathon (real HTTP and SSE) and a real Consul. */
import { describe, expect, it } from "vitest";
import { labAvailable } from "../lab/available.ts";
import { startConsul } from "../lab/consul.ts";
import { type Marathon, startMarathon } from "../lab/marathon/marathon.ts";
import { until } from "../lab/wait.ts";
import { services } from "./fleet.ts";
import { type Muster, startMuster } from "./muster.ts";

const { skip, reason } = await labAvailable("consul");
const WEB = { id: "/web", instances: 1, ports: [10_000], labels: { "muster.tags": "showcase" } };

describe.skipIf(skip)(`Marathon to Consul ${reason}`, () => {
  /** Waits until Muster shows, and Consul holds, exactly what runs. */
  async function agrees(
    marathon: Marathon,
    muster: Muster,
    consul: Awaited<ReturnType<typeof startConsul>>,
  ): Promise<void> {
    const truth = () =>
      marathon.cluster
        .truth()
        .filter(({ running }) => running)
        .flatMap(({ task, endpoints }) => endpoints.map(({ address, port }) => `${task} ${address}:${port}`))
        .sort();
    const shown = async () =>
      (await muster.instances("?state=ready")).map(({ task, address, port }) => `${task} ${address}:${port}`).sort();
    const held = async () =>
      (await services(consul)).map(({ Meta, Address, Port }) => `${Meta["muster_task"]} ${Address}:${Port}`).sort();
    await until(
      async () => {
        const want = truth().join();
        return (await shown()).join() === want && (await held()).join() === want;
      },
      { timeoutMs: 15_000, what: "Muster and Consul to agree with Marathon" },
    ).catch(async (error: unknown) => {
      throw new Error(
        `${String(error)}\nruns: ${truth().join(", ")}\nshown: ${(await shown()).join(", ")}\nheld: ${(await held()).join(", ")}`,
      );
    });
  }

  function configuration(marathon: Marathon, consul: { url: string }): string {
    return `node: { id: n1, address: 10.0.0.1 }
sources: { marathon: { urls: [${marathon.urls.join(", ")}] } }
registries: { consul: { url: "${consul.url}" } }`;
  }

  it.each(["1.1", "1.4", "1.8", "1.10"] as const)(
    "the showcase's limitation (%s): a restart from the UI, of which only status events tell, registers the right host, host port and service port",
    { timeout: 60_000 },
    async (version) => {
      await using marathon = await startMarathon({ version });
      await using consul = await startConsul();
      await using muster = await startMuster(configuration(marathon, consul));
      await muster.ready();
      marathon.cluster.deploy(WEB);
      await agrees(marathon, muster, consul);
      const [before] = marathon.cluster.truth();

      marathon.cluster.restart("/web");

      await agrees(marathon, muster, consul);
      const [after] = marathon.cluster.truth();
      expect(after?.task).not.toBe(before?.task);
      const endpoint = after?.endpoints[0];
      expect(await muster.instances()).toMatchObject([
        {
          service: "web",
          source: "marathon",
          task: after?.task,
          address: after?.host,
          port: endpoint?.port,
          servicePort: 10_000,
          state: "ready",
          tags: ["showcase"],
        },
      ]);
    },
  );

  it("the showcase's story: start web, scale to 3, kill one, delete: Consul follows", { timeout: 60_000 }, async () => {
    await using marathon = await startMarathon();
    await using consul = await startConsul();
    await using muster = await startMuster(configuration(marathon, consul));
    await muster.ready();

    marathon.cluster.deploy(WEB);
    await agrees(marathon, muster, consul);
    marathon.cluster.scale("/web", 3);
    await agrees(marathon, muster, consul);
    expect(await services(consul)).toHaveLength(3);
    marathon.cluster.killTask(marathon.cluster.truth()[0]?.task ?? "");
    await agrees(marathon, muster, consul);
    marathon.cluster.destroy("/web");
    await agrees(marathon, muster, consul);
    expect(await services(consul)).toEqual([]);
  });

  it("two Musters: exactly one acts; when it stops, the other takes over, and nothing is written twice or lost", {
    timeout: 90_000,
  }, async () => {
    await using marathon = await startMarathon();
    await using consul = await startConsul();
    marathon.cluster.deploy({ ...WEB, instances: 3 });
    const first = await startMuster(configuration(marathon, consul));
    await first.ready();
    await agrees(marathon, first, consul);
    await using second = await startMuster(configuration(marathon, consul));
    await second.ready();
    expect(await second.get("/v1/sources")).toMatchObject({ sources: [{ name: "marathon", state: "standby" }] });
    expect(await second.instances()).toEqual([]);

    await first[Symbol.asyncDispose]();
    expect(await services(consul)).toHaveLength(3);
    await agrees(marathon, second, consul);
    const { records } = await second.get<{ records: { registry: string; action: string }[] }>("/v1/audit");
    expect(records.filter(({ registry }) => registry === "consul")).toEqual([]);
    marathon.cluster.scale("/web", 4);
    await agrees(marathon, second, consul);
  });
});
