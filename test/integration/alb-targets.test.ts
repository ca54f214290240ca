/** The hazards of targets that facts/alb.md knows, each as a test: whose they are, in which order, in how many calls. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Outcome } from "../../src/model.ts";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import type { Group } from "../fakes/alb/world.ts";
import {
  addMachine,
  held,
  MACHINE,
  NEVER,
  openAlb,
  pass,
  planned,
  put,
  task,
  useCredentials,
  writesTo,
} from "./alb-harness.ts";

useCredentials();

const ok: Outcome = { ok: true };
const options = { targetGroups: { web: "web" } };
let elb: FakeElb;
let web: Group;

beforeEach(async () => {
  elb = await startFakeElb();
  addMachine(elb);
  web = elb.world.addGroup({ name: "web" });
});

afterEach(async () => {
  await elb[Symbol.asyncDispose]();
});

describe("targets", () => {
  it("are known by id and port: two tasks of one machine are two targets, and one can go", async () => {
    await using alb = openAlb(elb, { options });

    expect(await pass(alb, [task(32768), task(32769)])).toEqual([ok, ok]);
    expect(await pass(alb, [task(32769)])).toEqual([ok]);

    expect(held(elb, web)).toEqual([`${MACHINE}:32769`]);
  });

  it("are left alone where others own them: on other machines, made by hand, in groups that are not ours", async () => {
    const foreign = elb.world.addGroup({ name: "foreign" });
    addMachine(elb, "i-0000000a");
    put(web, "i-0000000a", 32768);
    put(foreign, MACHINE, 32768);
    await using alb = openAlb(elb, { options });

    await pass(alb, [task(32768)]);
    await pass(alb, []);

    expect(held(elb, web)).toEqual(["i-0000000a:32768"]);
    expect(held(elb, foreign)).toEqual([`${MACHINE}:32768`]);
  });

  it("that drain count as absent, and are registered again when they are wanted", async () => {
    await using alb = openAlb(elb, { options });
    await pass(alb, [task(32768)]);
    await pass(alb, []);
    expect(await alb.list(NEVER)).toEqual([]);
    expect(elb.world.seen(web)).toMatchObject([{ state: "draining" }]);

    expect(await pass(alb, [task(32768)])).toEqual([ok]);

    expect(held(elb, web)).toEqual([`${MACHINE}:32768`]);
  });

  it("of a port that another group's task has by now go before it comes (re-used port after a reboot)", async () => {
    const api = elb.world.addGroup({ name: "api", tags: { "muster:cluster": "default" } });
    put(api, MACHINE, 32768);
    put(api, MACHINE, 32770);
    await using alb = openAlb(elb, { options });

    const outcomes = await pass(alb, [task(32768)]);

    expect(outcomes).toEqual([ok, ok, ok]);
    expect(writesTo(elb)).toEqual(["Deregister 32768", "Register 32768", "Deregister 32770"]);
  });

  it("that are stale go first at the start, also in tagged groups without a task here", async () => {
    const idle = elb.world.addGroup({ name: "idle", tags: { "muster:cluster": "default" } });
    put(idle, MACHINE, 40_000);
    put(web, MACHINE, 40_001);
    await using alb = openAlb(elb, { options });

    await pass(alb, [task(32768)], true);

    expect(held(elb, idle)).toEqual([]);
    expect(held(elb, web)).toEqual([`${MACHINE}:32768`]);
    expect(writesTo(elb).at(-1)).toBe("Register 32768");
  });

  it("that replace others are there before those go", async () => {
    await using alb = openAlb(elb, { options });
    await pass(alb, [task(32768)]);

    await pass(alb, [task(32769)]);

    expect(writesTo(elb)).toEqual(["Register 32768", "Register 32769", "Deregister 32768"]);
  });

  it("that nobody knows are ours all the same, under a name of their own", async () => {
    put(web, MACHINE, 32768);
    await using alb = openAlb(elb, { options });

    const before = await alb.list(NEVER);
    expect(before).toMatchObject([
      { key: "web/10.0.0.1:32768", instance: "web/10.0.0.1:32768", source: null, task: null },
    ]);

    alb.project(task(32768));
    expect(await alb.list(NEVER)).toMatchObject([{ key: "web/10.0.0.1:32768", instance: "t32768:80", task: "t32768" }]);
  });
});

describe("calls", () => {
  it("1,000 targets take 5, and none when nothing has changed", async () => {
    const many = Array.from({ length: 1000 }, (_, n) => task(30_000 + n));
    await using alb = openAlb(elb, { options });

    expect((await pass(alb, many)).every((outcome) => outcome.ok)).toBe(true);
    expect(elb.count("RegisterTargets")).toBe(5);
    expect(held(elb, web)).toHaveLength(1000);

    expect(await pass(alb, many)).toEqual([]);
    expect(writesTo(elb)).toHaveLength(5);
  });

  it("a burst that the core gathers takes one per group and direction", async () => {
    await using alb = openAlb(elb, { options });
    await pass(
      alb,
      [1, 2, 3, 4, 5, 6].map((n) => task(32_000 + n)),
    );
    expect(writesTo(elb)).toHaveLength(1);

    await pass(
      alb,
      [5, 6, 7, 8].map((n) => task(32_000 + n)),
    );

    expect(writesTo(elb).slice(1)).toEqual(["Register 32007 32008", "Deregister 32001 32002 32003 32004"]);
  });

  it("groups without local tasks are read at the start, and then only now and then", async () => {
    for (let n = 0; n < 5; n += 1) elb.world.addGroup({ name: `other-${n}`, tags: { "muster:cluster": "default" } });
    let now = 0;
    const timing = { now: () => now, wait: async () => {} };
    await using alb = openAlb(elb, { options, timing });
    await pass(alb, [task(32768)]);
    const reads = elb.count("DescribeTargetHealth");
    expect(reads).toBe(6);

    now = 60_000;
    await alb.list(NEVER);
    expect(elb.count("DescribeTargetHealth") - reads).toBe(1);

    now = 600_000;
    await alb.list(NEVER);
    expect(elb.count("DescribeTargetHealth") - reads).toBe(7);
  });

  it("with many Musters a listing asks less often, but never after a failed write", async () => {
    let now = 0;
    const timing = { now: () => now, wait: async () => {} };
    await using alb = openAlb(elb, { options: { ...options, musters: 50 }, timing });
    await pass(alb, [task(32768)]);
    const reads = elb.count("DescribeTargetHealth");
    now = 9_000;
    expect(await alb.list(NEVER)).toHaveLength(1);
    expect(elb.count("DescribeTargetHealth")).toBe(reads);

    elb.failMutation(1, { kind: "lost" });
    const [outcome] = await alb.apply(planned(alb, [task(32768), task(32769)], await alb.list(NEVER)), NEVER);
    expect(outcome).toMatchObject({ ok: false, retry: true, ambiguous: true });

    // It was done, but the answer never came: nothing leaks.
    expect(await alb.list(NEVER)).toHaveLength(2);
  });
});

describe("what other machines have", () => {
  it("is told by its address, in groups of ours and of type ip, without what drains, and can be removed", async () => {
    const ips = elb.world.addGroup({ name: "ips", type: "ip" });
    const foreign = elb.world.addGroup({ name: "foreign", type: "ip" });
    addMachine(elb, "i-0000000a");
    put(web, "i-0000000a", 32768);
    for (const group of [ips, foreign]) put(group, "10.0.1.20", 32768);
    put(ips, "10.0.1.21", 32768);
    await using alb = openAlb(elb, { options: { targetGroups: { web: "web", ips: "ips" } } });
    const draining = ((await alb.listOthers?.(NEVER)) ?? []).filter(({ key }) => key.includes("10.0.1.21"));
    await alb.apply(
      draining.map((before) => ({ op: "deregister", key: before.key, before, after: null })),
      NEVER,
    );
    expect(draining).toHaveLength(1);

    const others = (await alb.listOthers?.(NEVER)) ?? [];
    expect(others.map(({ endpoint, node }) => [endpoint, node])).toEqual([["10.0.1.20:32768/tcp", undefined]]);
    const removals = others.map((before) => ({ op: "deregister" as const, key: before.key, before, after: null }));
    expect(await alb.apply(removals, NEVER)).toEqual([ok]);

    expect(held(elb, ips)).toEqual([]);
    expect(held(elb, foreign)).toEqual(["10.0.1.20:32768"]);
    expect(held(elb, web)).toEqual(["i-0000000a:32768"]);
  });
});
