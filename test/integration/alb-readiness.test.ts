/** The readiness gate: a task whose health check asks Muster whether the load balancer finds its target healthy. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { type Agent, createApi } from "../../src/http/api.ts";
import type { Fact } from "../../src/model.ts";
import { readinessOf } from "../../src/readiness.ts";
import { createReconciler } from "../../src/reconcile.ts";
import { createWorld } from "../../src/world.ts";
import { health, runningTask, status, synced } from "../facts.ts";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import type { Group } from "../fakes/alb/world.ts";
import { createManualClock, type ManualClock, settled } from "../fakes/clock.ts";
import { createFakeRegistry } from "../fakes/registry.ts";
import { POLICY, silent } from "../reconciling.ts";
import { addMachine, held, MACHINE, NEVER, openAlb, useCredentials } from "./alb-harness.ts";

useCredentials();

const CONTAINER = "0123456789abcdef".repeat(4);
const GATE = { "muster.readiness-gate": "true" };

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

function scene() {
  const alb = openAlb(elb, { options: { targetGroups: { web: "web" }, healthPoll: 1000 }, timing: clock });
  const consul = createFakeRegistry();
  const world = createWorld({ sources: ["docker"] });
  const own = { world, policy: POLICY, clock: systemClock, random: () => 0.5, log: silent };
  const reconcilers = [alb, consul].map((registry) =>
    createReconciler({ ...own, registry, sink: { audit: async () => {} } }),
  );
  const agent = { scopes: () => [{ world, reconcilers }] } as unknown as Agent;
  const app = createApi({ agent, token: async () => "secret", feed: null, log: silent });
  return {
    consul,
    async say(...facts: readonly Fact[]) {
      for (const fact of facts) world.join(fact);
      await settled();
      for (const reconciler of reconcilers) await reconciler.pass(NEVER);
    },
    /** Without any token, as a container asks. */
    async ask(id: string, query = "?registry=alb") {
      const answer = await app.request(`/v1/instances/${encodeURIComponent(id)}/ready${query}`);
      const { detail = "ready" } = (await answer.json()) as { readonly detail?: string };
      return `${answer.status} ${detail}`;
    },
    token: async () => (await app.request("/v1/instances/x")).status,
    async poll() {
      await clock.advance(3_000);
    },
    [Symbol.asyncDispose]: () => alb[Symbol.asyncDispose](),
  };
}

/** As a container that has a health check and starts. */
function starting(labels: Record<string, string>): readonly Fact[] {
  const definition = `container:${CONTAINER}`;
  return runningTask("t1", { labels }).map((fact): Fact => {
    if (fact.kind === "defined") return { ...fact, definition, healthChecked: true };
    if (fact.kind === "assigned") return { ...fact, definition };
    return fact.kind === "health" ? { ...fact, health: "unknown" } : fact;
  });
}

const passing = () => health({ task: "t1", health: "passing", clock: 4 });

describe("a task with the gate", () => {
  it("is registered before its own health check passes, in the target group and nowhere else", async () => {
    await using muster = scene();
    await muster.say(...starting(GATE), synced());

    expect(held(elb, web)).toEqual([`${MACHINE}:32768`]);
    expect(muster.consul.entries.size).toBe(0);

    await muster.say(passing());
    expect(muster.consul.entries.size).toBe(1);
    expect(elb.count("RegisterTargets")).toBe(1);
  });

  it("is told to wait until its target is healthy: by task, container id or host name, without a token", async () => {
    await using muster = scene();
    expect(await muster.ask("t1")).toBe("503 no such instance or task is known, or not yet");
    await muster.say(...starting(GATE), synced());
    for (const id of ["t1", "t1:8080", CONTAINER, CONTAINER.slice(0, 12)]) {
      expect(await muster.ask(id)).toMatch(/^503 alb: its target is initial/);
    }
    expect(await muster.ask(CONTAINER.slice(0, 6))).toMatch("503 no such instance");

    await muster.poll();

    await expect.poll(() => muster.ask(CONTAINER.slice(0, 12))).toBe("200 ready");
    expect(await muster.token()).toBe(401);
  });

  it("waits on while its target is unhealthy, and hears the reason", async () => {
    await using muster = scene();
    await muster.say(...starting(GATE), synced());
    elb.world.setVerdict(web, MACHINE, 32_768, { reason: "Target.ResponseCodeMismatch", description: "404" });
    await muster.poll();

    await expect.poll(() => muster.ask("t1")).toBe("503 alb: its target is unhealthy (Target.ResponseCodeMismatch)");
  });

  it("does not wait for a group in no listener rule, which never becomes healthy", async () => {
    web.isAttached = false;
    await using muster = scene();
    await muster.say(...starting(GATE), synced());
    await muster.poll();

    await expect.poll(() => muster.ask("t1")).toBe("200 ready");
  });

  it("does not come into service where AWS refuses its target", async () => {
    await using muster = scene();
    elb.refuse("RegisterTargets", { code: "InvalidTarget", message: "not here" });
    await muster.say(...starting(GATE), synced());

    expect(await muster.ask("t1")).toMatch(/^503 .*InvalidTarget/);
  });

  it("that turns out sick leaves the group, and so does one that stops before it ever was healthy", async () => {
    for (const fact of [
      health({ task: "t1", health: "failing", clock: 4 }),
      status({ task: "t1", status: "stopping", clock: 4 }),
    ]) {
      await using muster = scene();
      await muster.say(...starting(GATE), synced());
      expect(held(elb, web)).toHaveLength(1);
      await muster.say(fact);
      expect(held(elb, web)).toEqual([]);
      expect(await muster.ask("t1")).toMatch(/^503/);
    }
  });

  it("asking for a registry that is not on is a mistake, and said so", async () => {
    await using muster = scene();
    await muster.say(...starting(GATE), synced());
    expect(await muster.ask("t1", "?registry=elb")).toBe("400 registry: expected one that is on: alb, fake");
  });
});

describe("a task without the gate", () => {
  it("is registered only when its health check passes", async () => {
    await using muster = scene();
    await muster.say(...starting({}), synced());
    expect(held(elb, web)).toEqual([]);
    expect(await muster.ask("t1")).toBe("503 alb: pending");

    await muster.say(passing());
    expect(held(elb, web)).toHaveLength(1);
  });
});

describe("readiness", () => {
  it.each([
    ["registered, and nobody checks it", "ready", { state: "registered" as const }, true],
    ["not applicable here", "ready", { state: "not-applicable" as const }, true],
    ["refused", "ready", { state: "failed" as const, error: "alb: no" }, false],
    ["draining", "draining", { state: "registered" as const }, false],
    ["no checks", "ready", { state: "registered" as const, detail: { target: { state: "unavailable" } } }, true],
    ["on its way out", "ready", { state: "registered" as const, detail: { target: { state: "draining" } } }, false],
    [
      "stopped",
      "ready",
      { state: "registered" as const, detail: { target: { state: "unused", reason: "Target.InvalidState" } } },
      false,
    ],
  ] as const)("%s", (_case, state, view, ready) => {
    expect(readinessOf({ state }, [{ registry: "alb", view: { error: null, ...view } }]).ready).toBe(ready);
  });
});
