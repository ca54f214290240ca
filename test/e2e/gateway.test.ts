/**
 * The showcase's four scripts (register-service, register-instance, deregister-*), done by Muster alone: name in Consul,
 * host, backend, frontend and servers in Vulcand, public entry in Kong; and all undone when the service goes.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FakeKong, startFakeKong } from "../fakes/kong/kong.ts";
import { serve, targetsServed } from "../fakes/kong/serving.ts";
import { type FakeVulcand, startFakeVulcand } from "../fakes/vulcand/server.ts";
import { labAvailable } from "../lab/available.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { type Engine, startEngine } from "../lab/engine.ts";
import { until } from "../lab/wait.ts";
import { type Muster, startMuster } from "./muster.ts";

const { skip, reason } = await labAvailable("engine");
const HOST = "web.example";
const byText = (a: string, b: string) => (a < b ? -1 : 1);
const SOON = { timeoutMs: 10_000, everyMs: 10 };

describe.skipIf(skip)(`gateways, fed from a real engine ${reason}`, { timeout: 60_000 }, () => {
  let engine: Engine;
  let consul: Consul;
  beforeAll(async () => {
    [engine, consul] = await Promise.all([startEngine(), startConsul()]);
  }, 60_000);
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await consul[Symbol.asyncDispose]();
  });

  interface Stage extends AsyncDisposable {
    readonly kong: FakeKong;
    readonly vulcand: FakeVulcand;
    readonly muster: Muster;
  }

  async function stage(kongOptions = ""): Promise<Stage> {
    const kong = await startFakeKong();
    const vulcand = await startFakeVulcand("0.9.2-etcd3");
    const muster = await startMuster(`
      node: { id: n1, address: ${engine.address} }
      sources:
        docker: { host: "unix://${engine.socket}" }
        static:
          instances:
            - { service: marathon, address: 10.0.12.5, port: 8080, labels: { muster.route.host: marathon.example } }
            - { service: mesos, address: 10.0.12.5, port: 5050, labels: { muster.route.host: mesos.example } }
      registries:
        consul: { url: "${consul.url}" }
        kong: { url: "${kong.url}", timeout: 2s ${kongOptions} }
        vulcand: { url: "${vulcand.url}" }`);
    await muster.ready();
    return {
      ...{ kong, vulcand, muster },
      async [Symbol.asyncDispose]() {
        await muster[Symbol.asyncDispose]();
        await kong[Symbol.asyncDispose]();
        await vulcand[Symbol.asyncDispose]();
      },
    };
  }

  async function run(name: string): Promise<void> {
    const labels = ["--label", "muster.name=web", "--label", `muster.route.host=${HOST}`];
    await engine.docker(["run", "-d", "--name", name, "-p", "8080", ...labels, "lab/web:v1"]);
  }

  /** `address:port` of every instance of `web` that runs. */
  async function endpoints(names: readonly string[]): Promise<readonly string[]> {
    const found = await Promise.all(names.map((name) => engine.docker(["port", name, "8080/tcp"])));
    return found.map((text) => `${engine.address}:${/:(\d+)/.exec(text)?.[1]}`).sort(byText);
  }

  async function inConsul(): Promise<readonly string[]> {
    const services = (await consul.request({ path: "/v1/agent/services" })) as Record<
      string,
      { Service: string; Address: string; Port: number }
    >;
    const found = Object.values(services).filter(({ Service }) => Service === "web");
    return found.map(({ Address, Port }) => `${Address}:${Port}`).sort(byText);
  }

  function inKong({ kong }: Stage, host = HOST): readonly string[] {
    return [...(serve(kong.world, { host, path: "/" })?.targets ?? [])].sort(byText);
  }

  /** Where Vulcand sends requests, going by as many as there may be servers. */
  function inVulcand({ vulcand }: Stage, host = HOST): readonly string[] {
    const answers = Array.from({ length: 8 }, () => vulcand.proxy({ host, path: "/" }));
    return [...new Set(answers.flatMap(({ server }) => server?.replace("http://", "") ?? []))].sort(byText);
  }

  async function everywhere(stage: Stage, names: readonly string[]): Promise<void> {
    const expected = await endpoints(names);
    const views = async () => ({ consul: await inConsul(), kong: inKong(stage), vulcand: inVulcand(stage) });
    await until(async () => Object.values(await views()).every((view) => view.join() === expected.join()), {
      ...SOON,
      what: "every registry to be equal to what runs",
    }).catch(async () => expect(await views()).toEqual({ consul: expected, kong: expected, vulcand: expected }));
  }

  it("scale up, scale down, crash, and the end of the service, while mesos and marathon stay", async () => {
    await using world = await stage();
    expect(inKong(world, "marathon.example")).toEqual(["10.0.12.5:8080"]);
    expect(inVulcand(world, "mesos.example")).toEqual(["10.0.12.5:5050"]);

    await run("web1");
    await everywhere(world, ["web1"]);
    await Promise.all([run("web2"), run("web3")]);
    await everywhere(world, ["web1", "web2", "web3"]);
    await engine.docker(["stop", "web2"]);
    await everywhere(world, ["web1", "web3"]);
    await engine.docker(["kill", "web3"]);
    await everywhere(world, ["web1"]);

    await engine.docker(["rm", "-f", "web1", "web2", "web3"]);
    const { services, routes, upstreams, targets } = world.kong.world.store;
    await until(async () => [services, routes, upstreams, targets].every(({ size }) => size === 2), {
      ...SOON,
      what: "all of web to be gone from Kong",
    });
    const names = [...services.values()].map((row) => String(row["name"]));
    expect(names.sort(byText)).toEqual(["marathon", "mesos"]);
    expect(await inConsul()).toEqual([]);
    await until(() => !Object.keys(world.vulcand.store.dump()).some((key) => /web/.test(key)), {
      ...SOON,
      what: "all of web to be gone from Vulcand",
    });
    expect(inVulcand(world, "mesos.example")).toEqual(["10.0.12.5:5050"]);
  });

  it("a container's crash keeps the route: 503 rather than 404, until the container is removed", async () => {
    await using world = await stage();
    await run("web1");
    await everywhere(world, ["web1"]);
    await engine.docker(["kill", "web1"]);
    await until(() => inKong(world).length === 0, { ...SOON, what: "the target to be gone" });
    expect(serve(world.kong.world, { host: HOST, path: "/" })).toMatchObject({ targets: [] });
    await engine.docker(["start", "web1"]);
    await everywhere(world, ["web1"]);
    await engine.docker(["rm", "-f", "web1"]);
    await until(() => serve(world.kong.world, { host: HOST, path: "/" }) === null, { ...SOON, what: "404" });
  });

  it("Kong may point at Vulcand's listener instead of the instances", async () => {
    await using world = await stage(", gateway: vulcand, vulcand: 'vulcand:8181'");
    await run("web1");
    const expected = await endpoints(["web1"]);
    await until(() => inVulcand(world).join() === expected.join(), { ...SOON, what: "Vulcand to have it" });
    await until(() => serve(world.kong.world, { host: HOST, path: "/" })?.targets.join() === "vulcand", {
      ...SOON,
      what: "Kong to point at Vulcand",
    });
    expect(world.kong.world.store.targets.size).toBe(0);
    await engine.docker(["rm", "-f", "web1"]);
    await until(() => serve(world.kong.world, { host: HOST, path: "/" }) === null, { ...SOON, what: "404" });
  });

  it("a Kong that hangs or answers 500 delays nobody else, and is healed when it is back", async () => {
    await using world = await stage();
    for (const fault of [{ kind: "hang" }, { kind: "status", status: 500 }] as const) {
      world.kong.fault(() => fault);
      await run("web1");
      const expected = await endpoints(["web1"]);
      await until(async () => (await inConsul()).join() === expected.join() && inVulcand(world).length === 1, {
        timeoutMs: 2_000,
        everyMs: 5,
        what: "the others to have it",
      });
      world.kong.fault(null);
      await everywhere(world, ["web1"]);
      expect(targetsServed(world.kong.world, "web")).toEqual(expected);
      await engine.docker(["rm", "-f", "web1"]);
      await everywhere(world, []);
    }
  });
});
