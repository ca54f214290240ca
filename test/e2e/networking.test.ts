/** Every row of the table in facts/docker-swarm.md §3, on a real engine, from container to instance. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { InstanceView } from "../../src/http/view.ts";
import { labAvailable } from "../lab/available.ts";
import { type Engine, startEngine } from "../lab/engine.ts";
import { until } from "../lab/wait.ts";
import { type Muster, startMuster } from "./muster.ts";

const { skip, reason } = await labAvailable("engine");
const IMAGE = "lab/web:v1";

describe.skipIf(skip)(`networking on a real engine ${reason}`, () => {
  let engine: Engine;
  let muster: Muster;

  beforeAll(async () => {
    engine = await startEngine();
    await engine.docker(["swarm", "init", "--advertise-addr", engine.address]);
    await engine.docker(["network", "create", "alpha"]);
    await engine.docker(["network", "create", "beta"]);
    await engine.docker([
      "network",
      "create",
      "-d",
      "macvlan",
      "--subnet",
      "198.19.0.0/24",
      "-o",
      "parent=eth0",
      "mac",
    ]);
    muster = await startMuster(`sources: { docker: { host: "unix://${engine.socket}" } }`);
    await muster.ready();
  });
  afterAll(async () => {
    await muster[Symbol.asyncDispose]();
    await engine[Symbol.asyncDispose]();
  });

  /** Runs a container and gives its instances as soon as there are `count` of them, by container port. */
  async function run(
    name: string,
    args: readonly string[],
    count = 1,
    image = IMAGE,
  ): Promise<readonly InstanceView[]> {
    await engine.docker(["run", "-d", "--name", name, ...args, image]);
    const id = (await engine.docker(["inspect", "-f", "{{.Id}}", name])).trim();
    return await instancesOf(id, count);
  }

  async function instancesOf(task: string, count: number): Promise<readonly InstanceView[]> {
    return await until(
      async () => {
        const found = (await muster.instances()).filter((instance) => instance.task === task);
        return found.length === count && found.sort((a, b) => (a.containerPort ?? 0) - (b.containerPort ?? 0));
      },
      { timeoutMs: 5_000, what: `${count} instances of ${task}` },
    );
  }

  async function inspect(name: string, format: string): Promise<string> {
    return (await engine.docker(["inspect", "-f", format, name])).trim();
  }

  it("bridge, a fixed port: the node's address and that port", async () => {
    const [web] = await run("fixed", ["-p", "8081:8080"]);
    expect(web).toMatchObject({
      service: "web",
      address: engine.address,
      port: 8081,
      containerPort: 8080,
      protocol: "tcp",
      state: "ready",
      missing: [],
    });
  });

  it("bridge, an ephemeral port: followed when a restart changes it", async () => {
    const [before] = await run("ephemeral", ["-p", "8080"]);
    // Something else takes the port while it is down.
    await engine.docker(["stop", "-t", "1", "ephemeral"]);
    await run("thief", ["-p", `${before?.port}:8080`]);
    await engine.docker(["start", "ephemeral"]);
    const port = Number(await inspect("ephemeral", `{{(index (index .NetworkSettings.Ports "8080/tcp") 0).HostPort}}`));
    expect(port).not.toBe(before?.port);
    await until(
      async () =>
        (await muster.instances()).some(
          (instance) => instance.id === before?.id && instance.port === port && instance.state === "ready",
        ),
      {
        timeoutMs: 5_000,
        what: "the new port under the same id",
      },
    );
  });

  it("HostIp 127.0.0.1: shown, not registrable off-node, and says so", async () => {
    const [web] = await run("loopback", ["-p", "127.0.0.1:8082:8080"]);
    expect(web).toMatchObject({ state: "pending", missing: ["address"], address: null, port: 8082 });
    expect(web?.notes.join()).toContain("127.0.0.1:8082");
  });

  it("HostIp of the node: that address", async () => {
    const [web] = await run("specific", ["-p", `${engine.address}:8083:8080`]);
    expect(web).toMatchObject({ address: engine.address, port: 8083, state: "ready" });
  });

  it(":: twins of one port are one instance", async () => {
    const bindings = JSON.parse(await inspect("fixed", "{{json .NetworkSettings.Ports}}")) as Record<
      string,
      readonly unknown[]
    >;
    const fixed = (await muster.instances()).filter(({ port }) => port === 8081);
    expect(fixed).toHaveLength(1);
    expect(bindings["8080/tcp"]?.length).toBeGreaterThanOrEqual(1);
  });

  it("several ports and udp: one instance each, named NAME-PORT, with a port that names itself", async () => {
    const found = await run(
      "several",
      [
        "-p",
        "8084:8080",
        "-p",
        "9090",
        "-p",
        "5353:5353/udp",
        "-l",
        "muster.name=shop",
        "-l",
        "muster.9090.name=shop-admin",
      ],
      3,
    );
    expect(found.map(({ service, containerPort, protocol }) => [service, containerPort, protocol])).toEqual([
      ["shop-5353", 5353, "udp"],
      ["shop-8080", 8080, "tcp"],
      ["shop-admin", 9090, "tcp"],
    ]);
    expect(new Set(found.map(({ id }) => id)).size).toBe(3);
  });

  it("host network: the labelled port; without a label, what is missing", async () => {
    const [labelled] = await run("host-labelled", ["--network", "host", "-e", "PORT=7001", "-l", "muster.port=7001"]);
    expect(labelled).toMatchObject({ address: engine.address, port: 7001, state: "ready" });
    const [bare] = await run("host-bare", ["--network", "host", "-e", "PORT=7002"]);
    expect(bare).toMatchObject({ port: null, state: "pending", missing: ["port"] });
    expect(bare?.notes.join()).toContain("muster.port");
  });

  it("user networks: the one that the label names, with its container port", async () => {
    const [web] = await run("chosen", ["--network", "alpha", "-l", "muster.network=alpha", "-l", "muster.port=8080"]);
    expect(web).toMatchObject({
      address: await inspect("chosen", "{{.NetworkSettings.Networks.alpha.IPAddress}}"),
      port: 8080,
      state: "ready",
    });
  });

  it("user networks: a deterministic default, and a warning when it is ambiguous", async () => {
    await engine.docker(["create", "--name", "ambiguous", "--network", "beta", "-l", "muster.port=8080", IMAGE]);
    await engine.docker(["network", "connect", "alpha", "ambiguous"]);
    await engine.docker(["start", "ambiguous"]);
    const [web] = await instancesOf(await inspect("ambiguous", "{{.Id}}"), 1);
    expect(web).toMatchObject({
      address: await inspect("ambiguous", "{{.NetworkSettings.Networks.alpha.IPAddress}}"),
      port: 8080,
    });
    expect(web?.notes.join()).toContain("several networks (alpha, beta)");
  });

  it("a network that it is not on: pending, and says which it is on", async () => {
    const [web] = await run("elsewhere", [
      "--network",
      "alpha",
      "-l",
      "muster.network=nowhere",
      "-l",
      "muster.port=8080",
    ]);
    expect(web).toMatchObject({ state: "pending", missing: ["address"] });
    expect(web?.notes.join()).toContain("it is on: alpha");
  });

  it("macvlan: the container's own address and port", async () => {
    const [web] = await run("mac", ["--network", "mac"]);
    expect(web).toMatchObject({
      address: await inspect("mac", "{{.NetworkSettings.Networks.mac.IPAddress}}"),
      port: 8080,
      state: "ready",
    });
  });

  it("no network: nothing", async () => {
    await engine.docker(["run", "-d", "--name", "none", "--network", "none", IMAGE]);
    await run("after-none", ["-p", "8085:8080"]);
    const id = await inspect("none", "{{.Id}}");
    expect((await muster.instances()).filter(({ task }) => task === id)).toEqual([]);
  });

  it("compose: the service's name", async () => {
    const [web] = await run("compose", [
      "-p",
      "8086:8080",
      "-l",
      "com.docker.compose.project=shop",
      "-l",
      "com.docker.compose.service=cart",
    ]);
    expect(web?.service).toBe("cart");
  });

  it("a swarm task in host mode: the swarm's task id, service name and node", async () => {
    await engine.docker([
      "service",
      "create",
      "--detach",
      "--no-resolve-image",
      "--name",
      "hosted",
      "--publish",
      "mode=host,published=8087,target=8080",
      "--container-label",
      "muster.tags=a,b",
      IMAGE,
    ]);
    const web = await until(async () => (await muster.instances("?service=hosted&state=ready"))[0], {
      timeoutMs: 20_000,
      what: "the swarm task",
    });
    const task = JSON.parse(
      await engine.docker(["inspect", (await engine.docker(["service", "ps", "-q", "--no-trunc", "hosted"])).trim()]),
    ) as { ID: string; NodeID: string }[];
    expect(web).toMatchObject({
      task: task[0]?.ID,
      node: task[0]?.NodeID,
      address: engine.address,
      port: 8087,
      tags: ["a", "b"],
    });
  });

  it("HEALTHCHECK gates: unknown, then ready, withdrawn when unhealthy, back when healthy", async () => {
    const [starting] = await run("checked", ["-p", "8088:8080"], 1, "lab/web:hc");
    const id = starting?.id ?? "";
    await is(id, "ready", "passing");
    await engine.docker(["exec", "checked", "touch", "/tmp/sick"]);
    await is(id, "pending", "failing");
    await engine.docker(["exec", "checked", "rm", "/tmp/sick"]);
    await is(id, "ready", "passing");
  });

  it("paused: withdrawn; resumed: back", async () => {
    const [web] = await run("paused", ["-p", "8089:8080"]);
    await engine.docker(["pause", "paused"]);
    await is(web?.id ?? "", "pending", "none");
    await engine.docker(["unpause", "paused"]);
    await is(web?.id ?? "", "ready", "none");
  });

  it("a graceful stop: draining from the first signal, gone at the end", async () => {
    const [web] = await run("draining", ["-p", "8090:8080", "-e", "DRAIN=2"]);
    const stopped = engine.docker(["stop", "draining"]);
    await is(web?.id ?? "", "draining", "none");
    await stopped;
    await until(async () => !(await muster.instances()).some(({ id }) => id === web?.id), {
      timeoutMs: 5_000,
      what: "it to be gone",
    });
  });

  it("a signal that is not the stop signal changes nothing", async () => {
    const [web] = await run("hupped", ["-p", "8091:8080"], 1, "lab/web:v2");
    await engine.docker(["kill", "-s", "USR2", "hupped"]).catch(() => {});
    await run("after-hup", ["-p", "8092:8080"]);
    const isRunning = (await inspect("hupped", "{{.State.Running}}")) === "true";
    const found = (await muster.instances()).find(({ id }) => id === web?.id);
    expect(found?.state).toBe(isRunning ? "ready" : undefined);
  });

  async function is(id: string, state: string, health: string): Promise<void> {
    await until(
      async () =>
        (await muster.instances()).some(
          (instance) => instance.id === id && instance.state === state && instance.health === health,
        ),
      {
        timeoutMs: 15_000,
        what: `${id} to be ${state} and ${health}`,
      },
    );
  }
});
