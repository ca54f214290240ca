/** Musters on all nodes of a real swarm of three, with a real Consul and fake Kong, Vulcand and ELBv2: each is equal to what runs. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFakeKong } from "../fakes/kong/kong.ts";
import { serve, targetsServed } from "../fakes/kong/serving.ts";
import { labAvailable } from "../lab/available.ts";
import { startConsul } from "../lab/consul.ts";
import { containersOf } from "../lab/swarm.ts";
import { until } from "../lab/wait.ts";
import { type Fleet, startFleet } from "./swarm-fleet.ts";
import { type OtherAlb, type OtherVulcand, otherAlb, otherVulcand } from "./swarm-others.ts";

const SOON = { timeoutMs: 45_000, everyMs: 50 };
const { skip, reason } = await labAvailable("engine");

describe.skipIf(skip)(`a swarm of three nodes ${reason}`, { timeout: 120_000 }, () => {
  let fleet: Fleet;
  let vulcand: OtherVulcand;
  let alb: OtherAlb;
  beforeAll(async () => {
    vulcand = await otherVulcand();
    alb = await otherAlb(["vote", "result", "quiet"]);
    fleet = await startFleet({ consul: await startConsul(), kong: await startFakeKong(), others: [vulcand, alb] });
  }, 180_000);
  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
  });

  it("registers 20 replicas of 3 services, each on its own node's authority", async () => {
    await fleet.create("vote", 8, "--label", "muster.route.host=vote.example", "--label", "muster.name=vote");
    await fleet.create("result", 6, "--container-label", "muster.route.host=result.example");
    await fleet.create("quiet", 6, "--label", "muster.route.host=quiet.example");

    await fleet.converges({ vote: 8, result: 6, quiet: 6 });

    const { writes, ofOthers } = await fleet.audited();
    expect(writes).toBeGreaterThanOrEqual(40);
    expect(ofOthers).toEqual([]);
    expect(await fleet.answers("vote")).toBe(8);
    expect(routed("vote.example")).toBe(8);
    expect(routed("result.example"), "a label of the containers, which only the service's spec tells the leader").toBe(
      6,
    );
  });

  it("follows scaling, updates, a rollback, a drained node and a forced update", async () => {
    const { swarm } = fleet;
    const slow = ["--update-delay", "0s", "--update-monitor", "1s", "--rollback-monitor", "1s"];
    const update = (...args: readonly string[]) => swarm.docker(["service", "update", "--detach", ...slow, ...args]);
    const all = { vote: 8, result: 6, quiet: 6 };

    await swarm.docker(["service", "scale", "--detach", "vote=12", "result=2", "quiet=0"]);
    await fleet.converges({ vote: 12, result: 2, quiet: 0 });
    await swarm.docker(["service", "scale", "--detach", "vote=8", "result=6", "quiet=6"]);
    await fleet.converges(all);

    await update("--update-order", "start-first", "--update-parallelism", "2", "--image", "lab/web:v2", "vote");
    await update("--update-order", "stop-first", "--update-parallelism", "2", "--image", "lab/web:v2", "result");
    await fleet.updated("vote", "lab/web:v2");
    await fleet.updated("result", "lab/web:v2");
    await fleet.converges(all);

    await swarm.docker(["service", "rollback", "--detach", "vote"]);
    await fleet.updated("vote", "lab/web:v1");
    await fleet.converges(all);

    const [, node] = swarm.nodes;
    await swarm.docker(["node", "update", "--availability", "drain", node?.id ?? ""]);
    await fleet.empty(node);
    await fleet.converges(all);
    await swarm.docker(["node", "update", "--availability", "active", node?.id ?? ""]);

    await update("--force", "quiet");
    await fleet.updated("quiet", "lab/web:v1");
    await fleet.converges(all);

    const { writes, ofOthers } = await fleet.audited();
    expect(writes).toBeGreaterThan(100);
    expect(ofOthers).toEqual([]);
  });

  it("a label-only change reaches the gateway, and no task is written again", async () => {
    // A server's id in Vulcand tells which frontends it needs, so there it is written again.
    const unmoved = ["consul", "kong", "alb"];
    const before = await fleet.audited(unmoved);

    await fleet.swarm.docker(["service", "update", "--detach", "--label-add", "muster.route.host=new.example", "vote"]);

    await until(() => routed("new.example") === 8, { ...SOON, what: "the new route" });
    expect(routed("vote.example")).toBe(0);
    expect(await fleet.audited(unmoved)).toEqual(before);
    await fleet.converges({ vote: 8 });
  });

  it("a route label that is removed takes the route away, though other nodes' targets stay", async () => {
    const services = fleet.inKong("services");
    expect(routed("quiet.example")).toBe(6);
    expect(alb.hosts()).toContain("quiet.example");

    await fleet.swarm.docker(["service", "update", "--detach", "--label-rm", "muster.route.host", "quiet"]);

    const isGone = () => serve(fleet.kong.world, { host: "quiet.example", path: "/" }) === null;
    await until(() => isGone() && fleet.inKong("services") === services - 1, { ...SOON, what: "no route" });
    expect(targetsServed(fleet.kong.world, "quiet")).toHaveLength(6);
    const inVulcand = () => Object.keys(vulcand.fake.store.dump()).filter((key) => key.includes("quiet.example"));
    // What it has refused, since another node had needed it just before, is tried again after 15 s.
    await until(() => inVulcand().length === 0, { timeoutMs: 60_000, what: "no frontend" });
    await until(() => !alb.hosts().includes("quiet.example"), { ...SOON, what: "no rule" });
    expect(alb.hosts()).toContain("result.example");
    await fleet.converges({ quiet: 6 });
  });

  it("a service that is removed leaves nothing, and one without tasks keeps its route", async () => {
    await fleet.swarm.docker(["service", "scale", "--detach", "vote=0"]);
    await fleet.converges({ vote: 0 });
    expect(serve(fleet.kong.world, { host: "new.example", path: "/" })).toMatchObject({ targets: [] });

    await fleet.swarm.remove("vote", "result", "quiet");

    const isEmpty = () => (["routes", "services", "upstreams"] as const).every((kind) => fleet.inKong(kind) === 0);
    await until(isEmpty, { ...SOON, what: "an empty Kong" });
    await until(() => Object.keys(vulcand.fake.store.dump()).length === 0, { ...SOON, what: "an empty Vulcand" });
    await fleet.converges({ vote: 0, result: 0, quiet: 0 });
  });

  it("a service that gets another name by its label leaves nothing under its own", async () => {
    await fleet.create("stock", 2, "--label", "muster.route.host=stock.example");
    await fleet.converges({ stock: 2 });
    // What the leader has not seen asked for itself goes at its next periodic listing only.
    await until(() => leaderWrote("upstreams/stock"), { ...SOON, what: "the leader to have it too" });
    await fleet.swarm.docker(["service", "update", "--detach", "--label-add", "muster.name=stock-api", "stock"]);

    const upstreams = () => [...fleet.kong.world.store.upstreams.values()].map(({ name }) => name);
    await until(() => upstreams().join() === "stock-api", { ...SOON, what: "the new name alone in Kong" });
    expect(routed("stock.example")).toBe(2);
    expect(await fleet.inConsul("stock")).toEqual([]);
    await fleet.swarm.remove("stock");
    await until(() => upstreams().length === 0, { ...SOON, what: "an empty Kong" });
  });

  it("what a removed service leaves is drained as what it was, until it has stopped", async () => {
    const { kong, swarm } = fleet;
    const targets = () => [...kong.world.store.targets.values()];
    const serves = () => targets().filter(({ weight }) => weight !== 0).length;
    // Its program hears nothing of the stop, and is killed when the time is over.
    const slow = ["--stop-signal", "SIGURG", "--stop-grace-period", "6s"];
    await fleet.create("slow", 3, ...slow, "--label", "muster.route.host=slow.example");
    await fleet.converges({ slow: 3 });
    kong.forget();

    await swarm.docker(["service", "rm", "slow"]);

    await until(() => targets().length > 0 && serves() === 0, { ...SOON, what: "no target with traffic" });
    expect(targets()).toHaveLength(3);
    expect([...kong.world.store.upstreams.values()].map(({ name }) => name)).toEqual(["slow"]);
    expect(serve(kong.world, { host: "slow.example", path: "/" })).toMatchObject({ targets: [] });
    const isEmpty = () => targets().length === 0 && fleet.inKong("upstreams") + fleet.inKong("routes") === 0;
    await until(isEmpty, { timeoutMs: 20_000, what: "an empty Kong, before the leader's next periodic listing" });
    const made = kong.writes().filter(({ method }) => method === "POST" || method === "PUT");
    expect(made, "nothing is registered anew under another name").toEqual([]);
  });

  it("a port of the routing mesh is one endpoint on each node that runs a task", async () => {
    // Whether it answers there can't be seen: such a lab has no IPVS, so that the mesh carries no traffic (facts/lab.md).
    const { swarm, consul } = fleet;
    const publish = ["--publish", "published=8088,target=8080", "--label", "muster.route.host=mesh.example"];
    const base = ["service", "create", "--detach", "--name", "mesh", "--replicas", "4"];
    await swarm.docker([...base, ...publish, "lab/web:v1"]);
    await swarm.untilRunning("mesh", 4);
    const nodes = async () => new Set((await swarm.tasks("mesh")).map(({ node }) => node));
    const expected = async () => {
      const on = await nodes();
      return swarm.nodes.filter(({ id }) => on.has(id)).map(({ address }) => `${address}:8088`);
    };

    const isRight = async () => (await fleet.inConsul("mesh")).join() === (await expected()).sort().join();
    await until(isRight, { ...SOON, what: "one endpoint per node" });
    await until(() => routed("mesh.example") > 0, { ...SOON, what: "the route" });
    expect(routed("mesh.example")).toBe((await expected()).length);
    expect(sorted(vulcand.held("mesh") ?? [])).toBe(sorted(await expected()));

    const scaled = ["service", "scale", "--detach", "mesh=1"];
    await swarm.docker(scaled);
    await until(async () => (await fleet.inConsul("mesh")).length === 1 && (await isRight()), {
      ...SOON,
      what: "the one node that is left",
    });
    await swarm.remove("mesh");
    await until(async () => (await fleet.inConsul("mesh")).length === 0, { ...SOON, what: "nothing of it" });
    expect(await consul.request({ path: "/v1/catalog/service/mesh" })).toEqual([]);
  });

  it("a service on overlay networks only is registered by its tasks' addresses on the one that its label names", async () => {
    const { swarm } = fleet;
    for (const name of ["aaa", "shop"])
      await swarm.docker(["network", "create", "--driver", "overlay", "--attachable", name]);
    const networks = ["--network", "aaa", "--network", "shop"];
    const labels = ["muster.network=shop", "muster.port=8080", "muster.route.host=inner.example"];
    const asked = labels.flatMap((label) => ["--label", label]);
    const base = ["service", "create", "--detach", "--name", "inner", "--replicas", "3"];
    await swarm.docker([...base, ...networks, ...asked, "lab/web:v1"]);
    await swarm.untilRunning("inner", 3);
    /** As the engines themselves say. */
    const addresses = async () => {
      const found = swarm.nodes.map(async (node) =>
        (await containersOf(node, "inner")).map((container) => `${container.addresses.get("shop")}:8080`),
      );
      return sorted((await Promise.all(found)).flat());
    };
    const held = async () => {
      const inVulcand = sorted(vulcand.held("inner") ?? []);
      return [(await fleet.inConsul("inner")).join(), inVulcand, sorted(targetsServed(fleet.kong.world, "inner"))];
    };
    const isRight = async () => {
      const runs = await addresses();
      return runs.split(",").length === 3 && (await held()).every((each) => each === runs);
    };

    await until(isRight, { ...SOON, what: "the overlay's addresses everywhere" });

    const vips = await swarm.docker(["service", "inspect", "--format", "{{json .Endpoint.VirtualIPs}}", "inner"]);
    const virtual = (JSON.parse(vips) as { Addr: string }[]).map(({ Addr }) => Addr.replace(/\/.*/, ""));
    expect(virtual).toHaveLength(2);
    for (const one of await held()) for (const vip of virtual) expect(`,${one}`).not.toContain(`,${vip}:`);
    await until(() => routed("inner.example") === 3, { ...SOON, what: "its route" });
    // What a gateway on that network gets there.
    const [first = ""] = (await addresses()).split(",");
    const fetched = ["timeout", "10", "wget", "-q", "-O-", `http://${first}/version`];
    expect(await swarm.docker(["run", "--rm", "--network", "shop", "lab/sleep:v1", ...fetched])).toBe("v1\n");

    await swarm.remove("inner");
    await until(async () => (await held()).join("") === "", { ...SOON, what: "nothing of it" });
  });

  function sorted(endpoints: readonly string[]): string {
    return endpoints.toSorted((a, b) => (a < b ? -1 : 1)).join();
  }

  async function leaderWrote(id: string): Promise<boolean> {
    const [leader] = fleet.swarm.nodes;
    if (leader === undefined) return false;
    return (await readFile(fleet.muster(leader).auditPath, "utf8")).includes(`"id":"${id}"`);
  }

  function routed(host: string): number {
    return serve(fleet.kong.world, { host, path: "/" })?.targets.length ?? 0;
  }
});
