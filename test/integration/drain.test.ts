/** `muster drain --wait` and `undrain` against a running Muster with a Kong that drains and an ALB that takes its time. */
import { EventEmitter } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runMuster } from "../cli.ts";
import { type Muster, startMuster } from "../e2e/muster.ts";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import type { Group } from "../fakes/alb/world.ts";
import { type FakeKong, startFakeKong } from "../fakes/kong/kong.ts";
import { targetsServed } from "../fakes/kong/serving.ts";
import { until } from "../lab/wait.ts";
import { addMachine, MACHINE, useCredentials } from "./alb-harness.ts";

useCredentials();

let kong: FakeKong;
let elb: FakeElb;
let group: Group;
let muster: Muster;
/** ms by which the load balancer's clock is ahead. */
let ahead = 0;

beforeEach(async () => {
  ahead = 0;
  kong = await startFakeKong();
  elb = await startFakeElb({ now: () => Date.now() + ahead });
  addMachine(elb);
  group = elb.world.addGroup({ name: "web" });
  muster = await startMuster(`
node: { id: n1, address: 10.0.0.1 }
sources:
  static:
    instances:
      - { service: web, address: 10.0.0.1, port: 8080 }
      - { service: web, address: 10.0.0.1, port: 8081 }
      - { service: api, address: 10.0.0.1, port: 9090 }
registries:
  kong: { url: "${kong.url}" }
  alb: { region: ${elb.region}, endpoint: "${elb.url}", instanceId: ${MACHINE}, targetGroups: { web: web }, healthPoll: 50ms }
`);
  await muster.ready();
});
afterEach(async () => {
  await muster?.[Symbol.asyncDispose]();
  await Promise.all([kong, elb].map((server) => server[Symbol.asyncDispose]()));
});

const run = (...args: readonly string[]) => runMuster([...args, "--url", muster.url]);

function upstreams(): string {
  return (
    [...kong.world.store.upstreams.values()].map(({ name }) => String(name)).find((name) => /web/.test(name)) ?? ""
  );
}

const served = () => targetsServed(kong.world, upstreams()).length;
const targets = () => elb.world.seen(group).map(({ state }) => state);

async function ids(service: string): Promise<readonly string[]> {
  return (await muster.instances(`?service=${service}`)).map(({ id }) => id);
}

describe("drain --wait", () => {
  it("ends when Kong sends nothing and the ALB's targets are unused, not when they drain", async () => {
    let isDone = false;
    const draining = run("drain", "web", "--wait").then((result) => {
      isDone = true;
      return result;
    });
    await until(() => targets().every((state) => state === "draining"), {
      timeoutMs: 10_000,
      what: "targets to drain",
    });
    await until(() => served() === 0, { timeoutMs: 10_000, what: "Kong to send nothing" });
    const looks = elb.count("DescribeTargetHealth");
    await until(() => elb.count("DescribeTargetHealth") > looks + 2, { timeoutMs: 10_000, what: "more looks" });
    expect(isDone).toBe(false);

    ahead = 301_000;
    const { code, out, err } = await draining;
    expect(code).toBe(0);
    expect(targets()).toEqual([]);
    expect(out.trimEnd().split("\n").sort()).toEqual((await ids("web")).map((id) => `${id}: draining`).sort());
    expect(err).toContain("alb target is draining");
    expect(err.trimEnd().split("\n").at(-1)).toBe("2 of 2 out of service");
    expect((await muster.instances("?service=api")).map(({ state }) => state)).toEqual(["ready"]);
  });

  it("gives up when the time is up: exit 1, what is left is named, and the drain stays", async () => {
    const [id = ""] = await ids("web");
    const { code, out, err } = await run("drain", id, "--wait", "--timeout", "1s", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({
      instances: [id],
      done: false,
      left: [{ id, waitsFor: ["alb target is draining"] }],
    });
    expect(err).toBe("not all of them within 1 s\n");
    expect((await muster.instances()).find((each) => each.id === id)?.state).toBe("draining");
  });

  it("does not take a write for done that fails", async () => {
    kong.fault(({ method }) => (method === "GET" ? null : { kind: "status", status: 503 }));
    const { code, out } = await run("drain", "api", "--wait", "--timeout", "1s", "--json");
    expect(code).toBe(1);
    expect(out).toContain("kong may still send it traffic (kong: ");
  });

  it("undrain --wait puts it back, and waits until it is there", async () => {
    const [id = ""] = await ids("web");
    await run("drain", id);
    await until(() => served() === 1, { timeoutMs: 10_000, what: "Kong to send nothing to it" });
    const { code, err } = await run("undrain", id, "--wait");
    expect(code).toBe(0);
    expect(err).toMatch(/1 of 1 in service\n$/);
    expect(served()).toBe(2);
    expect(targets().filter((state) => state !== "draining").length).toBe(2);
  });

  it("an interrupt ends the waiting, not the drain", async () => {
    const signals = new EventEmitter();
    const waiting = runMuster(["drain", "web", "--wait", "--url", muster.url], { signals });
    await until(() => targets().every((state) => state === "draining"), {
      timeoutMs: 10_000,
      what: "targets to drain",
    });
    await until(() => signals.listenerCount("SIGINT") > 0, { timeoutMs: 10_000, what: "the waiting" });
    signals.emit("SIGINT");
    expect(await waiting).toMatchObject({ code: 1, err: expect.stringContaining("stopped waiting") });
    expect((await muster.instances("?service=web")).every(({ state }) => state === "draining")).toBe(true);
  });
});

describe("what is meant", () => {
  it("may be an instance, a service, a task or the beginning of it, a node, this node", async () => {
    const [web] = await muster.instances("?service=web");
    const drained = async (...args: readonly string[]) => {
      const { out } = await run("drain", ...args, "--json");
      await run("undrain", ...args);
      return (JSON.parse(out) as { instances: string[] }).instances.length;
    };
    expect(await drained(web?.id ?? "")).toBe(1);
    expect(await drained("web")).toBe(2);
    expect(await drained(web?.task ?? "")).toBe(1);
    expect(await drained("--node", "n1")).toBe(3);
    expect(await drained("--node")).toBe(3);
  });

  it.each([
    [["nobody"], 1, "nobody: no such instance, service or task; services are api, web\n"],
    [["--node", "n9"], 1, "--node: no instance is known on n9, but on n1; name that node's own Muster with --url\n"],
    [[], 2, "drain: expected an instance, service or task, or --node; one of them\n"],
    [["web", "--node"], 2, "drain: expected an instance, service or task, or --node; one of them\n"],
  ])("%j is refused in one line", async (args, code, err) => {
    expect(await run("drain", ...args)).toEqual({ code, out: "", err });
  });
});
