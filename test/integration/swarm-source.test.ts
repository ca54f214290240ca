import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aloneElection } from "../../src/leadership.ts";
import { labAvailable } from "../lab/available.ts";
import { startEngine } from "../lab/engine.ts";
import { type EngineEvent, watchEngine } from "../lab/engine-events.ts";
import { type Swarm, type SwarmNode, startSwarm } from "../lab/swarm.ts";
import { watchSource } from "../watch-source.ts";
import { newest, openPart, type Part } from "./swarm-harness.ts";

const engines = await labAvailable("engine");

describe.skipIf(engines.skip)(`swarm source ${engines.reason}`, { timeout: 60_000 }, () => {
  let swarm: Swarm;
  let manager: SwarmNode;
  let worker: SwarmNode;
  let managers: Part[];
  beforeAll(async () => {
    swarm = await startSwarm({ managers: 1, workers: 2 });
    [manager, worker] = swarm.nodes as [SwarmNode, SwarmNode];
    managers = [await openPart(manager), await openPart(manager)];
    const publish = ["--publish", "mode=host,target=8080,published=9090", "--label", "muster.name=shop"];
    const ingress = ["--publish", "published=8081,target=8080", "--stop-grace-period", "1s"];
    await swarm.docker([
      "service",
      "create",
      "--detach",
      "--name",
      "host",
      "--mode",
      "global",
      ...publish,
      "lab/web:v1",
    ]);
    await swarm.docker([
      "service",
      "create",
      "--detach",
      "--name",
      "mesh",
      "--replicas",
      "4",
      ...ingress,
      "lab/web:v1",
    ]);
    await swarm.untilRunning("host", 3);
    await swarm.untilRunning("mesh", 4);
  }, 120_000);
  afterAll(async () => {
    for (const part of managers ?? []) await part[Symbol.asyncDispose]();
    await swarm?.[Symbol.asyncDispose]();
  });

  /** A worker's source, which is told by the managers' Musters. */
  const openWorker = (urls = managers.map(({ url }) => url)) =>
    openPart({ ...worker, node: { id: worker.id, address: worker.address }, managers: urls });
  const serviceId = async (name: string) =>
    (await swarm.docker(["service", "inspect", "--format", "{{.ID}}", name])).trim();

  it("tells a manager's node of services, nodes and its own tasks only", async () => {
    await using watch = watchSource(managers[0]?.swarm.node ?? failed());
    await watch.until("a listing", () => watch.syncs() > 0);

    const [host, mesh] = await Promise.all(["host", "mesh"].map(serviceId));
    expect(newest(watch.facts, "defined", ({ definition }) => definition === `service:${host}`)).toMatchObject({
      ...{ standing: true, app: `swarm:${host}`, name: "host", labels: { "muster.name": "shop" }, ingress: [] },
      ...{ image: "lab/web:v1", environment: {}, expose: "published", source: "swarm" },
    });
    expect(newest(watch.facts, "defined", ({ definition }) => definition === `service:${mesh}`)).toMatchObject({
      ingress: [{ containerPort: 8080, hostPort: 8081, protocol: "tcp" }],
    });
    const nodes = watch.facts.flatMap((fact) => (fact.kind === "node" ? [[fact.node, fact.address, fact.state]] : []));
    expect(nodes.sort()).toEqual(swarm.nodes.map(({ id, address }) => [id, address, "up"]).sort());
    expect(watch.facts.filter(({ kind }) => kind === "assigned" || kind === "addressed")).toEqual([]);
    expect(newest(watch.facts, "synced")?.trust).toBe("node");
  });

  it("tells the leader of all tasks on all nodes", async () => {
    await using one = await openPart(manager);
    await using watch = watchSource(one.swarm.cluster);
    await watch.until("a listing", () => watch.syncs() > 0);

    const records = [...watch.running()].map((task) => watch.record(task));
    expect(records).toHaveLength(7);
    const hosts = records.filter((record) => record?.definition?.name === "host");
    expect(new Set(hosts.map((record) => record?.assigned.node))).toEqual(new Set(swarm.nodes.map(({ id }) => id)));
    for (const record of hosts)
      expect(record?.addressed?.bindings).toMatchObject([{ containerPort: 8080, hostPort: 9090, protocol: "tcp" }]);
    const meshed = records.filter((record) => record?.definition?.name === "mesh");
    expect(
      meshed.flatMap((record) => record?.addressed?.networks),
      "no ingress address",
    ).toEqual([]);
  });

  it("a label-only update, which touches no container, reaches manager and worker within a second", async () => {
    await using keeper = watchSource(managers[0]?.swarm.node ?? failed());
    await using part = await openWorker(managers.slice(0, 1).map(({ url }) => url));
    await using watch = watchSource(part.swarm.node);
    await watch.until("a listing", () => watch.syncs() > 0 && newest(watch.facts, "defined") !== undefined);
    const id = `service:${await serviceId("host")}`;

    const before = newest(watch.facts, "defined", ({ definition }) => definition === id);
    await swarm.docker(["service", "update", "--detach", "--label-add", "muster.tags=blue", "host"]);
    const updated = Date.now();
    const isBlue = (facts: typeof watch.facts) =>
      newest(facts, "defined", ({ definition }) => definition === id)?.labels["muster.tags"] === "blue";
    await watch.until("the label at the worker", () => isBlue(watch.facts));
    const took = Date.now() - updated;

    expect(took).toBeLessThan(1_000);
    const after = newest(watch.facts, "defined", ({ definition }) => definition === id);
    expect(Number(after?.version)).toBeGreaterThan(Number(before?.version));
    await keeper.until("the label at the manager", () => isBlue(keeper.facts));
    expect(watch.syncs(), "no new listing").toBe(1);
  });

  it("what is about to stop is known to its worker before the signal: host mode and mesh", async () => {
    await using _keeper = watchSource(managers[0]?.swarm.node ?? failed());
    await using part = await openWorker(managers.slice(0, 1).map(({ url }) => url));
    const events: EngineEvent[] = [];
    using _events = await watchEngine(`unix://${worker.socket}`, "com.docker.swarm.task.id", (e) => events.push(e));
    const told = new Map<string, number>();
    await using watch = watchSource(part.swarm.node);
    await watch.until("a listing", () => newest(watch.facts, "defined") !== undefined);
    const seen = setInterval(() => {
      for (const fact of watch.facts) if (fact.kind === "status" && !told.has(fact.task)) told.set(fact.task, fact.at);
    }, 5);
    const idle = [
      "ps",
      "--no-trunc",
      "--format",
      '{{.Label "com.docker.swarm.task.id"}} {{.Label "com.docker.swarm.service.name"}}',
    ];
    const tasks = (await worker.docker(idle))
      .trim()
      .split("\n")
      .map((line) => line.split(" "));

    await swarm.docker(["service", "scale", "--detach", "mesh=0"]);
    await swarm.remove("host");
    const killed = (task: string) =>
      events.find(({ action, labels }) => action === "kill" && labels["com.docker.swarm.task.id"] === task)?.at;
    await watch.until("all killed", () => tasks.every(([task = ""]) => killed(task) !== undefined));
    clearInterval(seen);

    expect(tasks.map(([, name]) => name)).toEqual(expect.arrayContaining(["host", "mesh"]));
    for (const [task = "", name] of tasks) {
      const head = (killed(task) ?? 0) - (told.get(task) ?? Number.POSITIVE_INFINITY);
      expect(head, `head start of ${name}, ms`).toBeGreaterThan(name === "host" ? 200 : 1_500);
    }
    await watch.until("their end", () => tasks.every(([task]) => newest(watch.facts, "gone", (f) => f.task === task)));
  });

  it("a manager's Muster that dies is replaced by another one, and nothing is taken back", async () => {
    await using _first = watchSource(managers[0]?.swarm.node ?? failed());
    await using _second = watchSource(managers[1]?.swarm.node ?? failed());
    const name = "replaced";
    await swarm.docker(["service", "create", "--detach", "--name", name, "--replicas", "0", "lab/web:v1"]);
    const before = new Map(managers.map((one) => [one, one.hits()]));
    await using part = await openWorker();
    await using watch = watchSource(part.swarm.node);
    const isDefined = () => newest(watch.facts, "defined", (fact) => fact.name === name) !== undefined;
    await watch.until("the service", isDefined);
    const told = managers.find((one) => one.hits() > (before.get(one) ?? 0)) ?? failed<Part>();
    const other = managers.find((one) => one !== told) ?? failed<Part>();
    const asked = other.hits();

    await told.stopServing();
    await watch.until("the other manager", () => other.hits() > asked && watch.syncs() > 1);
    await swarm.docker(["service", "update", "--detach", "--label-add", "a=b", name]);

    await watch.until(
      "an update by the other",
      () => newest(watch.facts, "defined", (f) => f.name === name)?.labels["a"] === "b",
    );
    expect(watch.facts.filter(({ kind }) => kind === "gone")).toEqual([]);
    expect(newest(watch.facts, "source")?.state).toBe("connected");
    managers.splice(managers.indexOf(told), 1);
    await told[Symbol.asyncDispose]();
  });

  it("a node that loses its power is down, and up again with it", async () => {
    await using watch = watchSource(managers[0]?.swarm.node ?? failed());
    const third = swarm.nodes[2] ?? failed<SwarmNode>();
    const state = () => newest(watch.facts, "node", ({ node }) => node === third.id)?.state;
    await watch.until("the node up", () => state() === "up");

    await third.powerOff();
    await swarm.untilState(third, "down");
    await watch.until("the node down", () => state() === "down");
    await third.boot();

    await watch.until("the node up again", () => state() === "up");
  });

  it("a worker that is promoted tells by itself, and asks again when it is demoted", async () => {
    await using keeper = watchSource(managers[0]?.swarm.node ?? failed());
    await keeper.until("a listing", () => keeper.syncs() > 0);
    await using part = await openPart({
      ...worker,
      managers: managers.map(({ url }) => url),
      limits: { rolePeriod: 500 },
    });
    await using watch = watchSource(part.swarm.node);
    const version = (name: string) => newest(watch.facts, "defined", (fact) => fact.name === name)?.labels["v"];
    await watch.until("a listing", () => watch.syncs() > 0 && newest(watch.facts, "defined") !== undefined);
    expect(part.swarm.feed?.facts(null, AbortSignal.timeout(1)), "a worker has nothing to tell").toBe(null);

    await swarm.promote(worker);
    await watch.until("a listing of its own", () => part.swarm.feed?.facts(null, AbortSignal.abort()) !== null);
    await swarm.docker(["service", "update", "--detach", "--label-add", "v=1", "replaced"]);
    await watch.until("an update", () => version("replaced") === "1");
    await swarm.demote(worker);
    await watch.until("nothing to tell", () => part.swarm.feed?.facts(null, AbortSignal.abort()) === null);
    await swarm.docker(["service", "update", "--detach", "--label-add", "v=2", "replaced"]);

    await watch.until("an update by a manager", () => version("replaced") === "2");
    expect(watch.facts.filter(({ kind }) => kind === "gone")).toEqual([]);
  });

  it("outside any swarm it lists nothing and leads by what else there is", async () => {
    await using engine = await startEngine({ images: false });
    await using part = await openPart(engine);
    await using watch = watchSource(part.swarm.node);

    await watch.until("a listing", () => watch.syncs() > 0);
    await using term = await part.swarm.election(aloneElection).campaign(AbortSignal.timeout(5_000));

    expect(watch.facts.map(({ kind }) => kind)).toEqual(["source", "resync", "synced"]);
    expect(newest(watch.facts, "synced")?.trust).toBe("node");
    expect(term.signal.aborted).toBe(false);
  });
});

function failed<T = never>(): T {
  throw new Error("there is none");
}
