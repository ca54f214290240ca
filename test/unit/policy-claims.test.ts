/** `policy.claims`: who may use which names, as instances are made, and as the registries then see it. */
import { describe, expect, it, test } from "vitest";
import { reasonsOf } from "../../src/explain/reasons.ts";
import type { DefinedFact, Instance } from "../../src/model.ts";
import { type ClaimRule, createPermissions } from "../../src/policy-claims.ts";
import { hostClaim, isAllowed, nameClaim, pathClaim } from "../../src/policy-patterns.ts";
import { createWorld } from "../../src/world.ts";
import { addressed, assigned, binding, defined, node, runningTask, status, synced } from "../facts.ts";
import { createFakeGateway } from "../fakes/registry.ts";
import { createScene } from "../reconciling.ts";
import { configOf, problemsOf } from "./config-fixture.ts";

type Labels = Readonly<Record<string, string>>;

/** The instance that a task with these labels gives under these rules. */
function instanceOf(claims: readonly ClaimRule[], labels: Labels, over: Partial<DefinedFact> = {}): Instance {
  const world = createWorld({ sources: ["docker"], claims });
  const facts = [
    node(),
    defined({ labels, ...over }),
    assigned(),
    addressed({ bindings: [binding()] }),
    status(),
    synced(),
  ];
  for (const fact of facts) world.join(fact);
  const [instance] = world.instances();
  if (instance === undefined) throw new Error("no instance");
  return instance;
}

describe("patterns", () => {
  test.each([
    ["shop.example", ["shop.example"], true],
    ["shop.example", ["*.example"], true],
    ["shop.example.evil", ["shop.example"], false],
    ["shop.example", [], false],
    ["*.shop.example", ["*.shop.example"], true],
    ["*.example", ["*.shop.example"], false],
    ["*.example", ["shop*.example"], false],
    ["pay.example", ["!pay.example"], false],
    ["shop.example", ["!pay.example"], true],
    ["*.example", ["!pay.example"], false],
    ["*.example", ["*", "!pay.other"], true],
    [null, ["*.example"], false],
    [null, ["*"], true],
    [null, ["!pay.example"], false],
  ])("host %s under %j: %s", (host, patterns, allowed) => {
    expect(isAllowed(hostClaim(host), patterns)).toBe(allowed);
  });

  test.each([
    ["/shop", ["/shop"], true],
    ["/shop/cart", ["/shop"], true],
    ["/shop/", ["/shop"], true],
    ["/shopping", ["/shop"], false],
    ["/", ["/shop"], false],
    [null, ["/shop"], false],
    [null, ["/"], true],
    ["/anything", ["*"], true],
    ["/shop/../admin", ["/shop"], false],
    ["/shop/%2e%2e/admin", ["/shop"], false],
    ["/%61dmin", ["!/admin"], false],
    ["/x//../admin", ["!/admin"], false],
    ["/adm", ["!/admin"], false],
    ["/administrator", ["!/admin"], true],
    [null, ["!/admin"], false],
    ["/SHOP", ["/shop"], false],
    ["/*", ["/shop"], false],
  ])("path %s under %j: %s", (path, patterns, allowed) => {
    expect(isAllowed(pathClaim(path), patterns)).toBe(allowed);
  });

  test("a name in other case is the same name, since DNS and registries read it so", () => {
    expect(isAllowed(nameClaim("PAY"), ["!pay"])).toBe(false);
    expect(isAllowed(nameClaim("Shop-web"), ["shop-*"])).toBe(true);
  });

  test("a hostile name can't make it slow (one that backtracks would not end before the test's limit)", () => {
    expect(isAllowed(nameClaim(`${"a".repeat(250)}b`), [`${"*a".repeat(140)}*c`])).toBe(false);
  });
});

describe("without rules", () => {
  it("everything is as the labels say it", () => {
    const labels = { "muster.name": "pay", "muster.route.host": "pay.example", "muster.alb.target-group": "pay" };
    const instance = instanceOf([], labels);
    expect(instance).toMatchObject({ service: "pay", state: "ready", albTargetGroups: ["pay"], notes: [] });
    expect(instance.routes).toMatchObject([{ hosts: ["pay.example"] }]);
  });
});

