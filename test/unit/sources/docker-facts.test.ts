/** Inspect → facts: names, addresses, health, status (facts/docker-swarm.md §3). */
import { describe, expect, it } from "vitest";
import { type Snapshot, snapshotOf } from "../../../adapters/sources/docker/facts.ts";
import { baseNameOf, repositoryOf } from "../../../adapters/sources/docker/image.ts";
import { readInspect } from "../../../adapters/sources/docker/inspect.ts";

const ID = "c".repeat(64);
const IMAGE_ID = `sha256:${"ab".repeat(32)}`;

interface Parts {
  readonly name?: string;
  readonly config?: object;
  readonly state?: object;
  readonly host?: object;
  readonly ports?: object;
  readonly networks?: object;
}

function snapshot({
  name = "/shop-1",
  config = {},
  state = {},
  host = {},
  ports = {},
  networks = {},
}: Parts): Snapshot {
  const inspect = readInspect({
    ...{ Id: ID, Name: name, Image: IMAGE_ID },
    State: { Status: "running", StartedAt: "t", ...state },
    Config: { Image: "web:1", ...config },
    HostConfig: { NetworkMode: "default", ...host },
    NetworkSettings: { Ports: ports, Networks: networks },
  });
  return snapshotOf(inspect, { node: "n1", expose: "published", networks: new Map(), task: null });
}

describe("default names", () => {
  it.each([
    ["nginx", "nginx", "nginx"],
    ["nginx:1.27", "nginx", "nginx"],
    ["nginx@sha256:abc", "nginx", "nginx"],
    ["registry:5000/team/web:v1@sha256:abc", "registry:5000/team/web", "web"],
    ["registry:5000/web", "registry:5000/web", "web"],
    ["[::1]:5000/web:v2", "[::1]:5000/web", "web"],
  ])("%s", (reference, repository, base) => {
    expect(repositoryOf(reference)).toBe(repository);
    expect(baseNameOf(reference)).toBe(base);
  });

  it("is the image's base name, and the repository is the app", () => {
    expect(snapshot({ config: { Image: "registry:5000/team/web:v1" } }).defined).toMatchObject({
      name: "web",
      app: "image:registry:5000/team/web",
      version: IMAGE_ID,
      image: "registry:5000/team/web:v1",
    });
  });

  it.each([IMAGE_ID, "ab".repeat(6)])("is the container's name where only an image id is known: %s", (image) => {
    expect(snapshot({ config: { Image: image } }).defined).toMatchObject({ name: "shop-1", app: `image:${IMAGE_ID}` });
  });

  it("does not take a repository called like a number for an id", () => {
    expect(snapshot({ config: { Image: "deadbeef" } }).defined.name).toBe("deadbeef");
  });

  it("is the compose service", () => {
    const Labels = { "com.docker.compose.project": "shop", "com.docker.compose.service": "cart" };
    expect(snapshot({ config: { Labels } }).defined).toMatchObject({ name: "cart", app: "compose:shop/cart" });
  });
});

