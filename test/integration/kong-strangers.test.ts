/** What is not ours, or not decided by us, stays as it is: hand-made objects, tuning, health checks. */
import { describe, expect, it } from "vitest";
import { instance } from "../conformance/registry/fleet.ts";
import { targetsServed } from "../fakes/kong/serving.ts";
import { ask, worldOf } from "./kong-harness.ts";
import { byText, converge, failures, NEVER, pass, ROUTES, useScenes, VERSIONS } from "./kong-scene.ts";

const scene = useScenes();

const CHECK = {
  type: "http",
  target: "/health",
  method: null,
  interval: 10_000,
  timeout: 2500,
  deregisterAfter: null,
  ttl: null,
  tls: { use: false, skipVerify: false },
  initialStatus: null,
} as const;

describe.each(VERSIONS)("hand-made objects on $version", ({ version }) => {
  it("a target at the same address is neither overwritten by a POST nor removed", async () => {
    const { kong, open } = await scene({ version });
    const registry = open();
    await converge(registry, [instance(2)]);
    await ask(kong, "POST", "/upstreams/web/targets", { target: "10.0.0.1:10001", weight: 3, tags: ["by-hand"] });
    const before = worldOf(kong);

    const failed = failures(await pass(registry, [instance(1), instance(2)]));

    expect(failed["upstreams/web/targets/10.0.0.1:10001"]).toEqual({
      ok: false,
      error: expect.stringMatching(
        /^kong: register upstreams\/web\/targets\/10.0.0.1:10001: .* was not made by this Muster/,
      ),
      retry: false,
      ambiguous: false,
    });
    expect(worldOf(kong)).toEqual(before);

    // Neither does its upstream go, which would take it along.
    const removal = failures(await pass(registry, []));
    expect(removal).toEqual({});
    expect(targetsServed(kong.world, "web")).toEqual(["10.0.0.1:10001"]);
    expect((await registry.list(NEVER)).map(({ key, inUse }) => [key, inUse])).toEqual([["upstreams/web", true]]);
  });

  it("an upstream of our name gets no targets, and a Kong service of our name no routes", async () => {
    const { kong, open } = await scene({ version });
    await ask(kong, "POST", "/upstreams", { name: "web" });
    await ask(kong, "POST", "/services", { name: "web", host: "theirs.example" });
    const before = worldOf(kong);

    const failed = failures(await pass(open(), [instance(1, { routes: ROUTES })]));

    expect(Object.keys(failed).toSorted(byText)).toEqual([
      "routes/web",
      "services/web",
      "upstreams/web",
      "upstreams/web/targets/10.0.0.1:10001",
    ]);
    for (const outcome of Object.values(failed)) expect(outcome).toMatchObject({ retry: false });
    expect(worldOf(kong)).toEqual(before);
  });

  it("a route that somebody has hung on our Kong service keeps that from going", async () => {
    const { kong, open } = await scene({ version });
    const registry = open();
    await converge(registry, [instance(1, { routes: ROUTES })]);
    await ask(kong, "POST", "/services/web/routes", { name: "theirs", paths: ["/theirs"] });

    const failed = failures(await pass(registry, []));

    expect(failed).toMatchObject({ "services/web": { retry: false, error: expect.stringContaining("references") } });
    expect((await ask(kong, "GET", "/routes/theirs"))["paths"]).toEqual(["/theirs"]);
  });

  it("what an operator has tuned on our objects, and tags of theirs, stay through our updates", async () => {
    const { kong, open } = await scene({ version });
    const registry = open();
    await converge(registry, [instance(1, { routes: ROUTES })]);
    const passive = { unhealthy: { tcp_failures: 4 } };
    const tags = ["muster", "muster-cluster.default", "muster-service.web", "team-a"];
    await ask(kong, "PATCH", "/upstreams/web", { hash_on: "ip", slots: 100, healthchecks: { passive }, tags });
    await ask(kong, "PATCH", "/services/web", { retries: 1, read_timeout: 5000, protocol: "https" });
    await ask(kong, "PATCH", "/routes/web", { methods: ["GET"] });
    await converge(registry, [instance(1, { routes: ROUTES })]);
    const check = { ...CHECK, interval: 5000 };
    const routes = ROUTES.map((route) => ({ ...route, stripPath: true }));

    await converge(registry, [instance(1, { routes, checks: [check] })]);

    const upstream = await ask(kong, "GET", "/upstreams/web");
    expect(upstream).toMatchObject({ hash_on: "ip", slots: 100, healthchecks: { passive } });
    expect(upstream["tags"]).toEqual(expect.arrayContaining(["team-a", "muster-checks"]));
    expect(await ask(kong, "GET", "/services/web")).toMatchObject({
      retries: 1,
      read_timeout: 5000,
      protocol: "https",
    });
    expect(await ask(kong, "GET", "/routes/web")).toMatchObject({ methods: ["GET"], strip_path: true });
  });
});

describe("health checks", () => {
  it("follow the labels, and are switched off with them", async () => {
    const { kong, open } = await scene();
    const registry = open();
    await converge(registry, [instance(1, { checks: [CHECK] })]);
    expect(await ask(kong, "GET", "/upstreams/web")).toMatchObject({
      healthchecks: { active: { type: "http", http_path: "/health", timeout: 2.5, healthy: { interval: 10 } } },
    });

    await converge(registry, [instance(1, { checks: [{ ...CHECK, type: "tcp", target: "" }] })]);
    expect(await ask(kong, "GET", "/upstreams/web")).toMatchObject({ healthchecks: { active: { type: "tcp" } } });

    await converge(registry, [instance(1)]);
    expect(await ask(kong, "GET", "/upstreams/web")).toMatchObject({
      healthchecks: { active: { healthy: { interval: 0 }, unhealthy: { interval: 0 } } },
    });
  });

  it("made by hand are left alone where no label asks for any", async () => {
    const { kong, open } = await scene();
    const registry = open();
    await converge(registry, [instance(1)]);
    const active = { healthy: { interval: 3 }, unhealthy: { interval: 3, http_failures: 1 } };
    await ask(kong, "PATCH", "/upstreams/web", { healthchecks: { active } });
    kong.forget();

    await converge(registry, [instance(1)]);

    expect(kong.writes()).toEqual([]);
  });

  it("that Kong can't run are told in a note", async () => {
    const { open } = await scene();
    const [upstream] = open().project(
      instance(1, {
        checks: [
          { ...CHECK, type: "grpc" },
          { ...CHECK, method: "HEAD" },
        ],
      }),
    );

    expect(upstream?.notes).toEqual([
      "grpc check left out: Kong runs one http, https or tcp check per upstream",
      "check method HEAD became GET: Kong knows no other",
    ]);
  });
});
