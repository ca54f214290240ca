/** What is HAProxy's own in the example adapter: its dangers, by name, on a real HAProxy. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fleet, instance } from "../conformance/registry/fleet.ts";
import { apply, assertHolds, changesFor, converge, list, pass } from "../conformance/registry/pass.ts";
import { labAvailable } from "../lab/available.ts";
import { startHaproxy } from "../lab/haproxy.ts";
import { type Bench, openRegistry, startBench } from "./haproxy-harness.ts";

const { skip, reason } = await labAvailable("haproxy");

describe.skipIf(skip)(`the HAProxy registry's own dangers ${reason}`, () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await startBench();
  });
  afterAll(() => bench?.[Symbol.asyncDispose]());

  it("a service without a backend is refused, with the remedy, and the others are not", () =>
    bench.using(async (registry) => {
      const { changes, outcomes } = await pass(registry, [instance(1, { service: "nobody" }), instance(2)]);
      expect(outcomes).toEqual([
        {
          ...{ ok: false, retry: false, ambiguous: false },
          error: `haproxy: ${changes[0]?.key}: HAProxy says: No such backend. (declare the backend in haproxy.cfg, or name only services that have one in \`services\`)`,
        },
        { ok: true },
      ]);
    }));

  it("services that are not named, and what is not TCP, are not applicable", () =>
    bench.using(
      async (registry) => {
        expect(registry.project(instance(1, { service: "web" }))).toHaveLength(1);
        expect(registry.project(instance(1, { service: "api" }))).toEqual([]);
        expect(registry.project(instance(1, { service: "web", protocol: "udp" }))).toEqual([]);
      },
      { services: ["web"] },
    ));

  it.each([
    [{ address: "db.local" }, /"db\.local" is no IP address/],
    [{ address: "10.0.0.1;disable server web/x" }, /is no IP address/],
    [{ address: "fe80::1%eth0" }, /is no IP address/],
    [{ address: null }, /null is no IP address/],
    [{ port: 0 }, /0 is no port/],
    [{ service: "web weight 0" }, /"web weight 0" can't be a backend's name/],
    [{ service: "web\nshutdown frontend http" }, /can't be a backend's name/],
    [{ id: "x\ud800", task: "x\ud800" }, /can't be registered: URI malformed/],
  ])("a poison value is refused before it is sent: %j", (poison, message) =>
    bench.using(async (registry) => {
      expect(() => registry.project(instance(1, poison))).toThrow(message);
      expect(() => registry.project(instance(1, poison))).toThrow(/^haproxy: "/);
    }),
  );

  it("an IPv6 address comes back as HAProxy writes it, and an idle pass has nothing to do", () =>
    bench.using(async (registry) => {
      const wanted = ["FD00:0:0::1", "::ffff:10.0.0.1", "2001:db8:0:0:1:0:0:1", "0:0:0:0:0:0:0:1"];
      const all = wanted.map((address, n) => instance(n, { address }));
      await converge(registry, all);
      await assertHolds(registry, all);
    }));

  it("a change of one instance of 50 is one line of commands, and an idle pass is none", () =>
    bench.using(async (registry) => {
      await converge(registry, fleet(50));
      const before = bench.proxy.mutations.length;
      await converge(registry, [...fleet(50).slice(1), instance(0, { weight: 3, address: "10.0.0.9" })]);
      expect(bench.proxy.mutations.length).toBe(before + 1);
      await converge(registry, [...fleet(50).slice(1), instance(0, { weight: 3, address: "10.0.0.9" })]);
      expect(bench.proxy.mutations.length).toBe(before + 1);
    }));

  it("a weight above HAProxy's largest is cut, which is noted", () =>
    bench.using(async (registry) => {
      const heavy = instance(1, { weight: 1000 });
      await converge(registry, [heavy]);
      await assertHolds(registry, [heavy]);
      expect(registry.project(heavy)[0]).toMatchObject({
        spec: { weight: 256 },
        notes: ["weight 1000 is more than HAProxy's 256"],
      });
    }));

  it("a server that somebody deleted makes an update worth another listing", () =>
    bench.using(async (registry) => {
      await converge(registry, [instance(1)]);
      const changes = changesFor(registry, [instance(1, { weight: 9 })], await list(registry));
      const [entry] = await list(registry);
      await bench.haproxy.runtime(`set server ${entry?.key} state maint; del server ${entry?.key}`);
      expect(await apply(registry, changes)).toMatchObject([{ ok: false, retry: true, ambiguous: true }]);
      await converge(registry, [instance(1, { weight: 9 })]);
    }));

  it("a listing that ends at the end of a line is half a listing all the same", () =>
    bench.using(async (registry) => {
      await converge(registry, fleet(3));
      const [version, header, first] = (await bench.haproxy.runtime("show servers state")).split("\n");
      for (const body of [`${version}\n${header}\n`, `${version}\n${header}\n${first}\n`]) {
        bench.proxy.failReads({ kind: "answer", status: 200, body });
        await expect(list(registry)).rejects.toThrow(/^haproxy: the answer to "show servers state" is not understood/);
      }
      await bench.proxy.heal();
      await assertHolds(registry, fleet(3));
    }));

  it("a line of commands of which only the first was answered may be done or not", () =>
    bench.using(async (registry) => {
      bench.proxy.failMutation(1, { kind: "answer", status: 200, body: "New server registered." });
      const outcomes = await apply(registry, changesFor(registry, fleet(1), []));
      expect(outcomes).toMatchObject([{ ok: false, retry: true, ambiguous: true }]);
    }));

  it("when HAProxy hangs, 50 changes take one time-out and not 50", () =>
    bench.using(
      async (registry) => {
        const changes = changesFor(registry, fleet(50), []);
        bench.proxy.failMutation(2, { kind: "hang" });
        const began = performance.now();
        const outcomes = await apply(registry, changes);
        expect(performance.now() - began).toBeLessThan(1500);
        expect(outcomes[0]).toEqual({ ok: true });
        expect(outcomes[1]).toMatchObject({ ok: false, retry: true, ambiguous: true });
        for (const outcome of outcomes.slice(2)) expect(outcome).toMatchObject({ retry: true, ambiguous: false });
        await bench.proxy.heal();
      },
      { timeout: 300 },
    ));

  it.each(["/nowhere/admin.sock", "127.0.0.1:1", "localhost:1", "[::1]:1"])(
    "a HAProxy that isn't there is told with its place, and nothing was done: %s",
    async (socket) => {
      const owner = { cluster: "c", node: { id: "n1", address: "10.0.0.1" } };
      await using registry = await openRegistry({ socket }, owner);
      const [outcome] = await apply(registry, changesFor(registry, [instance(1)], []));
      expect(outcome).toMatchObject({ ok: false, retry: true, ambiguous: false });
      expect(outcome).toHaveProperty("error", expect.stringMatching(/: HAProxy at \S+: connect (ENOENT|E\w+) \S+$/));
      await expect(list(registry)).rejects.toThrow(/^haproxy: HAProxy at \S+: connect E/);
    },
  );

  it("a socket that isn't for administrators is refused, with the remedy", async () => {
    await using modest = await startHaproxy(
      ({ socket, front }) => `
global
  stats socket ${socket} level operator
defaults
  mode http
  timeout connect 1s
  timeout client 1s
  timeout server 1s
frontend http
  bind ${front}
backend web
`,
    );
    const owner = { cluster: "c", node: { id: "n1", address: "10.0.0.1" } };
    await using registry = await openRegistry({ socket: modest.socket }, owner);
    const [outcome] = await apply(registry, changesFor(registry, [instance(1)], []));
    expect(outcome).toMatchObject({ ok: false, retry: false, ambiguous: false });
    expect(outcome).toHaveProperty("error", expect.stringMatching(/Permission denied.*level admin/));
  });

  it.each([
    [{}, "registries.haproxy.socket: expected a path such as /run/haproxy/admin.sock, or HOST:PORT; got nothing"],
    [{ socket: "here" }, /registries\.haproxy\.socket: expected .*; got "here"/],
    [{ socket: "/s", server: "check; shutdown" }, /registries\.haproxy\.server: expected parameters in one line/],
    [{ socket: "/s", services: "web" }, /registries\.haproxy\.services: expected a list of names/],
    [{ socket: "/s", timeout: 0 }, /registries\.haproxy\.timeout: expected a whole number of milliseconds/],
    [{ socket: "/s", sockets: "/t" }, /registries\.haproxy\.sockets: no such option; known are socket, services/],
  ])("options that make no sense are refused by name: %j", async (options, message) => {
    const owner = { cluster: "c", node: { id: "n1", address: "10.0.0.1" } };
    await expect(openRegistry(options, owner)).rejects.toThrow(message);
  });
});