describe("with rules", () => {
  const SHOP: ClaimRule = {
    who: { app: ["swarm:shop_*"] },
    ...{ services: ["shop-*"], hosts: ["shop.example"], paths: ["/"], targetGroups: ["shop-*"] },
  };
  const shop = { app: "swarm:abc123", name: "shop_web" };

  it("what is allowed is untouched", () => {
    const labels = {
      "muster.name": "shop-web",
      "muster.route.host": "shop.example",
      "muster.alb.target-group": "shop-a",
    };
    const instance = instanceOf([SHOP], labels, shop);
    expect(instance).toEqual(instanceOf([], labels, shop));
  });

  it("another's service name: it is registered nowhere, and the rule and the remedy are named", () => {
    const instance = instanceOf([SHOP], { "muster.name": "pay", "muster.route.host": "shop.example" }, shop);
    expect(instance).toMatchObject({ state: "pending", missing: ["permission"], routes: [], albTargetGroups: [] });
    expect(instance.notes).toEqual([
      "service name pay: not allowed by policy.claims.0 (services: shop-*); change its name or muster.name, or have that rule changed",
    ]);
    expect(instance.refused).toEqual(instance.notes);
  });

  it("another's host, path or target group: that alone is refused", () => {
    const instance = instanceOf(
      [{ ...SHOP, paths: ["/shop"] }],
      {
        ...{ "muster.name": "shop-web", "muster.route.host": "pay.example,shop.example" },
        ...{ "muster.route.path": "/shop/cart,/pay", "muster.alb.target-group": "pay,shop-a" },
      },
      shop,
    );
    expect(instance).toMatchObject({ service: "shop-web", state: "ready", albTargetGroups: ["shop-a"] });
    expect(instance.routes).toMatchObject([{ hosts: ["shop.example"], paths: ["/shop/cart"] }]);
    expect(instance.notes).toHaveLength(3);
    expect(instance.notes.join()).toMatch(/route host pay\.example.*route path \/pay.*target group pay/);
  });

  it("a route of which every host is refused goes, lest it be for every host", () => {
    const labels = { "muster.name": "shop-web", "muster.route.host": "pay.example", "muster.route.path": "/x" };
    expect(instanceOf([SHOP], labels, shop).routes).toEqual([]);
    const catchAll = instanceOf([SHOP], { "muster.name": "shop-web", "muster.route.path": "/x" }, shop);
    expect(catchAll.routes).toEqual([]);
    expect(catchAll.notes[0]).toContain("a route for every host");
  });

  it("a target group's ARN is judged by the group's name as well", () => {
    const arn = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/pay/0123456789abcdef";
    const labels = { "muster.alb.target-group": arn };
    expect(instanceOf([{ targetGroups: ["!pay"] }], labels).albTargetGroups).toEqual([]);
    expect(instanceOf([{ targetGroups: ["pay"] }], labels).albTargetGroups).toEqual([arn]);
  });

  it("the first rule that fits counts; what none is for is not registered", () => {
    const rules: ClaimRule[] = [{ who: { image: ["good/*"] }, services: ["web"] }, { who: { source: ["static"] } }];
    expect(instanceOf(rules, {}, { image: "good/web:1@sha256:00" }).state).toBe("ready");
    expect(instanceOf(rules, { "muster.name": "b" }, { image: "good/web:1" }).state).toBe("pending");
    const stranger = instanceOf(rules, {}, { image: "evil:1" });
    expect(stranger).toMatchObject({ state: "pending", missing: ["permission"] });
    expect(stranger.notes[0]).toMatch(/no rule of policy\.claims .*source docker.*image evil:1.*have one added/);
  });

  test.each([
    ["a compose project, which labels tell", { app: "compose:shop/web", image: "evil:1" }],
    ["an image's own name", { app: "image:swarm:shop_web", image: "evil:1" }],
    ["no image", { app: "marathon:m:/evil", image: null }],
    ["a Marathon app in another group", { app: "marathon:m:/evil/shop", image: "good:1" }],
  ])("%s makes nobody fit a rule for others", (_, over) => {
    const rules: ClaimRule[] = [
      { who: { app: ["swarm:shop_*", "marathon:/shop/*"] } },
      { who: { image: ["!none"], app: ["*:*", "!marathon:/evil/*"] } },
    ];
    expect(instanceOf(rules, {}, over).state).toBe("pending");
  });

  it("a Marathon app is known by its id, whatever its framework is called", () => {
    const rules: ClaimRule[] = [{ who: { app: ["marathon:/shop/*"] } }];
    expect(instanceOf(rules, {}, { app: "marathon:dcos:/shop/web" }).state).toBe("ready");
  });

  it("a service whose name is not allowed does not keep another's service alive", () => {
    const world = createWorld({ sources: ["docker"], claims: [SHOP, { services: ["!shop-*"] }] });
    world.join(defined({ standing: true, labels: { "muster.name": "shop-web" }, name: "x" }));
    expect(world.hasService("shop-web")).toBe(false);
    world.join(defined({ standing: true, definition: "d2", ...shop, labels: { "muster.name": "shop-web" } }));
    expect(world.hasService("shop-web")).toBe(true);
  });
});

