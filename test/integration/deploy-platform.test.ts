/**
 * deploy/swarm on a real swarm of three nodes: the stack `platform` with real Consul, HAProxy and Muster (built by its
 * Dockerfile), Kong and Vulcand played by the fakes, and the voting app's stand-ins. What the stand-ins make different
 * from the files is in `reduce`, and nothing else.
 */
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { schemas } from "../../src/adapters.ts";
import { type FakeKong, startFakeKong } from "../fakes/kong/kong.ts";
import { labAvailable } from "../lab/available.ts";
import { tool } from "../lab/packages.ts";
import { run } from "../lab/run.ts";
import { containersOf, type Swarm, type SwarmNode, startSwarm } from "../lab/swarm.ts";
import { until } from "../lab/wait.ts";
import { DEPLOY, readStack, type Service } from "../unit/deploy-stack.ts";
import { IMAGES, makeImages } from "./deploy-images.ts";

const lab = [await labAvailable("engine"), await labAvailable("consul"), await labAvailable("haproxy")];
const reason = lab.map((each) => each.reason).find((text) => text !== "") ?? "";
const TOKEN = randomUUID();
/** One a node, or one a manager; `consul-acl` ends when it has done its work. */
const PLATFORM = { "consul-server": 1, "consul-agent": 2, "engine-proxy": 3, muster: 3 };
const SOON = 60_000;
/** Until there is a swarm source, labels have to be the containers' own. */
const hasSwarmSource = "swarm" in schemas.sources;

interface CatalogEntry {
  readonly ServiceID: string;
  readonly ServiceAddress: string;
  readonly ServicePort: number;
  readonly ModifyIndex: number;
  readonly Node: string;
}

