/** The ALB adapter under the core's own loop: what a node's start, its tasks and their ports do to target groups. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { Fact } from "../../src/model.ts";
import { createReconciler } from "../../src/reconcile.ts";
import { createWorld } from "../../src/world.ts";
import { gone, runningTask, synced } from "../facts.ts";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import type { Group } from "../fakes/alb/world.ts";
import { settled } from "../fakes/clock.ts";
import { POLICY, silent } from "../reconciling.ts";
import { addMachine, held, MACHINE, NEVER, openAlb, useCredentials } from "./alb-harness.ts";

useCredentials();

let elb: FakeElb;
let web: Group;
let api: Group;

beforeEach(async () => {
  elb = await startFakeElb();
  addMachine(elb);
  web = elb.world.addGroup({ name: "web" });
  api = elb.world.addGroup({ name: "api", tags: { "muster:cluster": "default" } });
});

afterEach(async () => {
  await elb[Symbol.asyncDispose]();
});

function scene() {
  const registry = openAlb(elb, { options: { targetGroups: { web: "web", api: "api" } } });
  const world = createWorld({ sources: ["docker"] });
  const reconciler = createReconciler({
    ...{ registry, world, policy: POLICY, clock: systemClock, random: () => 0.5, log: silent },
    sink: { audit: async () => {} },
  });
  return {
    registry,
    world,
    async say(...facts: readonly Fact[]) {
      for (const fact of facts) world.join(fact);
      await settled();
    },
    pass: () => reconciler.pass(NEVER),
    view: () => reconciler.view(),
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}

function put(group: Group, port: number): void {
  const target = { id: MACHINE, port, registeredAt: 0, deregisteredAt: null, verdict: "healthy" as const };
  group.targets.set(`${MACHINE}:${port}`, target);
}

describe("a start", () => {
  it("never sends A's traffic to B: a stale target of a re-used port goes first, however many are stale", async () => {
    for (let n = 0; n < 20; n += 1) put(api, 32_768 + n);
    await using muster = scene();
    await muster.say(...runningTask("t1", { hostPort: 32_768 }), synced());

    await muster.pass();

    expect(held(elb, api)).not.toContain(`${MACHINE}:32768`);
    expect(held(elb, web)).toEqual([`${MACHINE}:32768`]);
    const writes = elb.calls.filter(({ action }) => !action.startsWith("Describe")).map(({ action }) => action);
    expect(writes.indexOf("DeregisterTargets")).toBeLessThan(writes.indexOf("RegisterTargets"));
  });

  it("writes nothing for what is there already: a new Muster takes over", async () => {
    put(web, 32_768);
    await using muster = scene();
    await muster.say(...runningTask("t1", { hostPort: 32_768 }), synced());

    await muster.pass();

    expect(elb.calls.filter(({ action }) => !action.startsWith("Describe"))).toEqual([]);
    expect(muster.view()).toMatchObject({ state: "synced", registered: 1 });
  });

  it("removes what no task stands behind", async () => {
    put(web, 40_000);
    await using muster = scene();
    await muster.say(...runningTask("t1", { hostPort: 32_768 }), synced());

    await muster.pass();

    expect(held(elb, web)).toEqual([`${MACHINE}:32768`]);
  });
});

describe("tasks that come and go", () => {
  it("1 → 6 → 2: one call per direction, and no read", async () => {
    await using muster = scene();
    await muster.say(...runningTask("t1", { hostPort: 32_001 }), synced());
    await muster.pass();
    const reads = elb.count("DescribeTargetHealth");

    await muster.say(...[2, 3, 4, 5, 6].flatMap((n) => runningTask(`t${n}`, { hostPort: 32_000 + n })));
    await muster.pass();
    expect(held(elb, web)).toHaveLength(6);
    await muster.say(...[3, 4, 5, 6].map((n) => gone({ task: `t${n}` })));
    await muster.pass();

    expect(held(elb, web)).toEqual([`${MACHINE}:32001`, `${MACHINE}:32002`]);
    expect(elb.count("RegisterTargets")).toBe(2);
    expect(elb.count("DeregisterTargets")).toBe(1);
    expect(elb.count("DescribeTargetHealth")).toBe(reads);
  });

  it("one after another on one host port: the target stays for the second", async () => {
    await using muster = scene();
    await muster.say(...runningTask("t1", { hostPort: 32_001 }), synced());
    await muster.pass();

    await muster.say(gone({ task: "t1" }), ...runningTask("t2", { hostPort: 32_001, clock: 2 }));
    await muster.pass();

    expect(held(elb, web)).toEqual([`${MACHINE}:32001`]);
  });

  it("one after another on one host port, told in the wrong order: the target stays for the second", async () => {
    await using muster = scene();
    await muster.say(...runningTask("t1", { hostPort: 32_001 }), synced());
    await muster.pass();

    await muster.say(...runningTask("t2", { hostPort: 32_001, clock: 2 }));
    await muster.pass();
    await muster.say(gone({ task: "t1" }));
    await muster.pass();

    expect(held(elb, web)).toEqual([`${MACHINE}:32001`]);
  });
});