describe("explain", () => {
  it("says what is not allowed, by which rule, and what would help", () => {
    const instance = instanceOf([{ services: ["shop-*"] }], { "muster.name": "pay" });
    const around = { sources: [], registries: [], status: "running", dryRun: false };
    expect(reasonsOf({ ...instance, registries: {} }, around)).toEqual([
      {
        registry: null,
        why: "service name pay: not allowed by policy.claims.0 (services: shop-*)",
        remedy: "change its name or muster.name, or have that rule changed",
      },
    ]);
  });
});

describe("in a registry", () => {
  it("what was registered before its labels took another's name goes at once, also while it stops", async () => {
    const scene = createScene({ registry: createFakeGateway(), claims: [{ services: ["web"] }] });
    await scene.say(...runningTask("t1"), synced());
    await scene.pass();
    expect(scene.keys.length).toBeGreaterThan(0);
    await scene.say(
      defined({ definition: "def:t1", clock: 2, labels: { "muster.name": "pay", "muster.drain": "60s" } }),
      status({ task: "t1", clock: 2, status: "stopping" }),
    );
    await scene.pass();
    expect(scene.keys.filter((key) => /t1|pay/.test(key))).toEqual([]);
  });
});

describe("in the configuration", () => {
  test.each([
    ["hosts: ['http://x']", /policy\.claims\.0\.hosts\.0: expected .*shop\.example\.com.*got "http:\/\/x"/],
    ["paths: [shop]", /policy\.claims\.0\.paths\.0: expected .*\/shop.*got "shop"/],
    ["services: 'web'", /policy\.claims\.0\.services: expected a list.*got "web"/],
    ["targetGroups: ['a b']", /policy\.claims\.0\.targetGroups\.0: expected/],
    ["sevices: [web]", /policy\.claims\.0\.sevices: unknown key \(did you mean "services"\?\)/],
    [
      "who: { app: ['compose:shop/*'] }",
      /policy\.claims\.0\.who\.app\.0: expected .*compose projects are told by labels/,
    ],
    ["who: { app: [web] }", /policy\.claims\.0\.who\.app\.0: expected .*swarm:shop_\*/],
    ["who: { name: [web] }", /policy\.claims\.0\.who\.name: unknown key/],
  ])("%s is refused in one line", (rule, problem) => {
    const problems = problemsOf(`policy: { claims: [ { ${rule} } ] }`);
    expect(problems).toEqual([expect.stringMatching(problem)]);
  });

  test("a rule that never counts is refused", () => {
    expect(problemsOf("policy: { claims: [ { services: [a] }, { who: { source: [docker] } } ] }")).toEqual([
      expect.stringMatching(/policy\.claims\.1: never counts, since policy\.claims\.0 .*put that one last/),
    ]);
  });

  test("rules are read, printed and used as they are written", () => {
    const claims = [{ who: { app: ["swarm:shop_*"] }, services: ["shop-*"], hosts: [] }, { services: ["!shop-*"] }];
    expect(configOf(JSON.stringify({ policy: { claims } })).policy.claims).toEqual(claims);
    expect(configOf("", { MUSTER_POLICY__CLAIMS: JSON.stringify(claims) }).policy.claims).toEqual(claims);
    expect(createPermissions(claims).mayUse(defined({ app: "swarm:1", name: "shop_web" }), "shop-web")).toBe(true);
  });
});