describe("addresses", () => {
  const host = (HostIp: string, HostPort: string) => ({ HostIp, HostPort });
  const bindings = (ports: object) =>
    snapshot({ ports }).addressed.bindings.map(
      (b) => `${b.hostAddress} ${b.hostPort} ${b.containerPort}/${b.protocol}`,
    );

  it.each([
    [
      "an IPv6 twin is one with its IPv4 binding",
      { "80/tcp": [host("0.0.0.0", "32768"), host("::", "32768")] },
      ["0.0.0.0 32768 80/tcp"],
    ],
    ["also with another port", { "80/tcp": [host("0.0.0.0", "32768"), host("::", "32769")] }, ["0.0.0.0 32768 80/tcp"]],
    ["IPv6 alone counts", { "80/tcp": [host("::", "8080")] }, [":: 8080 80/tcp"]],
    ["no address means all", { "80/tcp": [host("", "8080")] }, ["0.0.0.0 8080 80/tcp"]],
    ["a loopback binding is told as it is", { "80/tcp": [host("127.0.0.1", "8080")] }, ["127.0.0.1 8080 80/tcp"]],
    [
      "tcp and udp are two",
      { "53/tcp": [host("0.0.0.0", "53")], "53/udp": [host("0.0.0.0", "53")] },
      ["0.0.0.0 53 53/tcp", "0.0.0.0 53 53/udp"],
    ],
    [
      "twice published",
      { "80/tcp": [host("0.0.0.0", "81"), host("0.0.0.0", "82"), host("0.0.0.0", "81")] },
      ["0.0.0.0 81 80/tcp", "0.0.0.0 82 80/tcp"],
    ],
    ["unpublished", { "80/tcp": null, "81/tcp": [] }, []],
    [
      "odd ports are left out",
      {
        "80/tcp": [host("0.0.0.0", "0"), host("0.0.0.0", "x"), host("0.0.0.0", "65536")],
        "x/tcp": [host("0.0.0.0", "1")],
        "80/xyz": [host("0.0.0.0", "1")],
      },
      [],
    ],
  ])("%s", (_case, ports, expected) => {
    expect(bindings(ports)).toEqual(expected);
  });

  it("hints at what is exposed, and at what was asked for but is not bound", () => {
    const { exposed } = snapshot({
      config: { ExposedPorts: { "9000/tcp": {}, "53/udp": {} } },
      host: { PortBindings: { "80/tcp": [], "81/tcp": [] } },
      ports: { "81/tcp": [host("0.0.0.0", "81")] },
    }).addressed;
    expect(exposed.map(({ port, protocol }) => `${port}/${protocol}`)).toEqual(["53/udp", "80/tcp", "9000/tcp"]);
  });

  it.each([
    ["host", { NetworkMode: "host" }, { host: {} }, "host"],
    ["a Swarm service on the host's network", { NetworkMode: "default" }, { host: {} }, "host"],
    ["none", { NetworkMode: "none" }, { none: {} }, "none"],
    ["another container's", { NetworkMode: "container:abc" }, {}, "shared"],
    ["default", { NetworkMode: "default" }, { bridge: {} }, "mapped"],
    ["a network of one's own", { NetworkMode: "shop_net" }, { shop_net: {} }, "mapped"],
  ])("network mode: %s", (_case, hostConfig, networks, mode) => {
    expect(snapshot({ host: hostConfig, networks }).addressed.mode).toBe(mode);
  });

  it("never offers ingress and gateway addresses, and IPv6 only without IPv4", () => {
    const swarmNetwork = "a1b2c3d4e5f6g7h8i9j0k1l2m";
    const { networks } = snapshot({
      networks: {
        ingress: { NetworkID: swarmNetwork, IPAddress: "10.0.0.7" },
        docker_gwbridge: { NetworkID: "b", IPAddress: "172.18.0.3" },
        mesh: { NetworkID: swarmNetwork, IPAddress: "10.1.0.7", GlobalIPv6Address: "fd00::7" },
        six: { NetworkID: "d".repeat(64), IPAddress: "", GlobalIPv6Address: "fd00::8" },
        empty: { NetworkID: "e", IPAddress: "" },
      },
    }).addressed;
    expect(networks).toEqual([
      { name: "mesh", address: "10.1.0.7", reach: "overlay" },
      { name: "six", address: "fd00::8", reach: "node" },
    ]);
  });
});

describe("definition and status", () => {
  it("reads no environment but SERVICE_*", () => {
    const Env = ["PASSWORD=x", "SERVICE_NAME=web", "SERVICE_80_TAGS=a=b", "MY_SERVICE_X=1", "SERVICE_"];
    expect(snapshot({ config: { Env } }).defined.environment).toEqual({ SERVICE_NAME: "web", SERVICE_80_TAGS: "a=b" });
  });

  it.each([
    [{}, {}, false, "none"],
    [{ Healthcheck: { Test: ["NONE"] } }, {}, false, "none"],
    [{ Healthcheck: { Test: [] } }, {}, false, "none"],
    [{ Healthcheck: { Test: ["CMD", "x"] } }, { Health: { Status: "starting" } }, true, "unknown"],
    [{}, { Health: { Status: "unhealthy" } }, true, "failing"],
    [{}, { Health: { Status: "healthy" } }, true, "passing"],
    [{}, { Health: { Status: "none" } }, false, "none"],
  ])("health check %j, health %j", (config, state, healthChecked, health) => {
    const { defined, health: fact } = snapshot({ config, state });
    expect({ healthChecked: defined.healthChecked, health: fact.health }).toEqual({ healthChecked, health });
  });

  it.each([
    [{ Status: "running" }, "running", null],
    [{ Status: "paused", Paused: true, Running: true }, "paused", null],
    [{ Status: "restarting", Restarting: true, Running: true }, "staging", "restarting"],
    [{ Status: "exited", ExitCode: 137 }, "stopped", "exit code 137"],
    [{ Status: "dead" }, "stopped", "exit code unknown"],
  ])("state %j", (state, status, reason) => {
    expect(snapshot({ state })).toMatchObject({ status, reason });
  });

  it("knows how long a stop may take", () => {
    expect(snapshot({}).stopTime).toBe(10_000);
    expect(snapshot({ config: { StopTimeout: 3 } }).stopTime).toBe(3_000);
    expect(snapshot({ config: { StopTimeout: 0 } }).stopTime).toBe(0);
    expect(snapshot({ config: { StopTimeout: 3, Labels: { "muster.drain": "2m" } } }).stopTime).toBe(120_000);
    expect(snapshot({ config: { Labels: { "muster.drain": "soon" } } }).stopTime).toBe(10_000);
  });
});
