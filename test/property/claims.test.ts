/** Whatever the labels say: nobody has a name outside its rule, makes itself another, or takes what another holds. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { snapshotOf } from "../../adapters/sources/docker/facts.ts";
import { readInspect } from "../../adapters/sources/docker/inspect.ts";
import type { DefinedFact, Fact, Instance, Registry } from "../../src/model.ts";
import type { ClaimRule } from "../../src/policy-claims.ts";
import { createWorld } from "../../src/world.ts";
import { instance } from "../conformance/registry/fleet.ts";
import { addressed, assigned, binding, defined, node, status, synced } from "../facts.ts";
import { createFakeGateway } from "../fakes/registry.ts";
import { openRegistry as openKong } from "../integration/kong-harness.ts";
import { openRegistry as openVulcand } from "../integration/vulcand-harness.ts";
import { createScene } from "../reconciling.ts";

const ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup";
const RULES: readonly ClaimRule[] = [
  {
    who: { app: ["swarm:shop_*"] },
    ...{ services: ["shop-*", "!shop-admin*"], hosts: ["*.shop.example"], paths: ["/shop"], targetGroups: ["shop-*"] },
  },
  { who: { image: ["good/*"] }, services: ["good"], hosts: [], targetGroups: [] },
];

const names = fc.constantFrom("shop-web", "shop-admin", "SHOP-Admin-2", "good", "pay", "shop-", "a b", "shop_web");
const hosts = fc.constantFrom(
  ...[
    "a.shop.example",
    "*.shop.example",
    "*.example",
    "shop.example",
    "pay.example",
    "x.SHOP.example",
    "*",
    "",
    "bad host",
  ],
);
const paths = fc.constantFrom(
  ...[
    "/shop",
    "/shop/x",
    "/shopping",
    "/",
    "/shop/../pay",
    "/shop/%2e%2e/pay",
    "/shop/..%2fpay",
    "/%73hop",
    "",
    "shop",
  ],
);
const groups = fc.constantFrom("shop-a", "pay", `${ARN}/shop-a/0123456789abcdef`, `${ARN}/pay/0123456789abcdef`, "");
const lists = (one: fc.Arbitrary<string>) => fc.array(one, { maxLength: 3 }).map((all) => all.join(","));

const prefix = fc.constantFrom("muster.", "muster.8080.");
const label = fc.oneof(
  fc.tuple(fc.constantFrom("muster.name", "muster.8080.name", "SERVICE_NAME", "SERVICE_8080_NAME"), names),
  fc.tuple(
    prefix.map((each) => `${each}route.host`),
    lists(hosts),
  ),
  fc.tuple(
    prefix.map((each) => `${each}route.path`),
    lists(paths),
  ),
  fc.tuple(
    prefix.map((each) => `${each}alb.target-group`),
    lists(groups),
  ),
  fc.tuple(fc.string(), fc.string()),
);
const labels = fc.array(label, { maxLength: 8 }).map((all) => Object.fromEntries(all));

function instancesOf(facts: readonly Fact[]): readonly Instance[] {
  const world = createWorld({ sources: ["docker"], claims: RULES });
  for (const fact of facts) world.join(fact);
  return [...world.instances()];
}

function task(definition: DefinedFact, inherited: Readonly<Record<string, string>>): readonly Fact[] {
  const bindings = [binding(), binding({ containerPort: 9090, hostPort: 32769 })];
  return [
    ...[node(), definition, defined({ definition: "service:s", labels: inherited })],
    ...[assigned({ inherits: "service:s" }), addressed({ bindings }), status(), synced()],
  ];
}

function expectNothing({ state, routes, albTargetGroups, notes }: Instance): void {
  expect([state, routes, albTargetGroups]).toEqual(["pending", [], []]);
  expect(notes[0]).toContain("policy.claims");
}

function expectWithinShop(each: Instance): void {
  if (each.state !== "ready") {
    expectNothing(each);
    return;
  }
  expect(each.service).toMatch(/^shop-/i);
  expect(each.service).not.toMatch(/^shop-admin/i);
  for (const route of each.routes) {
    expect(route.hosts.length).toBeGreaterThan(0);
    for (const host of route.hosts) expect(host).toMatch(/\.shop\.example$/);
    expect(route.paths.length).toBeGreaterThan(0);
    for (const path of route.paths) {
      expect(decodeURIComponent(new URL(path, "http://h").pathname)).toMatch(/^\/shop(?:\/(?!\.\.)|$)/);
    }
  }
  for (const group of each.albTargetGroups) expect(group).toMatch(/^(?:arn:.*\/)?shop-/);
}

describe("under any labels", () => {
  const environment = fc.dictionary(fc.constantFrom("SERVICE_NAME", "SERVICE_8080_NAME"), names);

  it("nobody has a name, a host, a path or a target group outside its rule", () => {
    let routed = 0;
    fc.assert(
      fc.property(labels, labels, environment, (own, inherited, env) => {
        const shop = defined({ app: "swarm:s", name: "shop_web", labels: own, environment: env });
        for (const each of instancesOf(task(shop, inherited))) {
          expectWithinShop(each);
          routed += each.routes.length;
        }
        const good = { app: "image:good/x", image: "good/x:1" };
        for (const each of instancesOf(task(defined({ ...good, labels: own, environment: env }), inherited))) {
          if (each.state === "ready")
            expect([each.service, each.routes, each.albTargetGroups]).toEqual(["good", [], []]);
          else expectNothing(each);
        }
      }),
      // Few of any labels make a route that is allowed: one at least does.
      {
        numRuns: 100,
        examples: [
          [{ "muster.name": "shop-web", "muster.route.host": "a.shop.example", "muster.route.path": "/shop" }, {}, {}],
        ],
      },
    );
    expect(routed).toBeGreaterThan(0);
  });

  it("nobody becomes another: a container's labels, the engine's own included, make it fit no rule", () => {
    const swarm = {
      ...{ "com.docker.swarm.task.id": "taskid", "com.docker.swarm.service.id": "s" },
      ...{ "com.docker.swarm.service.name": "shop_web", "com.docker.stack.namespace": "shop" },
      ...{ "com.docker.compose.project": "swarm:shop_web", "com.docker.compose.service": "shop_web" },
    };
    const forged = fc.tuple(labels, fc.subarray(Object.entries(swarm))).map(([own, some]) => ({
      ...own,
      ...Object.fromEntries(some),
    }));
    fc.assert(
      fc.property(forged, fc.constantFrom("evil:1", "evil/good/x:1", "swarm:shop_web"), (own, image) => {
        const inspect = readInspect({
          ...{ Id: "c".repeat(64), Name: "/shop_web.1.another", Image: `sha256:${"ab".repeat(32)}` },
          State: { Status: "running", StartedAt: "t" },
          Config: { Image: image, Labels: own },
          HostConfig: { NetworkMode: "default" },
          NetworkSettings: { Ports: {}, Networks: {} },
        });
        const context = { node: "n1", expose: "published" as const, networks: new Map(), task: null };
        const definition = defined({ ...snapshotOf(inspect, context).defined, definition: "d1" });
        for (const each of instancesOf(task(definition, {}))) expectNothing(each);
      }),
    );
  });
});

describe("without rules", () => {
  const registries: readonly (readonly [string, Registry])[] = [
    ["kong", openKong("http://127.0.0.1:1")],
    ["vulcand", openVulcand("http://127.0.0.1:1")],
  ];

  it.each(registries)("%s: two services on one route have no object in common, and claim the same", (_, registry) => {
    const services = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,6}[a-z0-9]$/), { minLength: 2, maxLength: 2 });
    const route = fc.record({
      hosts: fc.constantFrom(["a.example"], ["*.example"], ["A.example", "b.example"]),
      paths: fc.constantFrom([], ["/"], ["/x"], ["/x", "/y"]),
      ...{ stripPath: fc.constant(false), priority: fc.constant(null) },
    });
    fc.assert(
      fc.property(services, route, ([a = "", b = ""], one) => {
        const [ofA, ofB] = [a, b].map((service, index) =>
          registry.project(instance(index, { service, routes: [one] })),
        );
        const keys = new Set(ofA?.map(({ key }) => key));
        const shared = (ofB ?? []).filter(({ key }) => keys.has(key));
        // A host by itself is nobody's in Vulcand: it says nothing of where its requests go.
        expect(shared.filter(({ key }) => !key.startsWith("hosts/"))).toEqual([]);
        const claimed = [ofA, ofB].map((all) => (all ?? []).flatMap(({ claims = [] }) => claims));
        expect(claimed[0]?.length).toBeGreaterThan(0);
        expect(new Set(claimed[0])).toEqual(new Set(claimed[1]));
      }),
      { numRuns: 50 },
    );
  });

  it("whoever holds a route keeps it, whoever else comes and in whatever order", async () => {
    const comers = fc.uniqueArray(fc.record({ name: fc.constantFrom("a", "b", "z"), created: fc.nat(9) }), {
      selector: ({ name }) => name,
      minLength: 1,
    });
    await fc.assert(
      fc.asyncProperty(comers, async (others) => {
        const scene = createScene({ registry: createFakeGateway() });
        const say = (name: string, created: number, port: number) =>
          scene.say(
            node(),
            defined({
              ...{ definition: name, app: `image:${name}`, name },
              labels: { "muster.route.host": "x.example", "muster.route.path": "/" },
            }),
            assigned({ task: name, definition: name, created }),
            addressed({ task: name, bindings: [binding({ hostPort: port })] }),
            status({ task: name }),
          );
        await say("m", 5, 1);
        await scene.say(synced());
        await scene.pass();
        for (const [index, { name, created }] of others.entries()) await say(name, created, 2 + index);
        await scene.pass();
        const routes = scene.keys.filter((key) => key.startsWith("route:"));
        expect(routes).toEqual(["route:m.0"]);
        for (const { name } of others) {
          expect(scene.reconciler.instanceView(`${name}:8080`).error).toContain("is held by service m");
        }
      }),
      { numRuns: 20 },
    );
  });
});
