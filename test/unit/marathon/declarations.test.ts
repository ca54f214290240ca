import { describe, expect, it } from "vitest";
import { readDefinition } from "../../../adapters/sources/marathon/apps.ts";
import type { Fields } from "../../../adapters/sources/marathon/fields.ts";
import { readPodSpec } from "../../../adapters/sources/marathon/pods.ts";
import type { Definition } from "../../../adapters/sources/marathon/shapes.ts";
import { marathonFixtures } from "../../lab/marathon/fixtures.ts";

const VERSION = "2019-10-22T23:25:58.001Z";

/** `name container>service/protocols`, `=` where there is none, and `@task` for a port without one on the host. */
function portsOf(definition: Definition | null | undefined): readonly string[] {
  return (definition?.ports ?? []).map(
    ({ name, containerPort, servicePort, protocols, hasHostPort }) =>
      `${name ?? "="} ${containerPort ?? "="}>${servicePort ?? "="}/${protocols.join("+")}${hasHostPort ? "" : "@task"}`,
  );
}

function define(app: Fields): Definition | null {
  return readDefinition({ id: "/web", version: VERSION, ...app });
}

describe("declared ports", () => {
  it.each<[string, Fields, readonly string[]]>([
    ["0.8: service ports only", { ports: [10_001, 10_002] }, ["= =>10001/tcp", "= =>10002/tcp"]],
    ["host, named", { portDefinitions: [{ port: 10_001, name: "a", protocol: "udp,tcp" }] }, ["a =>10001/tcp+udp"]],
    ["host, none", { portDefinitions: [], networks: [{ mode: "host" }] }, []],
    [
      "1.4 bridge",
      {
        container: { docker: { network: "BRIDGE", portMappings: [{ containerPort: 80, servicePort: 10_001 }] } },
        ports: [10_001],
      },
      ["= 80>10001/tcp"],
    ],
    [
      "1.4 user network: without a host port on the task itself",
      {
        container: {
          docker: { network: "USER", portMappings: [{ containerPort: 80 }, { containerPort: 81, hostPort: 0 }] },
        },
      },
      ["= 80>=/tcp@task", "= 81>=/tcp"],
    ],
    ["none", { container: { docker: { network: "NONE" } }, ports: [1] }, []],
    [
      "0.15 address per task",
      { ipAddress: { discovery: { ports: [{ number: 8080, name: "rest", protocol: "udp" }] } }, ports: [] },
      ["rest 8080>=/udp@task"],
    ],
    [
      "1.5 bridge: a missing host port is a chosen one",
      {
        networks: [{ mode: "container/bridge" }],
        container: { portMappings: [{ containerPort: 80, servicePort: 10_001, name: "http" }] },
      },
      ["http 80>10001/tcp"],
    ],
    [
      "1.5 container, mixed",
      {
        networks: [{ mode: "container", name: "dcos" }],
        container: {
          portMappings: [
            { containerPort: 80 },
            { containerPort: 81, hostPort: 0 },
            { containerPort: 82, hostPort: null },
          ],
        },
      },
      ["= 80>=/tcp@task", "= 81>=/tcp", "= 82>=/tcp@task"],
    ],
    [
      "a container port of 0, which is the host's",
      {
        networks: [{ mode: "container/bridge" }],
        container: { portMappings: [{ containerPort: 0, hostPort: 0, servicePort: 10_001 }] },
      },
      ["= =>10001/tcp"],
    ],
    [
      "both shapes: the newer counts",
      {
        networks: [{ mode: "host" }],
        portDefinitions: [{ port: 10_005 }],
        container: { docker: { network: "BRIDGE", portMappings: [{ containerPort: 80 }] } },
      },
      ["= =>10005/tcp"],
    ],
    [
      "nonsense",
      { portDefinitions: "x", ports: [0, -1, 70_000, "80"], networks: 3 },
      Array(4).fill("= =>=/tcp") as string[],
    ],
  ])("of %s", (_, app, expected) => {
    expect(portsOf(define(app))).toEqual(expected);
  });

  it("believe no service port of 0, and say so", () => {
    expect(define({ portDefinitions: [{ port: 0 }] })).toMatchObject({
      isUnassigned: true,
      ports: [{ servicePort: null }],
    });
    expect(define({ portDefinitions: [{ port: 10_001 }] })).toMatchObject({ isUnassigned: false });
    expect(define({ ipAddress: { discovery: { ports: [{ number: 1 }] } } })).toMatchObject({ isUnassigned: false });
  });

  it.each([
    ["rest/marathon-docs/app.json", ["http 80>10019/tcp"]],
    ["rest/marathon-lb/1-nginx.json", ["= 8080>10000/tcp"]],
    ["rest/marathon-lb/1-nginx-marathon1.5.json", ["= 8080>10000/tcp"]],
    ["specs/marathon-lb/backends.docker_host.json", ["= =>=/tcp"]],
    ["specs/marathon-lb/backends.docker_ippc.json", ["= 80>=/tcp@task"]],
    ["specs/marathon-lb/backends.ucr_host.json", ["= =>10003/tcp"]],
    ["specs/marathon-lb/backends.ucr_ippc.json", []],
    ["specs/marathon-lb/backends_1.9.docker_bridge.json", ["= 80>=/tcp"]],
    ["specs/marathon-system/app-with-https-readiness-checks.json", ["http 80>=/tcp", "https 443>=/tcp"]],
    ["specs/marathon-system/pinger-container-app.json", ["my-port 7777>=/tcp@task"]],
    ["specs/marathon-system/pinger-localhost-app.json", ["api =>7777/tcp"]],
  ])("of %s", (path, expected) => {
    const { json } = marathonFixtures().find((fixture) => fixture.path === path) ?? {};
    expect(portsOf(define(json as Fields))).toEqual(expected);
  });

  it.each([
    ["rest/marathon-docs/pod.json", { foo: ["httpendpoint 80>=/tcp"] }],
    ["specs/marathon-system/container-bridge-pod.json", { "container-bridge-pod": ["web 80>=/tcp"] }],
    ["specs/marathon-system/container-net-pod.json", { "container-net-pod": ["web 80>=/tcp@task"] }],
    [
      "specs/marathon-system/ports-pod.json",
      { "ports-pod-health-app1": ["httpendpoint =>=/tcp"], "ports-pod-health-app2": ["httpendpoint2 =>=/tcp"] },
    ],
  ])("of the containers of %s", (path, expected) => {
    const { json } = marathonFixtures().find((fixture) => fixture.path === path) ?? {};
    const definitions = readPodSpec({ version: VERSION, ...(json as Fields) });
    expect(Object.fromEntries(definitions.map((one) => [one.name, portsOf(one)]))).toEqual(expected);
  });
});

