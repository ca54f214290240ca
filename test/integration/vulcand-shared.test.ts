/** What strangers hold, and what lies beside ours: hazards 1, 4 and 8 of facts/vulcand.md §5, and hosts with certificates. */
import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/model.ts";
import { DIALECTS } from "../fakes/vulcand/dialect.ts";
import { route, scene, web } from "./vulcand-scene.ts";

const OK = { ok: true };
const ROUTED = 'Host("web.service.consul")';

describe.each(DIALECTS)("on %s", (dialect) => {
  const vulcand = scene(dialect);
  const asked = { host: "web.service.consul", path: "/" };

  function refusals(outcomes: readonly Outcome[]): readonly string[] {
    return outcomes.flatMap((outcome) => {
      if (outcome.ok) return [];
      expect(outcome).toMatchObject({ retry: false });
      return [outcome.error];
    });
  }

  function put(key: string, value: object): void {
    vulcand.fake.store.set(key, JSON.stringify(value), null);
  }

  it("hazard 1: no id of ours is the beginning of another of ours", async () => {
    const registry = vulcand.open();
    const paths = ["/", "/a", "/a/b", "/ab"].map((path) => route("web.service.consul", path));
    const services = ["web", "web2", "web-2", "web_2"];
    const all = services.flatMap((service, at) => [
      web(at, { service, routes: at === 0 ? paths : [] }),
      web(10 + at, { service, id: `task${at}:8`, task: `task${at}`, routes: [] }),
      web(20 + at, { service, id: `task${at}:80:81`, task: `task${at}`, routes: [] }),
    ]);
    await vulcand.pass(registry, all);
    const held = vulcand.keys();
    expect(held).toHaveLength(1 + 4 + 4 + 12);
    for (const each of all) {
      const rest = all.filter((other) => other !== each);
      expect(await vulcand.pass(registry, rest)).not.toContainEqual(expect.objectContaining({ ok: false }));
      await vulcand.pass(registry, all);
      expect(vulcand.keys()).toEqual(held);
    }
  });

  it("hazard 1: a backend, frontend or host that a stranger's id begins with is not deleted", async () => {
    const registry = vulcand.open("n1", { listen: "0.0.0.0" });
    await vulcand.pass(registry, [web(1)]);
    put("backends/muster:default:web:x/backend", { Id: "muster:default:web:x", Type: "http" });
    put("backends/muster:default:web:x/servers/s", { Id: "s", URL: "http://10.9.9.9:1" });
    const frontend = "muster:default:web:web.service.consul:~2f:x";
    put(`frontends/${frontend}/frontend`, { Id: frontend, Type: "http", BackendId: "other", Route: 'Host("x")' });
    put("hosts/web.service.consul2/host", { Name: "web.service.consul2", Settings: {} });
    const address = { Network: "tcp", Address: "0.0.0.0:1" };
    put("listeners/muster:default:web:10000:x", { Id: "x", Protocol: "http", Address: address });
    const strangers = vulcand.keys().filter((key) => /x|consul2/.test(key));
    expect(strangers).toHaveLength(5);

    const errors = refusals(await vulcand.pass(registry, []));
    expect(errors.map((error) => / deregister (\w+)\//.exec(error)?.[1])).toEqual([
      ...["frontends", "listeners", "backends", "hosts"],
    ]);
    expect(errors[0]).toContain('would delete frontend "muster:default:web:web.service.consul:~2f:x" too');
    expect(vulcand.keys()).toEqual(expect.arrayContaining(strangers));
    expect(vulcand.keys()).not.toContainEqual(expect.stringContaining(":n1:"));
  });

  it("hazard 1: a server that a stranger's id begins with runs out by its TTL instead", async () => {
    const registry = vulcand.open();
    await vulcand.pass(registry, [web(1), web(2)]);
    const key = vulcand.keys().find((each) => each.includes("task1")) ?? "";
    put(`${key}0`, { Id: `${key.split("/")[3]}0`, URL: "http://10.9.9.9:1" });
    expect(await vulcand.pass(registry, [web(2)])).toEqual([OK]);
    await vulcand.clock.advance(2001);
    expect(vulcand.keys()).not.toContain(key);
    expect(vulcand.keys()).toContain(`${key}0`);
    await vulcand.clock.advance(11_000);
    expect(vulcand.keys()).not.toContain(key);
  });

  it.each([
    ["as the showcase writes it", `${ROUTED} && PathRegexp("/.*")`],
    ["letter by letter", ROUTED],
    ["in back-quotes and capitals", "Host(`WEB.service.consul`)"],
  ])("hazard 4: a stranger's frontend with our route, %s, stays the only one", async (_, theirs) => {
    const registry = vulcand.open();
    await vulcand.post("backends", { Backend: { Id: "web", Type: "http" } });
    await vulcand.post("frontends", { Frontend: { Id: "web", Type: "http", BackendId: "web", Route: theirs } });
    const errors = refusals(await vulcand.pass(registry, [web(1)]));
    expect(errors).toEqual([expect.stringContaining('frontend "web", which this cluster\'s Muster did not make, has')]);
    expect(vulcand.keys().filter((key) => key.startsWith("frontends/"))).toEqual(["frontends/web/frontend"]);
    await vulcand.pass(registry, []);
    expect(vulcand.keys()).toEqual(["backends/web/backend", "frontends/web/frontend"]);
    expect(vulcand.fake.proxy(asked).status).not.toBe(404);
  });

  it("hazard 4: two services with one route claim the same, and so do the frontends that are read back", async () => {
    const registry = vulcand.open();
    const [a, b] = [web(1), web(2, { service: "other" })];
    const claims = [a, b].map((each) => registry.project(each).flatMap((entry) => entry.claims ?? []));
    expect(claims).toEqual([["web.service.consul/"], ["web.service.consul/"]]);
    await vulcand.pass(registry, [a]);
    const listed = await registry.list(AbortSignal.timeout(1000));
    expect(listed.flatMap((entry) => entry.claims ?? [])).toEqual(["web.service.consul/"]);
  });

  it("hazard 4: a route that changes hands never has two frontends; it stays while another node needs the old one", async () => {
    const [one, two] = [vulcand.open("n1", { listen: "0.0.0.0" }), vulcand.open("n2", { listen: "0.0.0.0" })];
    await vulcand.pass(one, [web(1)]);
    await vulcand.pass(two, [web(2)]);
    const other = web(3, { service: "other" });
    const errors = refusals(await vulcand.pass(one, [other]));
    expect(errors).toEqual([
      expect.stringContaining("0.0.0.0:10000 is held by service web: it is still used by 1 server of other nodes"),
      expect.stringContaining("the route web.service.consul/ is held by service web: it is still used by 1 server"),
    ]);
    expect(vulcand.fake.proxy(asked).server).toBe("http://10.0.0.1:10002");

    await vulcand.pass(two, []);
    expect(await vulcand.pass(one, [other])).not.toContainEqual(expect.objectContaining({ ok: false }));
    expect(vulcand.fake.proxy(asked).server).toBe("http://10.0.0.1:10003");
    expect(await vulcand.pass(one, [web(1)])).not.toContainEqual(expect.objectContaining({ ok: false }));
    expect(vulcand.fake.proxy(asked).server).toBe("http://10.0.0.1:10001");
    expect(vulcand.keys().filter((key) => /^(?:frontends|listeners)/.test(key))).toEqual([
      "frontends/muster:default:web:web.service.consul:~2f:/frontend",
      "listeners/muster:default:web:10000:",
    ]);
  });

  it("hazard 8: a second listener on one address is refused, since Vulcand would say yes and not listen", async () => {
    const registry = vulcand.open("n1", { listen: "0.0.0.0" });
    const address = { Network: "tcp", Address: "0.0.0.0:10000" };
    await vulcand.post("listeners", { Listener: { Id: "web", Protocol: "http", Address: address } });
    const errors = refusals(await vulcand.pass(registry, [web(1)]));
    expect(errors).toEqual([expect.stringContaining('listener "web" is on 0.0.0.0:10000 already')]);
  });

  it("a host that is there already, with a certificate perhaps, does as well, and is never written or removed", async () => {
    const registry = vulcand.open();
    const theirs = { Name: "web.service.consul", Settings: { Default: true, KeyPair: { Cert: "Yw==", Key: "aw==" } } };
    put("hosts/web.service.consul/host", theirs);
    expect(await vulcand.pass(registry, [web(1)])).not.toContainEqual(expect.objectContaining({ ok: false }));
    expect(await vulcand.pass(registry, [web(1)])).toEqual([]);
    expect(await vulcand.pass(registry, [])).not.toContainEqual(expect.objectContaining({ ok: false }));
    expect(vulcand.keys()).toEqual(["hosts/web.service.consul/host"]);
    expect(JSON.parse(vulcand.fake.store.get("hosts/web.service.consul/host") ?? "")).toEqual(theirs);
  });

  it("a host of ours that somebody gives a certificate is theirs from then on", async () => {
    const registry = vulcand.open();
    await vulcand.pass(registry, [web(1)]);
    const key = "hosts/web.service.consul/host";
    const host = JSON.parse(vulcand.fake.store.get(key) ?? "");
    put(key, { ...host, Settings: { ...host.Settings, KeyPair: { Cert: "Yw==", Key: "aw==" } } });
    await vulcand.pass(registry, []);
    expect(vulcand.keys()).toEqual([key]);
  });

  it("two services on one host share it: it goes with the last of their frontends", async () => {
    const registry = vulcand.open();
    const cart = web(2, { service: "cart", routes: [route("web.service.consul", "/cart")] });
    await vulcand.pass(registry, [web(1), cart]);
    expect(vulcand.fake.proxy({ host: "web.service.consul", path: "/cart/1" }).server).toBe("http://10.0.0.1:10002");
    expect(vulcand.fake.proxy({ host: "web.service.consul", path: "/carts" }).server).toBe("http://10.0.0.1:10001");
    await vulcand.pass(registry, [cart]);
    expect(vulcand.keys()).toContain("hosts/web.service.consul/host");
    await vulcand.pass(registry, []);
    expect(vulcand.keys()).toEqual([]);
  });

  it("clusters share a Vulcand and see nothing of each other; one that is another's in name is none", async () => {
    const [one, two] = [vulcand.open("n1", {}, "a"), vulcand.open("n1", {}, "a.b")];
    await vulcand.pass(one, [web(1)]);
    const held = vulcand.keys();
    expect(await two.list(AbortSignal.timeout(1000))).toEqual([]);
    await vulcand.pass(two, [web(1, { routes: [route("other.example")] })]);
    expect(await vulcand.pass(one, [web(1)])).toEqual([]);
    await vulcand.pass(two, []);
    expect(vulcand.keys()).toEqual(held);
  });

  it("what an operator sets on our backend or frontend besides stays as it is", async () => {
    const registry = vulcand.open();
    await vulcand.pass(registry, [web(1)]);
    const Settings = { Timeouts: { Read: "5s" } };
    await vulcand.post("backends", { Backend: { Id: "muster:default:web:", Type: "http", Settings } });
    expect(await vulcand.pass(registry, [web(1)])).toEqual([]);
    expect(vulcand.fake.store.get("backends/muster:default:web:/backend")).toContain('"Read":"5s"');
  });

  it("a route, backend or URL that somebody changed by hand is put right", async () => {
    const registry = vulcand.open();
    await vulcand.pass(registry, [web(1)]);
    const before = vulcand.fake.store.dump();
    const Id = "muster:default:web:web.service.consul:~2f:";
    const BackendId = "muster:default:web:";
    await vulcand.post("frontends", { Frontend: { Id, Type: "http", BackendId, Route: 'Path("/mine")' } });
    const [server = ""] = vulcand.keys().filter((key) => key.includes("/servers/"));
    put(server, { Id: server.split("/")[3], URL: "http://10.9.9.9:1" });
    expect(await vulcand.pass(registry, [web(1)])).toEqual([OK, OK]);
    expect(vulcand.fake.store.dump()).toEqual(before);
  });
});
