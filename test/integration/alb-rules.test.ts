/** Listener rules from routes: what they say, where they stand, and that those of others stay. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Instance, Outcome, Route } from "../../src/model.ts";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import type { Group } from "../fakes/alb/world.ts";
import { addMachine, NEVER, openAlb, pass, task, useCredentials } from "./alb-harness.ts";

useCredentials();

const ok: Outcome = { ok: true };
let elb: FakeElb;
let web: Group;
let listener: string;

beforeEach(async () => {
  elb = await startFakeElb();
  addMachine(elb);
  web = elb.world.addGroup({ name: "web", attached: false });
  listener = elb.world.routing.addListener();
});

afterEach(async () => {
  await elb[Symbol.asyncDispose]();
});

function open() {
  const rules = { listeners: [listener], from: 1000 };
  return openAlb(elb, { options: { targetGroups: { web: "web", api: "web" }, rules } });
}

function route(changes: Partial<Route> = {}): Route {
  return { hosts: [], paths: [], stripPath: false, priority: null, ...changes };
}

function routed(...routes: readonly Route[]): Instance {
  return task(32_768, { routes });
}

/** As the load balancer tries them: values of the conditions, by priority. */
function rules(): readonly string[] {
  return elb.world.routing.of(listener).map(({ conditions }) => conditions.flatMap(({ values }) => values).join(" "));
}

function putRule(priority: number, path: string): string {
  const arn = `${listener.replace(":listener/", ":listener-rule/")}/e${priority}`;
  const conditions = [{ field: "path-pattern", values: [path] }];
  elb.world.routing.rules.set(arn, { arn, listener, priority, conditions, forward: new Map([[web.arn, 1]]) });
  elb.world.tags.set(arn, new Map());
  return arn;
}

describe("a rule", () => {
  it("sends a path and what is below it to the service's group, which thereby is in use", async () => {
    await using alb = open();

    expect(await pass(alb, [routed(route({ hosts: ["Shop.example"], paths: ["/cart/"] }))])).toEqual([ok, ok]);

    expect(rules()).toEqual(["shop.example /cart /cart/*"]);
    expect(elb.world.routing.uses(web.arn)).toBe(true);
    expect(await pass(alb, [routed(route({ hosts: ["shop.example"], paths: ["/cart"] }))])).toEqual([]);
  });

  it("is there before its targets, and goes after them", async () => {
    await using alb = open();
    await pass(alb, [routed(route({ paths: ["/a"] }))]);
    await pass(alb, []);

    const writes = elb.calls.map(({ action }) => action).filter((action) => !action.startsWith("Describe"));
    expect(writes).toEqual(["CreateRule", "RegisterTargets", "DeregisterTargets", "DeleteRule"]);
    expect(rules()).toEqual([]);
  });

  it("that is more specific comes first, in whichever order they are made", async () => {
    await using alb = open();
    const routes = [
      route({ paths: ["/"] }),
      route({ paths: ["/a"] }),
      route({ hosts: ["*.example"], paths: ["/a/b"] }),
      route({ paths: ["/a/b"] }),
      route({ hosts: ["x.example"] }),
      route({ hosts: ["x.example"], paths: ["/a"] }),
    ];

    await pass(alb, [routed(...routes)]);

    expect(rules()).toEqual([
      "x.example /a /a/*",
      "x.example",
      "*.example /a/b /a/b/*",
      "/a/b /a/b/*",
      "/a /a/*",
      "/*",
    ]);
  });

  it("of many hosts is several: five values are all that a rule takes", async () => {
    await using alb = open();
    const hosts = ["a.x", "b.x", "c.x", "d.x"];

    expect(await pass(alb, [routed(route({ hosts, paths: ["/p"] }))])).toEqual([ok, ok, ok]);

    expect(rules()).toEqual(["a.x b.x c.x /p /p/*", "d.x /p /p/*"]);
  });

  it("keeps the weights that somebody gave it for a cut-over, while its own group is among them", async () => {
    const next = elb.world.addGroup({ name: "next" });
    await using alb = open();
    const wanted = [routed(route({ paths: ["/a"] }))];
    await pass(alb, wanted);
    const [rule] = elb.world.routing.rules.values();
    if (rule === undefined) throw new Error("no rule");

    rule.forward = new Map([
      [next.arn, 90],
      [web.arn, 10],
    ]);
    elb.world.tags.get(next.arn)?.set("muster:cluster", "default");
    expect(await pass(alb, wanted)).toEqual([]);

    rule.forward = new Map([[next.arn, 1]]);
    expect(await pass(alb, wanted)).toEqual([ok]);
    expect([...rule.forward.keys()]).toEqual([web.arn]);
  });

  it("that two Musters made at the same moment is one after the next pass", async () => {
    await using alb = open();
    const wanted = [routed(route({ paths: ["/a"] }))];
    await pass(alb, wanted);
    const [rule] = elb.world.routing.rules.values();
    const twin = putRule(30_000, "/a");
    if (rule !== undefined) elb.world.routing.rules.set(twin, { ...rule, arn: twin, priority: 30_000 });
    elb.world.tags.set(twin, new Map(elb.world.tags.get(rule?.arn ?? "")));

    expect(await pass(alb, wanted)).toEqual([ok]);

    expect(rules()).toEqual(["/a /a/*"]);
    expect(await pass(alb, wanted)).toEqual([]);
  });

  it("that was deleted behind our back is made again, or is done with", async () => {
    await using alb = open();
    const wanted = [routed(route({ paths: ["/a"] }))];
    await pass(alb, wanted);
    elb.world.routing.rules.clear();
    expect(await pass(alb, wanted)).toEqual([ok]);

    const current = await alb.list(NEVER);
    elb.world.routing.rules.clear();
    const before = current.find(({ instance }) => instance === null);
    if (before === undefined) throw new Error("no rule listed");
    expect(await alb.apply([{ op: "deregister", key: before.key, before, after: null }], NEVER)).toEqual([ok]);
  });

  it("follows its label's priority", async () => {
    await using alb = open();
    await pass(alb, [routed(route({ paths: ["/a"], priority: 10 }))]);
    await pass(alb, [routed(route({ paths: ["/a"], priority: 20 }))]);

    expect(elb.world.routing.of(listener).map(({ priority }) => priority)).toEqual([20]);
  });

  it("is at rest after a label's priority came or went: no write in the next pass", async () => {
    await using alb = open();
    for (const priority of [null, 10, null, 20]) {
      const wanted = [routed(route({ paths: ["/a"], priority }))];
      expect(await pass(alb, wanted)).not.toEqual([]);
      expect(await pass(alb, wanted)).toEqual([]);
    }
  });
});

