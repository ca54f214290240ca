/** The leader of a swarm and the rules of its services: it goes by its own facts, and takes nothing that it can't know. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Fact, Registration } from "../../src/model.ts";
import { createReconciler } from "../../src/reconcile.ts";
import { serviceLevelOf } from "../../src/service-level.ts";
import { createWorld } from "../../src/world.ts";
import { addressed, assigned, binding, defined, gone, node, status, synced } from "../facts.ts";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import type { Group } from "../fakes/alb/world.ts";
import { createManualClock } from "../fakes/clock.ts";
import { POLICY, silent } from "../reconciling.ts";
import { held, NEVER, openAlb, put, useCredentials } from "./alb-harness.ts";

useCredentials();

const HOST = { "muster.route.host": "web.example" };
const SWARM = "swarm";
let elb: FakeElb;
let web: Group;
let listener: string;

beforeEach(async () => {
  elb = await startFakeElb();
  listener = elb.world.routing.addListener();
});

afterEach(async () => {
  await elb[Symbol.asyncDispose]();
});

const rules = () => elb.world.routing.of(listener).length;

function open() {
  const settings = { targetGroups: { web: "web" }, rules: { listeners: [listener], from: 1000 } };
  const owner = { cluster: "default", node: { id: "~cluster", address: "10.0.0.1" } };
  return openAlb(elb, { owner, options: settings, nodeSource: SWARM });
}

/** One term of leadership. */
function lead() {
  const alb = open();
  const world = createWorld({ sources: [SWARM], awaitsInherited: true });
  const registry = serviceLevelOf(alb, new Set([SWARM]));
  const sink = { audit: async () => {} };
  const parts = { policy: POLICY, sink, clock: createManualClock(), random: () => 0.5, log: silent };
  const reconciler = createReconciler({ ...parts, registry, world, nodeSource: SWARM });
  let clock = 1;
  return {
    say(...facts: readonly Fact[]) {
      clock += 1;
      for (const fact of facts) world.join({ ...fact, source: SWARM, clock });
      world.flush();
    },
    connection: (state: "connected" | "disconnected") =>
      world.join({ kind: "source", source: SWARM, clock, at: 0, via: "test", state, error: null }),
    /** With a full listing first, until there is nothing more to do. */
    async pass() {
      reconciler.resync();
      for (let n = 0; n < 3; n += 1) await reconciler.pass(NEVER);
    },
    [Symbol.asyncDispose]: () => alb[Symbol.asyncDispose](),
  };
}

/** @param labels of the service; `told`: of its containers */
function service(labels: Record<string, string>, told: Record<string, string> = {}, version = "1"): readonly Fact[] {
  const base = { app: "swarm:s1", name: "web", version };
  return [
    defined({ ...base, definition: "service:s1", standing: true, labels }),
    defined({ ...base, definition: `containers:s1@${JSON.stringify(told)}`, labels: told }),
  ];
}

function task(name: string, nodeId: number, port: number, told: Record<string, string> = {}): readonly Fact[] {
  const at = { node: `n${nodeId}`, address: `10.0.0.${nodeId}` };
  return [
    node(at),
    assigned({
      ...{ task: name, node: at.node, definition: `containers:s1@${JSON.stringify(told)}`, inherits: "service:s1" },
    }),
    addressed({ task: name, bindings: [binding({ hostPort: port })] }),
    status({ task: name }),
  ];
}

const TASKS = [...task("t1", 2, 32_768), ...task("t2", 3, 32_768), ...task("t3", 3, 32_769)];
const LISTED = synced({ trust: "whole", floor: 0 });

