/** The marathon source against the simulator: what it makes of a cluster is what really runs there. */
import { describe, expect, it } from "vitest";
import type { AppSpec } from "../lab/marathon/spec.ts";
import type { MarathonVersion } from "../lab/marathon/versions.ts";
import { openLandscape } from "../unit/marathon/landscape.ts";

const OLD: readonly MarathonVersion[] = ["0.11", "1.1", "1.3", "1.4"];
const NEW: readonly MarathonVersion[] = ["1.5", "1.7", "1.8", "1.10"];

const HTTP = { protocol: "HTTP", path: "/", portIndex: 0 };

/** In every shape that the version knows. */
function appsOf(version: MarathonVersion): readonly AppSpec[] {
  const mappings = [
    { containerPort: 8080, hostPort: 0, name: "http", labels: { VIP_0: "web:80" } },
    { containerPort: 53, hostPort: 0, protocol: "udp,tcp" },
  ];
  const common: readonly AppSpec[] = [
    { id: "/none", portDefinitions: [] },
    { id: "/shop/required", requirePorts: true, ports: [31_900] },
    { id: "/shop/checked", ports: [0], healthChecks: [HTTP, { protocol: "COMMAND" }], instances: 2 },
    // Port definitions came with 1.0.
    version === "0.11"
      ? { id: "/shop/host", ports: [0, 0] }
      : {
          id: "/shop/host",
          portDefinitions: [
            { port: 0, name: "a" },
            { port: 0, protocol: "udp" },
          ],
        },
  ];
  if (NEW.includes(version)) {
    return [
      ...common,
      { id: "/net/bridge", networks: [{ mode: "container/bridge" }], container: { portMappings: mappings } },
      {
        id: "/net/container",
        networks: [{ mode: "container", name: "dcos" }],
        container: { portMappings: [{ containerPort: 80 }, { containerPort: 81, hostPort: 0 }, { containerPort: 82 }] },
      },
      {
        id: "/net/zero",
        networks: [{ mode: "container/bridge" }],
        container: { portMappings: [{ containerPort: 0, hostPort: 0 }] },
      },
    ];
  }
  const docker = { image: "acme/web:1", network: "BRIDGE", portMappings: mappings };
  return [...common, { id: "/net/bridge", container: { type: "DOCKER", docker } }];
}