describe.skipIf(lab.some(({ skip }) => skip))(`platform and voting-app ${reason}`, () => {
  let swarm: Swarm;
  let manager: SwarmNode;
  let kong: FakeKong;
  let folder: string;
  const closing: (() => void)[] = [];

  beforeAll(async () => {
    swarm = await startSwarm({ managers: 1, workers: 2 });
    manager = await swarm.leader();
    folder = await mkdtemp(join(tmpdir(), "muster-platform-"));
    await makeImages(swarm.nodes);
    kong = await startFakeKong();
    const { env } = await tool("docker");
    await run(`${DEPLOY}swarm/secrets.sh`, [`consul_management_token=${TOKEN}`], {
      env: { ...env, DOCKER_HOST: `unix://${manager.socket}`, DOCKER_CONFIG: folder },
    });
    const workers = swarm.nodes.filter(({ id }) => id !== manager.id);
    for (const { id } of workers) await swarm.docker(["node", "update", "--label-add", "workload=database", id]);
  }, 600_000);
  afterAll(async () => {
    for (const close of closing) close();
    await kong?.[Symbol.asyncDispose]();
    await swarm?.[Symbol.asyncDispose]();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  /** So that containers reach what listens on this machine's loopback. */
  function relay(url: string): Promise<string> {
    const { port } = new URL(url);
    const server = createServer((client) => {
      const upstream = connect({ host: "127.0.0.1", port: Number(port) });
      client.on("error", () => upstream.destroy());
      upstream.on("error", () => client.destroy());
      client.pipe(upstream).pipe(client);
    });
    closing.push(() => server.close());
    return new Promise((resolve) => {
      server.listen(0, manager.gateway, () => {
        const address = server.address();
        resolve(`http://${manager.gateway}:${typeof address === "object" ? address?.port : 0}`);
      });
    });
  }

  async function deploy(name: string, services: Readonly<Record<string, object>>, more: object): Promise<void> {
    const file = join(folder, `${name}.yaml`);
    await writeFile(file, stringify({ version: "3.8", services, ...more }));
    const { path, env } = await tool("docker");
    const own = { DOCKER_HOST: `unix://${manager.socket}`, DOCKER_CONFIG: folder };
    await run(path, ["stack", "deploy", "--resolve-image", "never", "-c", file, name], { env: { ...env, ...own } });
  }

  async function copy(name: string, change: (text: string) => string): Promise<{ readonly file: string }> {
    const file = join(folder, name);
    await writeFile(file, change(await readFile(`${DEPLOY}swarm/config/${name}`, "utf8")));
    return { file };
  }

  async function deployPlatform(): Promise<void> {
    const network = manager.address.replace(/\d+$/, "0/24");
    const stack = readStack("platform", { NODES_CIDR: network, CONSUL_JOIN: manager.address, REGISTRY: "lab" });
    const changed = new Map([
      ["consul", await copy("consul.hcl", (text) => text.replace("initial_management", "master"))], // its name in Consul 1.8
      ["muster", await copy("muster.yaml", (text) => (hasSwarmSource ? text : text.replace(/^ {2}swarm:.*$/m, "")))],
    ]);
    const url = await relay(kong.url);
    const reduced = Object.fromEntries(
      ["consul-acl", ...Object.keys(PLATFORM)].map((name) => {
        const image = name === "muster" ? IMAGES.muster : IMAGES.others;
        return [name, reduce(original(stack.services, name), { image })];
      }),
    );
    const muster = original(reduced as Record<string, Service>, "muster");
    const environment = { ...muster.environment, MUSTER_REGISTRIES__KONG__URL: url };
    const configs = ["consul", "consul_acl", "engine_proxy", "muster"].map((name) => {
      const config = stack.configs[name];
      return [name, { ...config, file: `${DEPLOY}swarm/${config?.file}`, ...changed.get(name) }];
    });
    await deploy(
      "platform",
      { ...reduced, muster: { ...muster, environment } },
      {
        networks: {
          host: { external: true, name: "host" },
          control: { driver: "overlay" },
          nobody: stack.networks["nobody"],
        },
        volumes: { consul: {}, engine: {}, muster: {} },
        configs: Object.fromEntries(configs),
        secrets: stack.secrets,
      },
    );
  }

  async function deployVotingApp(): Promise<void> {
    const { services, ...more } = readStack("voting-app");
    const reduced = Object.entries(services).map(([name, service]) => {
      const serves = service.ports !== undefined;
      const stand = serves ? { image: "lab/web:v1", environment: { PORT: "80" } } : { image: "lab/sleep:v1" };
      const { healthcheck: _, volumes: __, ...rest } = reduce(service, stand);
      return [name, hasSwarmSource ? rest : { ...rest, labels: service.deploy.labels ?? {} }];
    });
    await deploy("voting-app", Object.fromEntries(reduced), { networks: more.networks, secrets: more.secrets });
  }

  async function inSwarm(node: SwarmNode, path: string): Promise<string> {
    const { path: busybox } = await tool("busybox");
    const token = ["--header", `X-Consul-Token: ${TOKEN}`];
    return node.exec([busybox, "wget", "-q", "-O", "-", ...token, `http://127.0.0.1:8500${path}`]);
  }
  async function catalog(service: string): Promise<readonly CatalogEntry[]> {
    return JSON.parse(await inSwarm(manager, `/v1/catalog/service/${service}`)) as CatalogEntry[];
  }
  /** `address:port` of what runs, as the engines themselves say. */
  async function truth(service: string): Promise<ReadonlySet<string>> {
    const lines = swarm.nodes.map(async (node) =>
      (await containersOf(node, `voting-app_${service}`)).flatMap(({ ports }) =>
        ports.map((port) => `${node.address}:${port}`),
      ),
    );
    return new Set((await Promise.all(lines)).flat());
  }
  /** For the message of a failure. */
  async function stateOfMuster(node: SwarmNode): Promise<string> {
    return `${node.name}: ${await muster(node, "status")}`;
  }

  async function auditOfMuster(node: SwarmNode): Promise<string> {
    return `${node.name}: ${await muster(node, "audit", "query", "--since", "3m", "--registry", "consul")}`;
  }

  async function muster(node: SwarmNode, ...args: readonly string[]): Promise<string> {
    const filter = ["ps", "-q", "--filter", "label=com.docker.swarm.service.name=platform_muster"];
    const [id = ""] = (await node.docker(filter)).trim().split("\n");
    return node.docker(["exec", id, "muster", ...args]).catch(String);
  }

  async function converges(service: string, tasks: number): Promise<readonly CatalogEntry[]> {
    const isSo = async () => {
      const [runs, entries] = await Promise.all([truth(service), catalog(service)]);
      const held = entries.map(({ ServiceAddress, ServicePort }) => `${ServiceAddress}:${ServicePort}`);
      return held.length === tasks && runs.size === tasks && held.every((each) => runs.has(each)) && entries;
    };
    return until(isSo, { timeoutMs: SOON, everyMs: 200, what: `${tasks} entries of ${service}` }).catch(
      async (error: unknown) => {
        const states = await Promise.all(swarm.nodes.map(stateOfMuster));
        const seen = JSON.stringify([[...(await truth(service))], await catalog(service)]);
        throw new Error([String(error), seen, ...states].join("\n"));
      },
    );
  }

  it("the platform comes up: each part healthy on its nodes", { timeout: 240_000 }, async () => {
    await deployPlatform();

    for (const [name, tasks] of Object.entries(PLATFORM))
      await swarm.untilRunning(`platform_${name}`, tasks, 120_000).catch(async (error: unknown) => {
        const tasksOf = await swarm.docker(["stack", "ps", "--no-trunc", "platform"]);
        const logs = await swarm.docker(["service", "logs", "--tail", "20", `platform_${name}`]).catch(String);
        throw new Error(`${String(error)}\n${tasksOf}\n${logs}`);
      });
    const members = JSON.parse(await inSwarm(manager, "/v1/agent/members")) as { Addr: string; Status: number }[];
    expect(new Set(members.map(({ Addr }) => Addr))).toEqual(new Set(swarm.nodes.map(({ address }) => address)));
  });

  it("voting-app is registered with each node's agent, and answers there", { timeout: 120_000 }, async () => {
    await deployVotingApp();
    await swarm.untilRunning("voting-app_vote", 3);

    const votes = await converges("vote", 3);
    await converges("result", 2);

    for (const { ServiceAddress, ServicePort, Node } of votes) {
      expect(swarm.nodes.find(({ address }) => address === ServiceAddress)?.name).toBe(Node);
      expect(await (await fetch(`http://${ServiceAddress}:${ServicePort}/ok`)).text()).toBe("ok\n");
    }
    const services = JSON.parse(await inSwarm(manager, "/v1/catalog/services")) as Record<string, unknown>;
    expect(new Set(Object.keys(services)), "databases, the worker and the platform itself stay out").toEqual(
      new Set(["consul", "vote", "result"]),
    );
  });

  it("follows scaling up and down", { timeout: 180_000 }, async () => {
    for (const tasks of [5, 2]) {
      await swarm.docker(["service", "scale", "--detach", `voting-app_vote=${tasks}`]);
      await converges("vote", tasks);
    }
  });

  it("an update of Muster itself removes nothing and writes nothing again", { timeout: 180_000 }, async () => {
    const before = await catalog("vote");
    const newer = ["service", "update", "--detach", "--update-delay", "0s", "--update-monitor", "1s", "--force"];
    const running = () => swarm.docker(["service", "ps", "-q", "--filter", "desired-state=running", "platform_muster"]);
    const old = new Set((await running()).trim().split("\n"));
    await swarm.docker([...newer, "platform_muster"]);
    const isReplaced = async () =>
      (await running())
        .trim()
        .split("\n")
        .every((task) => !old.has(task));
    await until(isReplaced, { timeoutMs: 120_000, everyMs: 200, what: "three new Musters" });
    await swarm.untilRunning("platform_muster", 3, 60_000);

    const after = await catalog("vote");

    const facts = ({ ServiceID, ModifyIndex }: CatalogEntry) => `${ServiceID} ${ModifyIndex}`;
    const told = (await Promise.all(swarm.nodes.map(auditOfMuster))).join("\n");
    expect(new Set(after.map(facts)), told).toEqual(new Set(before.map(facts)));
  });

  it("an application that is taken down leaves nothing in Consul and Kong", { timeout: 120_000 }, async () => {
    await swarm.docker(["stack", "rm", "voting-app"]);

    await converges("vote", 0);
    await converges("result", 0);
    const isEmpty = () => [...kong.world.store.upstreams.keys(), ...kong.world.store.routes.keys()].length === 0;
    await until(isEmpty, { timeoutMs: SOON, everyMs: 200, what: "no upstream and no route" });
  });
});

function original(services: Readonly<Record<string, Service>>, name: string): Service {
  const found = services[name];
  if (found === undefined) throw new Error(`no service ${name}`);
  return found;
}

/** Another image, and checks every two seconds instead of every ten: more often, and they take the CPU that a part may have. */
function reduce(service: Service, stand: { readonly image: string; readonly environment?: object }): Service {
  const { healthcheck } = service;
  const environment = { ...service.environment, ...stand.environment };
  const quick = healthcheck === undefined ? {} : { healthcheck: { ...healthcheck, interval: "2s" } };
  return { ...service, ...quick, image: stand.image, environment };
}
