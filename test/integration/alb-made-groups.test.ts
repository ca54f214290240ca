/** Target groups that Muster makes for services with routes, where the configuration names the listeners and the VPC. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { madeName } from "../../adapters/registries/alb/made-spec.ts";
import { systemClock } from "../../src/clock.ts";
import type { Fact, Instance, Outcome } from "../../src/model.ts";
import { createReconciler } from "../../src/reconcile.ts";
import { createWorld } from "../../src/world.ts";
import { gone, runningTask, synced } from "../facts.ts";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import { answerOf } from "../fakes/alb/traffic.ts";
import type { Group } from "../fakes/alb/world.ts";
import { createManualClock, type ManualClock, settled } from "../fakes/clock.ts";
import { POLICY, silent } from "../reconciling.ts";
import {
  addMachine,
  held,
  MACHINE,
  NEVER,
  type OpenOptions,
  openAlb,
  pass,
  task,
  useCredentials,
} from "./alb-harness.ts";

useCredentials();

const ok: Outcome = { ok: true };
const NAME = madeName("default", "cart");
let clock: ManualClock;
let elb: FakeElb;
let listener: string;

beforeEach(async () => {
  clock = createManualClock();
  elb = await startFakeElb({ now: clock.now });
  addMachine(elb);
  listener = elb.world.routing.addListener();
});
afterEach(async () => {
  await elb[Symbol.asyncDispose]();
});

function open({ options = {}, ...how }: OpenOptions = {}) {
  const groups = { vpc: "vpc-12345678", type: "instance" as const, healthPath: "/", drain: 30_000 };
  const rules = { listeners: [listener], from: 1000, groups };
  return openAlb(elb, { ...how, options: { rules, ...options } });
}

function instance(port: number, changes: Partial<Instance> = {}): Instance {
  const routes = [{ hosts: [], paths: ["/cart"], stripPath: false, priority: null }];
  return task(port, { service: "cart", routes, ...changes });
}

function groupCalled(name: string): Group | undefined {
  return [...elb.world.groups.values()].find((group) => group.name === name);
}

function made(): Group {
  const found = groupCalled(NAME);
  if (found === undefined) throw new Error("no group was made");
  return found;
}

const writes = () => elb.calls.map(({ action }) => action).filter((action) => !action.startsWith("Describe"));

describe("a group", () => {
  it("is made with its tags before the rule and the targets, and is then served", async () => {
    await using alb = open();
    expect(await pass(alb, [instance(32_768)])).toEqual([ok, ok, ok]);

    expect(writes()).toEqual(["CreateTargetGroup", "ModifyTargetGroupAttributes", "CreateRule", "RegisterTargets"]);
    expect(Object.fromEntries(elb.world.tags.get(made().arn) ?? [])).toEqual({
      "muster:cluster": "default",
      "muster:service": "cart",
    });
    expect(made().attributes.get("deregistration_delay.timeout_seconds")).toBe("30");
    expect(held(elb, made())).toEqual([`${MACHINE}:32768`]);
    expect(answerOf(elb.world, listener, { path: "/cart/1" })).toBe(NAME);
    expect(await pass(alb, [instance(32_768)])).toEqual([]);
  });

  it("has the health path and the drain time of its service, and follows them", async () => {
    await using alb = open();
    const http = { target: "/health", method: "GET", interval: null, timeout: null, deregisterAfter: null, ttl: null };
    const tls = { use: false, skipVerify: false };
    const checks = [{ ...http, type: "http" as const, tls, initialStatus: null }];
    await pass(alb, [instance(32_768, { checks, drain: 4_500 })]);
    expect(made().settings.get("HealthCheckPath")).toBe("/health");
    expect(made().attributes.get("deregistration_delay.timeout_seconds")).toBe("5");

    await pass(alb, [instance(32_768, { drain: 60_000 })]);

    expect(made().settings.get("HealthCheckPath")).toBe("/");
    expect(made().attributes.get("deregistration_delay.timeout_seconds")).toBe("60");
    expect(await pass(alb, [instance(32_768, { drain: 60_000 })])).toEqual([]);
  });

  it("is not made for a service that has one, by configuration or label, nor for one without routes", async () => {
    const web = elb.world.addGroup({ name: "web" });
    await using alb = open({ options: { targetGroups: { web: "web" } } });
    await pass(alb, [
      instance(32_768, { service: "web" }),
      instance(32_769, { service: "cart", albTargetGroups: ["web"], routes: [] }),
      instance(32_770, { service: "plain", routes: [] }),
    ]);

    expect([...elb.world.groups.values()]).toEqual([web]);
  });

  it("is found and taken over by the next Muster, and by one that does not look for tagged groups", async () => {
    await using first = open();
    await pass(first, [instance(32_768)]);
    for (const discover of [true, false]) {
      await using next = open({ options: { discover } });
      next.project(instance(32_768));
      expect(await pass(next, [instance(32_768)])).toEqual([]);
    }
  });

  it("is made by two Musters at the same moment, and there is one", async () => {
    const second = { cluster: "default", node: { id: "n2", address: "10.0.0.2" } };
    addMachine(elb, "i-00000002");
    await using one = open();
    await using two = open({ owner: second, options: { instanceId: "i-00000002" } });

    await Promise.all([pass(one, [instance(32_768)]), pass(two, [instance(32_768, { address: "10.0.0.2" })])]);

    expect(elb.world.groups.size).toBe(1);
    expect(held(elb, made())).toEqual([`${MACHINE}:32768`, "i-00000002:32768"]);
  });

  it("that somebody removed behind our back is made again", async () => {
    await using alb = open();
    await pass(alb, [instance(32_768)]);
    elb.world.routing.rules.clear();
    elb.world.removeGroup(made().arn);

    await expect
      .poll(async () => {
        await pass(alb, [instance(32_768)]);
        return groupCalled(NAME) === undefined ? [] : held(elb, made());
      })
      .toEqual([`${MACHINE}:32768`]);
  });

  it("the quota of groups is told of, and harms no other service", async () => {
    const web = elb.world.addGroup({ name: "web" });
    elb.world.quotas.groups = 1;
    await using alb = open({ options: { targetGroups: { web: "web" } } });

    const outcomes = await pass(alb, [instance(32_768), task(32_769)]);

    const errors = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error]));
    expect(errors[0]).toContain("raise the quota of target groups per region");
    expect(held(elb, web)).toEqual([`${MACHINE}:32769`]);
  });

  it("a stranger's group of that very name is left alone, and the service told of it", async () => {
    const theirs = elb.world.addGroup({ name: NAME });
    await using alb = open();

    const outcomes = await pass(alb, [instance(32_768)]);

    expect(outcomes.every((outcome) => !outcome.ok)).toBe(true);
    expect(held(elb, theirs)).toEqual([]);
    expect(writes()).toEqual([]);
  });
});

describe("the end of a service", () => {
  function scene() {
    const alb = open({ timing: clock });
    const world = createWorld({ sources: ["docker"] });
    const reconciler = createReconciler({
      ...{ registry: alb, world, policy: POLICY, clock: systemClock, random: () => 0.5, log: silent },
      sink: { audit: async () => {} },
    });
    return {
      async say(...facts: readonly Fact[]) {
        for (const fact of facts) world.join(fact);
        await settled();
        await this.pass();
      },
      async pass() {
        reconciler.resync();
        const passed = reconciler.pass(NEVER);
        // The account's limits on calls go by the same clock.
        let isOver = false;
        void passed.finally(() => {
          isOver = true;
        });
        while (!isOver) await clock.advance(100);
        await passed;
      },
      view: () => reconciler.view(),
      [Symbol.asyncDispose]: () => alb[Symbol.asyncDispose](),
    };
  }

  const labels = { "muster.name": "cart", "muster.route.path": "/cart" };

  it("takes targets, then the rule, and the group once nothing drains in it", async () => {
    await using muster = scene();
    await muster.say(...runningTask("t1", { labels }), synced());
    expect(held(elb, made())).toHaveLength(1);

    await muster.say(gone({ task: "t1" }));
    expect(elb.world.routing.of(listener)).toEqual([]);
    expect(elb.world.seen(made())).toMatchObject([{ state: "draining" }]);

    await clock.advance(31_000);
    // What was refused while it drained is tried again after a pause.
    await expect.poll(() => muster.pass().then(() => elb.world.groups.size), { timeout: 10_000 }).toBe(0);
    expect(muster.view()).toMatchObject({ state: "synced", failed: 0 });
  });

  it("leaves a group in which another machine has targets, and one that is not ours", async () => {
    const theirs = elb.world.addGroup({ name: "theirs", tags: { "muster:cluster": "default" } });
    await using muster = scene();
    await muster.say(...runningTask("t1", { labels }), synced());
    addMachine(elb, "i-00000002");
    const target = {
      id: "i-00000002",
      port: 40_000,
      registeredAt: 0,
      deregisteredAt: null,
      verdict: "healthy" as const,
    };
    made().targets.set("i-00000002:40000", target);

    await muster.say(gone({ task: "t1" }));
    await clock.advance(31_000);
    await muster.pass();
    expect(groupCalled(NAME)).toBeDefined();

    made().targets.clear();
    await expect.poll(() => muster.pass().then(() => elb.world.groups.size), { timeout: 10_000 }).toBe(1);
    expect([...elb.world.groups.values()]).toEqual([theirs]);
  });

  it("leaves a group that somebody put into a rule of his own, and says where it still is", async () => {
    await using muster = scene();
    await muster.say(...runningTask("t1", { labels }), synced());
    const arn = `${listener.replace(":listener/", ":listener-rule/")}/e1`;
    const conditions = [{ field: "path-pattern", values: ["/old"] }];
    elb.world.routing.rules.set(arn, { arn, listener, priority: 1, conditions, forward: new Map([[made().arn, 1]]) });
    elb.world.tags.set(arn, new Map());

    await muster.say(gone({ task: "t1" }));
    await clock.advance(31_000);
    await muster.pass();

    expect(groupCalled(NAME)).toBeDefined();
    expect(elb.world.routing.rules.has(arn)).toBe(true);
  });
});

describe("names", () => {
  it.each([
    "web",
    "a-very-long-service-name-that-goes-on-and-on-and-on-0123456789",
    "-_-",
    "internal-api",
    "Ü",
    "a.b/c",
  ])("of %s are what AWS takes", (service) => {
    expect(madeName("default", service)).toMatch(/^(?!internal-)[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])$/);
  });

  it("differ where clusters or services do, however similar", () => {
    const pairs = [
      ["a", "b-c"],
      ["a-b", "c"],
      ["a", "b_c"],
      ["a", "b.c"],
      ["a", `${"x".repeat(40)}1`],
      ["a", `${"x".repeat(40)}2`],
    ] as const;
    expect(new Set(pairs.map(([cluster, service]) => madeName(cluster, service))).size).toBe(pairs.length);
  });
});
