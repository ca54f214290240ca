/**
 * `muster plan` and `policy.dryRun` on the real adapters: a real Consul and the fakes of Kong, Vulcand and ALB, which
 * count what is written to them. A plan says what a pass would do, and after that pass it has nothing to say.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { PlanReport } from "../../src/dry-run/report.ts";
import { runMuster } from "../cli.ts";
import { type FaultProxy, startFaultProxy } from "../conformance/proxy.ts";
import { startMuster } from "../e2e/muster.ts";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import { type FakeKong, startFakeKong } from "../fakes/kong/kong.ts";
import { type FakeVulcand, startFakeVulcand } from "../fakes/vulcand/server.ts";
import { labAvailable } from "../lab/available.ts";
import { type Consul, startConsul } from "../lab/consul.ts";
import { startMarathon } from "../lab/marathon/marathon.ts";
import { until } from "../lab/wait.ts";
import { addMachine, MACHINE, useCredentials } from "./alb-harness.ts";

useCredentials();
/** What takes long is told on standard error. */
const PROGRESS = /^(?:.* …\n)*$/;
const { skip } = await labAvailable("consul");

describe.skipIf(skip)("on every registry", () => {
  let folder: string;
  let consul: Consul;
  let proxy: FaultProxy;
  let kong: FakeKong;
  let vulcand: FakeVulcand;
  let elb: FakeElb;
  /** Consul goes on from test to test: each has a cluster of its own. */
  let cluster = 0;

  beforeAll(async () => {
    consul = await startConsul();
  });
  afterAll(async () => {
    await consul?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    cluster += 1;
    folder = await mkdtemp(join(tmpdir(), "muster-plan-"));
    [proxy, kong, vulcand, elb] = await Promise.all([
      startFaultProxy({ target: consul.url }),
      startFakeKong(),
      startFakeVulcand("0.9.2-etcd3"),
      startFakeElb(),
    ]);
    addMachine(elb);
    elb.world.addGroup({ name: "web" });
  });
  afterEach(async () => {
    await Promise.all([proxy, kong, vulcand, elb].map((server) => server[Symbol.asyncDispose]()));
    await rm(folder, { recursive: true, force: true });
  });

  function yaml(tag: string, more = ""): string {
    return `
cluster: c${cluster}
node: { id: n1, address: 10.0.0.1 }
sources:
  static:
    instances:
      - { service: web, address: 10.0.0.1, port: 8080, labels: { muster.tags: ${tag}, muster.route.host: shop.example } }
      - { service: batch, address: 10.0.0.1, port: 8081, labels: { muster.check.ttl: 15s } }
registries:
  consul: { url: "${proxy.url}" }
  kong: { url: "${kong.url}" }
  vulcand: { url: "${vulcand.url}", ttl: 5s }
  alb: { region: ${elb.region}, endpoint: "${elb.url}", instanceId: ${MACHINE}, targetGroups: { web: web } }
${more}`;
  }

  async function plan(
    tag: string,
  ): Promise<{ readonly code: number; readonly err: string; readonly report: PlanReport }> {
    const file = join(folder, "muster.yaml");
    await writeFile(file, yaml(tag));
    const { code, out, err } = await runMuster(["plan", "-c", file, "--json"]);
    return { code, err, report: JSON.parse(out || "null") as PlanReport };
  }

  function writes() {
    return {
      consul: proxy.mutations.length,
      kong: kong.writes().length,
      vulcand: vulcand.writes().length,
      alb: elb.calls.filter(({ action }) => !action.startsWith("Describe")).length,
    };
  }

  const ops = ({ registries }: PlanReport) =>
    Object.fromEntries(registries.map(({ registry, changes }) => [registry, changes.map(({ op }) => op)]));

  it("a plan writes nothing, and tells what a pass then does", async () => {
    const before = await plan("blue");
    expect(before).toMatchObject({ code: 3, err: expect.stringMatching(PROGRESS) });
    for (const each of before.report.registries) expect(each).toMatchObject({ error: null, unchanged: 0, refused: [] });
    expect(new Set(Object.values(ops(before.report)).flat())).toEqual(new Set(["register"]));
    expect(writes()).toEqual({ consul: 0, kong: 0, vulcand: 0, alb: 0 });

    const planned = Object.fromEntries(
      before.report.registries.map(({ registry, changes }) => [registry, changes.length]),
    );
    await using muster = await startMuster(yaml("blue"));
    await muster.ready();
    const { registries } = await muster.get<{ registries: { name: string; registered: number }[] }>("/v1/registries");
    const registered = Object.fromEntries(registries.map((each) => [each.name, each.registered]));
    expect(registered).toEqual({ ...planned, embedded: 2 });
  });

  it("after a pass it is in sync, and sees what has changed; it beats for nobody else's TTL", async () => {
    await (async () => {
      await using muster = await startMuster(yaml("blue"));
      await muster.ready();
    })();
    const done = writes();
    expect(Math.min(...Object.values(done))).toBeGreaterThan(0);

    expect(await plan("blue")).toMatchObject({ code: 0, report: { inSync: true } });
    const changed = await plan("green");
    expect(changed.code).toBe(3);
    expect(ops(changed.report)).toEqual({ consul: ["update"], kong: [], vulcand: [], alb: [] });
    expect(writes()).toEqual(done);
  });

  it("policy.dryRun writes nothing either, and says why nothing is registered", async () => {
    await using muster = await startMuster(yaml("blue", "policy: { dryRun: true, resync: 1s }\n"));
    await until(async () => (await muster.instances("?service=web")).length === 1, {
      timeoutMs: 10_000,
      what: "the instance",
    });
    await muster.ready();
    const { tasks } = await muster.get<{ tasks: { instances: { reasons: { why: string }[] }[] }[] }>(
      "/v1/explain?of=web",
    );
    const reasons = tasks.flatMap(({ instances }) => instances.flatMap((each) => each.reasons.map(({ why }) => why)));
    expect(new Set(reasons)).toEqual(new Set(["policy.dryRun is on: nothing is written"]));
    expect(writes()).toEqual({ consul: 0, kong: 0, vulcand: 0, alb: 0 });
  });

  it("policy.dryRun does not even beat for what is there", async () => {
    await (async () => {
      await using muster = await startMuster(yaml("blue"));
      await muster.ready();
    })();
    const done = writes();
    await using muster = await startMuster(yaml("green", "policy: { dryRun: true, resync: 500ms }\n"));
    await muster.ready();
    // A first beat would come within a second.
    const listings = () => vulcand.calls.filter(({ path }) => path === "/v2/backends").length;
    const before = listings();
    await until(() => listings() >= before + 4, { timeoutMs: 10_000, what: "four further listings" });
    expect(writes()).toEqual(done);
  });

  it("policy.dryRun takes no lock, so that whoever writes can lead beside it", async () => {
    await using marathon = await startMarathon();
    marathon.cluster.deploy({ id: "/web", ports: [0], instances: 1 });
    await using muster = await startMuster(`
cluster: c${cluster}
node: { id: n1, address: 10.0.0.1 }
sources: { marathon: { urls: ${JSON.stringify(marathon.urls)} } }
registries: { consul: { url: "${proxy.url}", catalog: true } }
policy: { dryRun: true }`);
    await until(async () => (await muster.instances("?service=web")).some(({ state }) => state === "ready"), {
      timeoutMs: 15_000,
      what: "the instance",
    });
    await muster.ready();
    expect(proxy.mutations).toEqual([]);
  });

  it("outside a swarm, what the leader does is planned by whoever leads or could, and takes no lock", async () => {
    await using marathon = await startMarathon();
    marathon.cluster.deploy({ id: "/web", ports: [0], instances: 1 });
    const text = (node: string) => `
cluster: c${cluster}
node: { id: ${node}, address: 10.0.0.1 }
sources: { marathon: { urls: ${JSON.stringify(marathon.urls)} } }
registries: { consul: { url: "${proxy.url}", catalog: true } }`;
    const planOf = async (node: string) => {
      const file = join(folder, "muster.yaml");
      await writeFile(file, text(node));
      const { out, err } = await runMuster(["plan", "-c", file, "--json"]);
      expect(err).toBe("");
      return JSON.parse(out) as PlanReport;
    };
    expect(await planOf("n1")).toMatchObject({ standby: null, registries: [{ scope: "cluster", error: null }] });
    expect(proxy.mutations).toEqual([]);

    await using muster = await startMuster(text("n1"));
    await until(async () => (await muster.instances()).length > 0, { timeoutMs: 15_000, what: "a leader" });
    expect(await planOf("n1")).toMatchObject({ standby: null, registries: [{ scope: "cluster" }] });
    expect(await planOf("n2")).toMatchObject({ standby: "node n1 leads", inSync: true, registries: [] });
  });

  it("policy.mode upsert-only adds and changes, and removes nothing", async () => {
    await (async () => {
      await using muster = await startMuster(yaml("blue"));
      await muster.ready();
    })();
    const only = `
cluster: c${cluster}
node: { id: n1, address: 10.0.0.1 }
sources: { static: { instances: [ { service: api, address: 10.0.0.1, port: 9090 } ] } }
registries: { consul: { url: "${proxy.url}" } }
policy: { mode: upsert-only, probation: 0s }`;
    await using muster = await startMuster(only);
    await muster.ready();
    const services = Object.values(
      (await consul.request({ path: "/v1/agent/services" })) as Record<string, { Service: string; Meta: object }>,
    );
    const ours = services.filter(({ Meta }) => Object.values(Meta).includes(`c${cluster}/n1`));
    expect(ours.map(({ Service }) => Service).sort()).toEqual(["api", "batch", "web"]);
  });
});
