import { describe, expect, it } from "vitest";
import { createCluster } from "./cluster.ts";
import type { AppSpec } from "./spec.ts";
import type { MarathonEvent } from "./world.ts";

/** Deploys one app, and gives where it is reached and the last status that told its ports. */
function deployed(app: Omit<AppSpec, "id">, version: "1.4" | "1.8" = "1.8") {
  const cluster = createCluster({ version, agents: ["10.0.0.1"] });
  const events: MarathonEvent[] = [];
  cluster.subscribe((event) => void events.push(event));
  cluster.deploy({ id: "/app", ...app });
  const status = events.findLast(({ eventType }) => eventType === "status_update_event");
  const ports = status?.["ports"] as readonly number[];
  return { endpoints: cluster.truth()[0]?.endpoints ?? [], ports, status };
}

const onHost = expect.stringMatching(/^10\.0\.0\.1$/);
const onTask = expect.stringMatching(/^9\./);

describe("where a task is reached", () => {
  it("host network: the agent, at its host ports, which have no container port", () => {
    const { endpoints, ports } = deployed({ portDefinitions: [{ port: 10_080, name: "http" }, { port: 0 }] });

    expect(endpoints).toEqual([
      {
        address: "10.0.0.1",
        port: ports[0],
        containerPort: null,
        servicePort: 10_080,
        protocol: "tcp",
        portName: "http",
      },
      {
        address: "10.0.0.1",
        port: ports[1],
        containerPort: null,
        servicePort: 10_000,
        protocol: "tcp",
        portName: null,
      },
    ]);
  });

  it("host network with requirePorts: the service port is the host port", () => {
    const { endpoints } = deployed({ requirePorts: true, portDefinitions: [{ port: 8080 }] });

    expect(endpoints).toMatchObject([{ port: 8080, servicePort: 8080 }]);
  });

  it("without any declaration: one port; with an empty one: none", () => {
    expect(deployed({}).endpoints).toHaveLength(1);
    expect(deployed({ portDefinitions: [] }).endpoints).toEqual([]);
  });

  it.each(["1.4", "1.8"] as const)(
    "container network (%s): agent and host port only for mappings that have one",
    (version) => {
      const { endpoints, ports } = deployed(
        {
          networks: [{ mode: "container", name: "dcos" }],
          container: {
            portMappings: [
              { containerPort: 9000, name: "internal" },
              { containerPort: 80, hostPort: 0, name: "web" },
            ],
          },
        },
        version,
      );

      expect(ports).toHaveLength(1);
      expect(endpoints).toMatchObject([
        { portName: "internal", address: onTask, port: 9000, containerPort: 9000, servicePort: 10_000 },
        { portName: "web", address: onHost, port: ports[0], containerPort: 80, servicePort: 10_001 },
      ]);
    },
  );

  it("bridge: the agent, never the bridge's own address", () => {
    const { endpoints, status } = deployed({
      networks: [{ mode: "container/bridge" }],
      container: { portMappings: [{ containerPort: 0 }, { containerPort: 53, protocol: "udp,tcp" }] },
    });

    expect(JSON.stringify(status?.["ipAddresses"])).toContain("172.17.0.");
    expect(endpoints).toMatchObject([
      { address: onHost, containerPort: null, protocol: "tcp" },
      { address: onHost, containerPort: 53, protocol: "udp" },
      { address: onHost, containerPort: 53, protocol: "tcp" },
    ]);
    expect(endpoints[1]?.port).toBe(endpoints[2]?.port);
  });

  it("the shapes of 1.4: docker.network and IP per task", () => {
    const bridge = {
      docker: { image: "a", network: "BRIDGE", portMappings: [{ containerPort: 80, servicePort: 10_100 }] },
    };
    const perTask = { networkName: "dcos", discovery: { ports: [{ number: 8080, name: "http", protocol: "tcp" }] } };

    expect(deployed({ container: bridge }, "1.4").endpoints).toMatchObject([{ address: onHost, servicePort: 10_100 }]);
    expect(deployed({ ipAddress: perTask }, "1.4").endpoints).toMatchObject([
      { address: onTask, port: 8080, servicePort: null, portName: "http" },
    ]);
  });

  it("pods: container by container, without service ports", () => {
    const cluster = createCluster({ agents: ["10.0.0.1"] });

    cluster.createPod({
      id: "/pod",
      networks: [{ mode: "container" }],
      containers: [
        { name: "a", endpoints: [{ name: "web", containerPort: 80, hostPort: 0 }] },
        { name: "b", endpoints: [{ name: "admin", containerPort: 81 }] },
      ],
    });

    expect(cluster.truth().map(({ container, endpoints }) => [container, endpoints])).toMatchObject([
      ["a", [{ address: onHost, containerPort: 80, servicePort: null, portName: "web" }]],
      ["b", [{ address: onTask, port: 81, servicePort: null, portName: "admin" }]],
    ]);
  });
});