describe("marathon-lb's labels", () => {
  function labels(app: Record<string, string>, declaration: Record<string, string> = {}) {
    return define({ labels: app, portDefinitions: [{ port: 10_001 }, { port: 10_002, labels: declaration }] });
  }

  it("make a route of the n-th port's vhosts and paths", () => {
    const definition = labels({ HAPROXY_GROUP: "external", HAPROXY_1_VHOST: "a.test,b.test", HAPROXY_1_PATH: "/x /y" });
    expect(definition?.ports.map((port) => port.labels)).toEqual([
      {},
      { "muster.route.host": "a.test,b.test", "muster.route.path": "/x,/y" },
    ]);
    expect(definition?.unused).toEqual([]);
  });

  it.each<[string, Record<string, string>, Record<string, string>]>([
    ["on the app", { "muster.route.host": "own.test" }, {}],
    ["for the port", { "muster.10002.route.host": "own.test" }, {}],
    ["on the declaration", {}, { "muster.route.host": "own.test" }],
    ["switched off", { HAPROXY_1_ENABLED: "false" }, {}],
  ])("give way to what is said %s", (_, app, declaration) => {
    const definition = labels({ ...app, HAPROXY_1_VHOST: "a.test" }, declaration);
    expect(definition?.ports[1]?.labels).toEqual(declaration);
  });

  it("name those without a meaning, never their values", () => {
    const definition = labels({
      HAPROXY_0_AUTH: "realm:joe:hash",
      HAPROXY_0_PATH: "/alone",
      HAPROXY_9_VHOST: "nowhere.test",
      HAPROXY_0_STICKY: "true",
    });
    expect(definition?.unused).toEqual(["HAPROXY_0_AUTH", "HAPROXY_0_PATH", "HAPROXY_0_STICKY", "HAPROXY_9_VHOST"]);
  });

  it("make one service of a blue and a green app", () => {
    expect(labels({ HAPROXY_DEPLOYMENT_GROUP: "nginx" })?.labels["muster.name"]).toBe("nginx");
    expect(labels({ HAPROXY_DEPLOYMENT_GROUP: "nginx", "muster.name": "own" })?.labels["muster.name"]).toBe("own");
  });
});