describe("marathon source", () => {
  it.each([...OLD, ...NEW])("makes of Marathon %s what really runs, by listing and by events", async (version) => {
    await using land = await openLandscape({ marathon: { version } });
    const { cluster } = land.marathon;
    for (const app of appsOf(version)) cluster.deploy(app);
    await land.synced(1);
    await land.agrees();
    for (const { id } of appsOf(version)) cluster.restart(id);
    await land.agrees();
    for (const { id } of appsOf(version)) cluster.scale(id, 3);
    await land.agrees();
    expect(land.facts.filter(({ kind }) => kind === "synced")).toHaveLength(1);
    for (const { id } of appsOf(version)) cluster.destroy(id);
    await land.agrees();
    expect(land.registered()).toEqual([]);
  });

  it("asks Marathon 0.8 again and again, which has no event stream", async () => {
    await using land = await openLandscape({ marathon: { version: "0.8" } });
    const { cluster } = land.marathon;
    cluster.deploy({ id: "/web", ports: [0], instances: 2 });
    await land.synced(1);
    await land.agrees();
    cluster.restart("/web");
    await land.agrees();
    cluster.destroy("/web");
    await land.agrees();
    expect(land.registered()).toEqual([]);
  });

  it("restarted from the UI, which only status events tell of, an app keeps the right host and ports", async () => {
    await using land = await openLandscape({ marathon: { version: "1.8" } });
    const { cluster, hits } = land.marathon;
    const container = { docker: { image: "acme/web:1" }, portMappings: [{ containerPort: 8080, hostPort: 0 }] };
    cluster.deploy({ id: "/web", networks: [{ mode: "container/bridge" }], container });
    await land.synced(1);
    await land.agrees();
    const [before] = land.registered();
    hits.reset();

    cluster.restart("/web");

    await land.agrees();
    const [after] = land.registered();
    expect(after).not.toBe(before);
    expect(after).toMatch(/ for 10000 as null$/);
    const [instance] = land.world.instances();
    expect(instance).toMatchObject({ service: "web", servicePort: 10_000, containerPort: 8080, state: "ready" });
    expect(hits.gets(/versions/)).toBeLessThanOrEqual(1);
  });

  it.each(["1.4", "1.7", "1.8", "1.10"] as const)(
    "knows the containers and endpoints of pods in Marathon %s",
    async (version) => {
      await using land = await openLandscape({ marathon: { version } });
      const { cluster } = land.marathon;
      const pod = {
        id: "/shop/pod",
        networks: [{ mode: "container", name: "dcos" }],
        scaling: { instances: 2 },
        containers: [
          {
            name: "front",
            healthCheck: { http: { endpoint: "web" } },
            endpoints: [
              { name: "direct", containerPort: 81, protocol: ["tcp"] },
              { name: "web", containerPort: 80, hostPort: 0, protocol: ["tcp"] },
            ],
          },
          { name: "back", endpoints: [{ name: "rpc", containerPort: 90, hostPort: 0, protocol: ["udp", "tcp"] }] },
          { name: "helper" },
        ],
      };
      cluster.createPod(pod);
      await land.synced(1);
      await land.agrees();
      expect(land.registered()).toHaveLength(8);
      expect([...land.world.instances()].map(({ service }) => service)).toEqual(
        expect.arrayContaining(["shop-pod-front-80", "shop-pod-front-81", "shop-pod-back"]),
      );
      cluster.createPod({ ...pod, id: "/other", networks: [{ mode: "host" }] });
      await land.agrees();
      cluster.updatePod("/shop/pod", { labels: { "muster.tags": "new" } });
      await land.agrees();
      const [first = ""] = cluster.tasks("/other");
      cluster.crash(first);
      await land.agrees();
      cluster.destroy("/other");
      await land.agrees();
    },
  );

  it("withdraws a task that fails one of its checks, and believes only all of them", async () => {
    await using land = await openLandscape({ marathon: { version: "1.3", health: "manual" } });
    const { cluster } = land.marathon;
    cluster.deploy({ id: "/web", ports: [0], healthChecks: [HTTP, { ...HTTP, path: "/deep" }] });
    await land.synced(1);
    const [task = ""] = cluster.tasks("/web");
    cluster.setHealth(task, 0, true);
    await land.until("the first check", () =>
      land.facts.some(({ via }) => via === "health_status_changed_event" || via === "read"),
    );
    expect(land.registered()).toEqual([]);
    cluster.setHealth(task, 1, true);
    await land.agrees();
    expect(land.registered()).toHaveLength(1);
    cluster.setHealth(task, 1, false);
    await land.agrees();
    expect(land.registered()).toEqual([]);
    cluster.setHealth(task, 1, true);
    await land.agrees();
    expect(land.registered()).toHaveLength(1);
  });

  it.each(["1.3", "1.8"] as const)(
    "in Marathon %s takes an unreachable task out, and in again when it is back",
    async (version) => {
      await using land = await openLandscape({ marathon: { version } });
      const { cluster } = land.marathon;
      cluster.deploy({ id: "/web", ports: [0], instances: 2, unreachableStrategy: "disabled" });
      await land.synced(1);
      await land.agrees();
      const [task = ""] = cluster.tasks("/web");
      cluster.unreachable(task);
      await land.agrees();
      expect(land.registered().filter((line) => line.startsWith(task))).toEqual([]);
      cluster.reachable(task);
      await land.agrees();
    },
  );

  it("waits for readiness checks, which no event tells of", async () => {
    await using land = await openLandscape({ marathon: { version: "1.8", health: "manual" } });
    const { cluster } = land.marathon;
    cluster.deploy({ id: "/web", ports: [0], readinessChecks: [{ name: "ready" }] });
    await land.synced(1);
    const [task = ""] = cluster.tasks("/web");
    await land.until("the task running", () => land.world.instancesOfTask(task)[0]?.missing.join() === "health");
    cluster.setReady(task, true);
    await land.agrees();
    expect(land.registered()).toHaveLength(1);
  });

  it.each(["1.3", "1.4", "1.7", "1.8"] as const)(
    "in Marathon %s knows a resident task again when it is back on its volume",
    async (version) => {
      await using land = await openLandscape({ marathon: { version } });
      const { cluster } = land.marathon;
      const container = { volumes: [{ persistent: { size: 1 } }] };
      cluster.deploy({ id: "/db", ports: [0], container, residency: {} });
      await land.synced(1);
      await land.agrees();
      for (let crash = 0; crash < 3; crash++) {
        cluster.crash(cluster.tasks("/db")[0] ?? "");
        await land.agrees();
        expect(land.registered()).toHaveLength(1);
      }
    },
  );
});