describe.each(["instance", "ip"] as const)("in groups of type %s", (type) => {
  /** What AWS calls a node. */
  const machine = (nodeId: number) => (type === "ip" ? `10.0.0.${nodeId}` : `i-0000000${nodeId}`);

  beforeEach(() => {
    web = elb.world.addGroup({ name: "web", type });
    for (const [nodeId, port] of [
      [2, 32_768],
      [3, 32_768],
      [3, 32_769],
    ] as const)
      put(web, machine(nodeId), port);
  });

  async function started() {
    const leader = lead();
    leader.connection("connected");
    leader.say(...service(HOST), ...TASKS, LISTED);
    await leader.pass();
    expect(rules()).toBe(1);
    return leader;
  }

  it("a rule whose label was removed goes, though the nodes' targets stay, which are none of the leader's", async () => {
    await using leader = await started();
    const before = held(elb, web);
    leader.say(...service({}));
    await leader.pass();
    expect(rules()).toBe(0);
    expect(held(elb, web)).toEqual(before);
    expect(elb.calls.map(({ action }) => action)).not.toContain("DeregisterTargets");
  });

  it("of two routes only the one goes that is not asked for any more", async () => {
    await using leader = await started();
    leader.say(...service({ ...HOST, "muster.route.path": "/a,/b" }));
    await leader.pass();
    expect(rules()).toBe(2);
    leader.say(...service({ ...HOST, "muster.route.path": "/b" }));
    await leader.pass();
    const left = elb.world.routing.of(listener).map(({ conditions }) => conditions.flatMap(({ values }) => values));
    expect(left).toEqual([["web.example", "/b", "/b/*"]]);
  });

  it("stays while anything else is in its group: a plain container with labels of its own may need it", async () => {
    await using leader = await started();
    put(web, machine(4), 32_768);
    leader.say(...service({}));
    await leader.pass();
    expect(rules()).toBe(1);
    web.targets.delete(`${machine(4)}:32768`);
    put(web, machine(2), 40_000);
    await leader.pass();
    expect(rules(), "on a node of the service as well").toBe(1);
    web.targets.delete(`${machine(2)}:40000`);
    await leader.pass();
    expect(rules()).toBe(0);
  });

  it("stays where this leader never saw it asked for: an image may do so, or it was removed under another leader", async () => {
    const first = await started();
    await first[Symbol.asyncDispose]();
    await using leader = lead();
    leader.connection("connected");
    leader.say(...service({}), ...TASKS, LISTED);
    await leader.pass();
    expect(rules()).toBe(1);
    web.targets.clear();
    await leader.pass();
    expect(rules(), "the last target has gone").toBe(0);
  });

  it("stays before the first listing is complete, and while the leader is cut off from the managers", async () => {
    await using leader = await started();
    leader.connection("disconnected");
    leader.say(...service({}));
    await leader.pass();
    expect(rules()).toBe(1);
    leader.connection("connected");
    await leader.pass();
    expect(rules()).toBe(0);

    await using next = lead();
    elb.world.routing.rules.clear();
    next.connection("connected");
    next.say(...service(HOST), ...TASKS, LISTED);
    await next.pass();
    await using late = lead();
    late.connection("connected");
    late.say(...service(HOST), ...TASKS);
    late.say(...service({}));
    await late.pass();
    expect(rules()).toBe(1);
  });

  it("a label of containers counts until the last of those that were made with it has ended", async () => {
    await using leader = lead();
    leader.connection("connected");
    const old = [...task("t1", 2, 32_768, HOST), ...task("t2", 3, 32_768, HOST), ...task("t3", 3, 32_769, HOST)];
    leader.say(...service({}, HOST), ...old, LISTED);
    await leader.pass();
    expect(rules()).toBe(1);

    leader.say(...service({}, {}, "2"), ...task("t4", 2, 33_000));
    put(web, machine(2), 33_000);
    await leader.pass();
    expect(rules()).toBe(1);

    leader.say(...["t1", "t2", "t3"].map((each) => gone({ task: each })));
    await leader.pass();
    expect(rules(), "their targets are not out yet").toBe(1);
    web.targets.clear();
    put(web, machine(2), 33_000);
    await leader.pass();
    expect(rules()).toBe(0);
  });

  it("stays while the service has no task that could ask for it", async () => {
    await using leader = await started();
    leader.say(...["t1", "t2", "t3"].map((each) => gone({ task: each })));
    web.targets.clear();
    await leader.pass();
    expect(rules()).toBe(1);
  });

  it("what has come to the group since it was judged is refused", async () => {
    await (await started())[Symbol.asyncDispose]();
    await using alb = open();
    const judged = (await alb.list(NEVER)).find(({ instance }) => instance === null) as Registration;
    const remove = (before: Registration) =>
      alb.apply([{ op: "deregister", key: before.key, before, after: null }], NEVER);
    expect(judged.users).toHaveLength(3);
    const refusal = { ok: false, retry: false, ambiguous: true };

    expect(await remove(judged)).toMatchObject([refusal]);
    put(web, machine(5), 80);
    expect(await remove({ ...judged, inUse: false })).toMatchObject([
      { ...refusal, error: expect.stringContaining(`still used by 1 on other machines, e.g. ${machine(5)}:80/tcp`) },
    ]);
    web.targets.delete(`${machine(5)}:80`);
    web.targets.delete(`${machine(2)}:32768`);
    expect(await remove({ ...judged, inUse: false })).toEqual([{ ok: true }]);
  });
});