describe("the rules of others", () => {
  it("stay, whatever ours do; a priority that one has is not ours to take", async () => {
    const theirs = putRule(10, "/theirs/*");
    await using alb = open();

    const outcomes = await pass(alb, [routed(route({ paths: ["/a"], priority: 10 }), route({ paths: ["/b"] }))]);
    expect(outcomes.filter((outcome) => !outcome.ok)).toMatchObject([
      { retry: false, error: expect.stringMatching(/priority 10 is taken on the listener: choose another/) },
    ]);
    await pass(alb, []);

    expect([...elb.world.routing.rules.keys()]).toEqual([theirs]);
  });

  it("are gone around where a priority is chosen", async () => {
    await using alb = open();
    await pass(alb, [routed(route({ paths: ["/aa"] }))]);
    const [first] = elb.world.routing.of(listener);
    await pass(alb, []);
    putRule(first?.priority ?? 0, "/theirs");

    await pass(alb, [routed(route({ paths: ["/aa"] }))]);

    expect(rules()).toEqual(["/theirs", "/aa /aa/*"]);
  });

  it("a listener that is full is told of, and the instance is served all the same", async () => {
    elb.world.quotas.rulesPerListener = 1;
    putRule(1, "/theirs");
    await using alb = open();

    const outcomes = await pass(alb, [routed(route({ paths: ["/a"] }))]);

    expect(outcomes).toMatchObject([
      { ok: false, retry: false, error: expect.stringContaining("raise the quota of rules") },
      ok,
    ]);
  });
});

describe("what no rule can say is refused by name", () => {
  it.each([
    [{ paths: ["/a*"] }, "route path \"/a*\" can't be a rule's condition"],
    [{ paths: ["/a b"] }, 'route path "/a b"'],
    [{ hosts: ["a.example:8080"] }, 'route host "a.example:8080"'],
    [{ paths: ["/a"], stripPath: true }, "can't strip the path"],
    [{ paths: ["/a"], priority: 60_000 }, "route priority 60000 is not between 1 and 50000"],
  ])("%o", async (changes, error) => {
    await using alb = open();
    expect(() => alb.project(routed(route(changes)))).toThrow(error);
  });

  it("two services with one route have one claim", async () => {
    await using alb = open();
    const claims = [routed(route({ paths: ["/a"] })), { ...routed(route({ paths: ["/a/"] })), service: "api" }].map(
      (each) => alb.project(each).find(({ instance }) => instance === null)?.claims,
    );
    expect(claims[0]).toEqual(claims[1]);
    expect(claims[0]).toEqual([expect.stringMatching(/^\*\/a on [0-9a-f]+$/)]);
  });
});
