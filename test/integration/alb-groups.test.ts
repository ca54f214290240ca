/** Which target groups may be touched, and which addresses in groups of type ip are ours. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Outcome } from "../../src/model.ts";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import type { Group } from "../fakes/alb/world.ts";
import { addMachine, held, MACHINE, NEVER, openAlb, pass, put, task, useCredentials } from "./alb-harness.ts";

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

describe("ip targets", () => {
  const leader = { cluster: "default", node: { id: "~cluster", address: "10.0.0.1" } };
  let group: Group;

  beforeEach(() => {
    group = elb.world.addGroup({ name: "ips", type: "ip" });
  });

  const ips = { targetGroups: { web: "ips" } };

  it("one bad address among many harms no other", async () => {
    const addresses = ["10.0.1.1", "10.0.1.2", "8.8.8.8", "10.0.1.3", "10.0.1.4", "10.0.1.5"];
    await using alb = openAlb(elb, { owner: leader, options: ips });

    const outcomes = await pass(
      alb,
      addresses.map((address, n) => task(31_000 + n, { address })),
    );

    expect(outcomes.map((outcome) => outcome.ok)).toEqual([true, true, false, true, true, true]);
    expect(outcomes[2]).toMatchObject({ retry: false, error: expect.stringContaining("8.8.8.8") });
    expect(elb.count("RegisterTargets")).toBeLessThanOrEqual(7);
  });

  it("addresses outside the VPC are given the zone that they need, and are found again", async () => {
    await using alb = openAlb(elb, { owner: leader, options: ips });

    expect(await pass(alb, [task(31_000, { address: "192.168.1.1" }), task(31_001, { address: "10.0.0.9" })])).toEqual([
      ok,
      ok,
    ]);

    expect(await alb.list(NEVER)).toHaveLength(2);
  });

  it("a leader takes over what the last one registered at the hosts it has, and leaves all others", async () => {
    put(group, "10.0.1.1", 31_000);
    put(group, "10.0.1.2", 31_001);
    await using alb = openAlb(elb, { owner: leader, options: ips });

    await pass(alb, []);
    expect(held(elb, group)).toHaveLength(2);
    alb.project(task(31_005, { address: "10.0.1.1" }));
    await pass(alb, [task(31_005, { address: "10.0.1.1" })]);

    expect(held(elb, group)).toEqual(["10.0.1.1:31005", "10.0.1.2:31001"]);
  });

  it("with hosts, a leader owns what is in those networks and refuses the rest", async () => {
    put(group, "10.0.1.1", 31_000);
    put(group, "10.0.2.1", 31_001);
    await using alb = openAlb(elb, { owner: leader, options: { ...ips, hosts: ["10.0.1.0/24"] } });

    await pass(alb, [task(31_009, { address: "10.0.1.7" })]);

    expect(held(elb, group)).toEqual(["10.0.1.7:31009", "10.0.2.1:31001"]);
    expect(() => alb.project(task(1, { address: "10.0.2.1" }))).toThrow(
      "in none of the networks of registries.alb.hosts",
    );
  });

  it("two Musters in one group each keep to their own address", async () => {
    const second = { cluster: "default", node: { id: "n2", address: "10.0.0.2" } };
    await using one = openAlb(elb, { options: ips });
    await using two = openAlb(elb, { owner: second, options: ips });

    await Promise.all([pass(one, [task(31_000)]), pass(two, [task(31_000, { address: "10.0.0.2" })])]);
    await pass(one, []);

    expect(held(elb, group)).toEqual(["10.0.0.2:31000"]);
    expect(() => one.project(task(1, { address: "10.0.0.2" }))).toThrow("is not this node's address (10.0.0.1)");
  });
});

describe("which groups", () => {
  it.each([
    ["nobody's", {}, "is not this cluster's: name it in registries.alb.targetGroups or tag it muster:cluster=default"],
    ["another cluster's", { "muster:cluster": "blue" }, "is not this cluster's"],
  ])("%s: a label that names it is refused, with the remedy", async (_, tags, error) => {
    elb.world.addGroup({ name: "theirs", tags });
    await using alb = openAlb(elb, { options });

    const outcomes = await pass(alb, [task(32768, { albTargetGroups: ["theirs"] }), task(32769)]);

    expect(outcomes).toMatchObject([{ ok: false, retry: false, error: expect.stringContaining(error) }, { ok: true }]);
  });

  it("a label leads to a tagged group, by name or ARN, in place of the configured one", async () => {
    const tagged = elb.world.addGroup({ name: "tagged", tags: { "muster:cluster": "default" } });
    await using alb = openAlb(elb, { options });

    await pass(alb, [
      task(32768, { albTargetGroups: ["tagged"] }),
      task(32769, { albTargetGroups: [tagged.arn, "web"] }),
    ]);

    expect(held(elb, tagged)).toEqual([`${MACHINE}:32768`, `${MACHINE}:32769`]);
    expect(held(elb, web)).toEqual([`${MACHINE}:32769`]);
  });

  it("an ARN that is not the named group's is refused", async () => {
    const other = web.arn.replace(/[0-9a-f]{16}$/, "ffffffffffffffff");
    await using alb = openAlb(elb, { options });

    expect(await pass(alb, [task(32768, { albTargetGroups: [other] })])).toMatchObject([
      { ok: false, retry: false, error: expect.stringContaining(`not ${other}`) },
    ]);
  });

  it("a group that is tagged later is found when a label names it", async () => {
    const late = elb.world.addGroup({ name: "late" });
    let now = 0;
    const timing = { now: () => now, wait: async () => {} };
    await using alb = openAlb(elb, { options, timing });
    expect(await pass(alb, [task(32768, { albTargetGroups: ["late"] })])).toMatchObject([{ ok: false }]);

    elb.world.tags.get(late.arn)?.set("muster:cluster", "default");
    now = 15_000;

    expect(await pass(alb, [task(32768, { albTargetGroups: ["late"] })])).toEqual([ok]);
  });

  it("more than a page and more than 20 groups: all tagged ones are found", async () => {
    for (let n = 0; n < 450; n += 1) elb.world.addGroup({ name: `many-${n}` });
    const last = elb.world.addGroup({ name: "last", tags: { "muster:cluster": "default" } });
    put(last, MACHINE, 32768);
    await using alb = openAlb(elb, { options });

    expect(await alb.list(NEVER)).toMatchObject([{ key: "last/10.0.0.1:32768" }]);
  });
});
