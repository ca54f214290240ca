/**
 * The move from a monolith to microservices as the showcase does it on ECS, with Muster: `api` serves everything, then
 * `users`, `threads` and `posts` take over a path each, then an empty group drops the traffic that is left, and the
 * monolith is turned off. Weights are set by hand on Muster's rule; Muster must never set them back.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Instance } from "../../src/model.ts";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import { answerOf } from "../fakes/alb/traffic.ts";
import type { Group } from "../fakes/alb/world.ts";
import { addMachine, openAlb, pass, task, useCredentials } from "./alb-harness.ts";

useCredentials();

const SERVICES = ["users", "threads", "posts"] as const;
let elb: FakeElb;
let listener: string;
let groups: Readonly<Record<string, Group>>;

beforeEach(async () => {
  elb = await startFakeElb();
  addMachine(elb);
  listener = elb.world.routing.addListener();
  // All of them are known to Muster, the empty one as well: none of that may tempt it to put weights right.
  const tags = { "muster:cluster": "default" };
  const names = ["drop-traffic", "api", ...SERVICES];
  groups = Object.fromEntries(names.map((name) => [name, elb.world.addGroup({ name, tags, attached: false })]));
});
afterEach(async () => {
  await elb[Symbol.asyncDispose]();
});

function open() {
  const names = ["api", ...SERVICES];
  const targetGroups = Object.fromEntries(names.map((name) => [name, name]));
  return openAlb(elb, { options: { targetGroups, rules: { listeners: [listener], from: 1000 } } });
}

function instanceOf(service: string, port: number): Instance {
  const path = service === "api" ? "/api" : `/api/${service}`;
  const routes = [{ hosts: [], paths: [path], stripPath: false, priority: null }];
  return task(port, { service, app: service, routes });
}

const MONOLITH = [instanceOf("api", 32_001), instanceOf("api", 32_002)];
const MICROSERVICES = SERVICES.map((service, n) => instanceOf(service, 32_010 + n));

const ask = (path: string, at = 0) => answerOf(elb.world, listener, { path, at });

function monolithsRule() {
  const rules = elb.world.routing.of(listener);
  const found = rules.find(({ conditions }) => conditions.some(({ values }) => values.includes("/api/*")));
  if (found === undefined) throw new Error("the monolith has no rule");
  return found;
}

/** As an operator does with `aws elbv2 modify-rule`, in the order given. */
function setWeights(weights: Readonly<Record<string, number>>): void {
  const forward = Object.entries(weights).map(([name, weight]) => [groups[name]?.arn ?? "", weight] as const);
  monolithsRule().forward = new Map(forward);
}

describe("a monolith's cut-over", () => {
  it("goes from everything in one to three services, and drops what is left, without one write against the weights", async () => {
    await using alb = open();
    await pass(alb, MONOLITH);
    expect(["/api/users", "/api/threads/1", "/api/else"].map((path) => ask(path))).toEqual(["api", "api", "api"]);

    await pass(alb, [...MONOLITH, ...MICROSERVICES]);
    expect(SERVICES.map((service) => ask(`/api/${service}/1`))).toEqual([...SERVICES]);
    expect(ask("/api/else")).toBe("api");
    expect(ask("/api/usersome")).toBe("api");

    setWeights({ "drop-traffic": 10, api: 90 });
    expect(await pass(alb, [...MONOLITH, ...MICROSERVICES])).toEqual([]);
    expect([ask("/api/else", 0.05), ask("/api/else", 0.5)]).toEqual(["503", "api"]);

    setWeights({ api: 0, "drop-traffic": 1 });
    expect(await pass(alb, [...MONOLITH, ...MICROSERVICES])).toEqual([]);
    expect(ask("/api/else", 0.99)).toBe("503");
    expect(SERVICES.map((service) => ask(`/api/${service}`))).toEqual([...SERVICES]);

    await pass(alb, MICROSERVICES);
    expect(ask("/api/else")).toBe("404");
    expect(SERVICES.map((service) => ask(`/api/${service}`))).toEqual([...SERVICES]);
    expect(elb.count("ModifyRule")).toBe(0);
  });

  it("can be taken back at any time: the weights back, and the monolith serves again", async () => {
    await using alb = open();
    await pass(alb, [...MONOLITH, ...MICROSERVICES]);
    setWeights({ api: 0, "drop-traffic": 1 });
    await pass(alb, [...MONOLITH, ...MICROSERVICES]);

    setWeights({ api: 1 });
    expect(await pass(alb, MONOLITH)).not.toEqual([]);

    expect([...SERVICES, "else"].map((path) => ask(`/api/${path}`))).toEqual(["api", "api", "api", "api"]);
  });

  it("goes on while the monolith is scaled and updated: its targets change, the weights stay", async () => {
    await using alb = open();
    await pass(alb, MONOLITH);
    setWeights({ users: 50, api: 50 });
    await pass(alb, [...MONOLITH, ...MICROSERVICES]);

    for (const port of [33_001, 33_002, 33_003]) await pass(alb, [instanceOf("api", port), ...MICROSERVICES]);

    expect([...monolithsRule().forward.values()]).toEqual([50, 50]);
    expect([ask("/api/x", 0.2), ask("/api/x", 0.7)]).toEqual(["users", "api"]);
  });

  it("outlives Muster: another one finds the weights as they are", async () => {
    await using first = open();
    await pass(first, [...MONOLITH, ...MICROSERVICES]);
    setWeights({ "drop-traffic": 70, api: 30 });

    await using second = open();
    const all = [...MONOLITH, ...MICROSERVICES];
    for (const each of all) second.project(each);
    expect(await pass(second, all)).toEqual([]);
  });

  it("that forgets the service's own group is no split: Muster gives the rule back to its service", async () => {
    await using alb = open();
    await pass(alb, MONOLITH);
    setWeights({ "drop-traffic": 1 });

    await pass(alb, MONOLITH);

    expect(ask("/api/else")).toBe("api");
  });
});
