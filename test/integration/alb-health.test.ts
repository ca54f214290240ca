/** How targets are, from registration to the end of draining, and what to do where they get no traffic. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { instance } from "../conformance/registry/fleet.ts";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import type { Group } from "../fakes/alb/world.ts";
import { createManualClock, type ManualClock } from "../fakes/clock.ts";
import { addMachine, MACHINE, NEVER, openAlb, pass, useCredentials } from "./alb-harness.ts";

useCredentials();

let clock: ManualClock;
let elb: FakeElb;
let web: Group;

beforeEach(async () => {
  clock = createManualClock();
  elb = await startFakeElb({ now: clock.now });
  addMachine(elb);
  web = elb.world.addGroup({ name: "web" });
});

afterEach(async () => {
  await elb[Symbol.asyncDispose]();
});

const options = { targetGroups: { web: "web" }, healthPoll: 10_000 };
const KEY = "web/10.0.0.1:10001";
const TIMEOUT = { reason: "Target.Timeout", description: "Request timed out" };

function open(changes = {}) {
  return openAlb(elb, { options: { ...options, ...changes }, timing: clock });
}

/** Lets one poll come and go. */
async function poll(): Promise<void> {
  const before = elb.count("DescribeTargetHealth");
  await clock.advance(10_000);
  await expect.poll(() => elb.count("DescribeTargetHealth")).toBeGreaterThan(before);
}

describe("a target", () => {
  it("is initial, then healthy, and after that nobody asks any more", async () => {
    await using alb = open();
    await pass(alb, [instance(1)]);
    expect(alb.detail(KEY)).toMatchObject({ target: { state: "initial", hint: null } });

    await poll();
    await expect.poll(() => alb.detail(KEY)).toMatchObject({ target: { state: "healthy", reason: null, hint: null } });

    const asked = elb.count("DescribeTargetHealth");
    await clock.advance(120_000);
    expect(elb.count("DescribeTargetHealth")).toBe(asked);
  });

  it("drains for the group's delay, and then is unused: what drain --wait waits for", async () => {
    await using alb = open();
    await pass(alb, [instance(1)]);
    await pass(alb, []);
    expect(alb.detail(KEY)).toMatchObject({ target: { state: "draining", reason: "Target.DeregistrationInProgress" } });

    await poll();
    expect(alb.detail(KEY)).toMatchObject({ target: { state: "draining" } });

    await clock.advance(300_000);
    await expect
      .poll(() => alb.detail(KEY))
      .toMatchObject({ target: { state: "unused", reason: "Target.NotRegistered" } });
  });

  it("that is unused tells of the listener rule that is missing, and is not waited for", async () => {
    web.isAttached = false;
    await using alb = open();
    await pass(alb, [instance(1)]);
    await poll();

    await expect
      .poll(() => alb.detail(KEY))
      .toMatchObject({
        target: { state: "unused", reason: "Target.NotInUse", hint: expect.stringContaining("in no listener rule") },
      });
    expect(await alb.list(NEVER)).toHaveLength(1);
  });

  it("that times out like all others hints at the security group; one alone does not", async () => {
    await using alb = open();
    await pass(alb, [instance(1), instance(2)]);
    elb.world.setVerdict(web, MACHINE, 10_001, TIMEOUT);
    await poll();
    await expect
      .poll(() => alb.detail(KEY))
      .toMatchObject({
        target: { state: "unhealthy", description: "Request timed out", hint: expect.stringContaining("overloaded") },
      });

    elb.world.setVerdict(web, MACHINE, 10_002, TIMEOUT);
    await alb.list(NEVER);

    expect(alb.detail(KEY)).toMatchObject({ target: { hint: expect.stringContaining("security group") } });
  });

  it("nobody knows has no detail", async () => {
    await using alb = open();
    expect(alb.detail("web/10.0.0.1:1")).toBeNull();
  });
});

describe("a poll", () => {
  it("asks only for what is on its way, of groups with local tasks", async () => {
    elb.world.addGroup({ name: "other", tags: { "muster:cluster": "default" } });
    await using alb = open();
    await pass(alb, [instance(1)]);
    await poll();
    await expect.poll(() => alb.detail(KEY)).toMatchObject({ target: { state: "healthy" } });
    await pass(alb, [instance(1), instance(2)]);
    await poll();

    const last = elb.calls.at(-1);
    expect(last?.form.text("TargetGroupArn")).toBe(web.arn);
    expect(last?.form.items("Targets").map((target) => target.number("Port"))).toEqual([10_002]);
  });

  it("that fails is no news: the target keeps its state, and is asked for again", async () => {
    await using alb = open();
    await pass(alb, [instance(1)]);
    elb.failReads({ kind: "answer", status: 500 });
    await poll();
    expect(alb.detail(KEY)).toMatchObject({ target: { state: "initial" } });

    elb.failReads(null);
    await poll();

    await expect.poll(() => alb.detail(KEY)).toMatchObject({ target: { state: "healthy" } });
  });

  it("is stretched where many Musters share the account's calls", async () => {
    await using alb = open({ musters: 100 });
    await pass(alb, [instance(1)]);
    const asked = elb.count("DescribeTargetHealth");
    await clock.advance(15_000);

    expect(elb.count("DescribeTargetHealth")).toBe(asked);
  });

  it("is off with healthPoll: 0s", async () => {
    await using alb = open({ healthPoll: 0 });
    await pass(alb, [instance(1)]);
    const asked = elb.count("DescribeTargetHealth");
    await clock.advance(600_000);

    expect(elb.count("DescribeTargetHealth")).toBe(asked);
  });
});
