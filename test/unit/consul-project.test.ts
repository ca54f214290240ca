import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ownerOf, serviceId } from "../../adapters/registries/consul/ownership.ts";
import { project } from "../../adapters/registries/consul/project.ts";
import { readSpec, serviceBody } from "../../adapters/registries/consul/spec.ts";
import { check, instance } from "../conformance/registry/fleet.ts";

const owner = ownerOf("c", "n");
const settings = { name: "consul", owner, enableTagOverride: false };

describe("project", () => {
  it("makes a registration whose body has what Consul is to hold", () => {
    const { spec, ...entry } = project(instance(1, { weight: 3, meta: { team: "red" } }), settings);

    expect(entry).toEqual({
      key: "muster:c:n:task1:80",
      instance: "task1:80",
      service: "web",
      task: "task1",
      source: "docker",
      endpoint: "10.0.0.1:10001/tcp",
      rank: 0,
    });
    expect(serviceBody(entry.key, readSpec(spec))).toEqual({
      ID: "muster:c:n:task1:80",
      Name: "web",
      Address: "10.0.0.1",
      Port: 10_001,
      Tags: ["a", "b"],
      Meta: { team: "red", muster_owner: "c/n", muster_id: "task1:80", muster_task: "task1", muster_source: "docker" },
      Weights: { Passing: 3, Warning: 1 },
      EnableTagOverride: false,
      Checks: [],
    });
  });

  it.each([
    ["no address", { address: null }, "it has no address and port yet"],
    ["no port", { port: null }, "it has no address and port yet"],
    ["port 0", { port: 0 }, "port 0 is not between 1 and 65535"],
    ["port 70000", { port: 70_000 }, "port 70000 is not between 1 and 65535"],
    ["a port with a fraction", { port: 1.5 }, "port 1.5 is not between 1 and 65535"],
    ["every address", { address: "0.0.0.0" }, 'address "0.0.0.0" is no address that others could connect to'],
    ["every IPv6 address", { address: "::" }, 'address "::" is no address that others could connect to'],
    ["an address with a space", { address: "a b" }, 'address "a b" is no address that others could connect to'],
    ["no service name", { service: "" }, "its service name is empty"],
    ["a long service name", { service: "s".repeat(256) }, "its service name has 256 bytes, at most 255 are allowed"],
    ["control characters", { service: "a\nb" }, 'its service name "a\\nb" has control characters'],
    ["a long task", { task: "t".repeat(513) }, "its task has 513 bytes, Consul takes 512"],
    ["an empty id", { id: "" }, "its id is empty"],
    ["a broken id", { id: "a\ud800" }, "its id is not valid Unicode"],
  ])("refuses %s, by name", (_, changes, message) => {
    expect(() => project(instance(1, changes), settings)).toThrow(message);
    expect(() => project(instance(1, changes), settings)).toThrow(/^consul: "/);
  });

  it.each([
    ["a key with a dot", { "a.b": "x" }, `meta "a.b" left out: Consul takes letters, digits, '-' and '_' only`],
    ["an empty key", { "": "x" }, `meta "" left out: Consul takes letters, digits, '-' and '_' only`],
    ["a long key", { ["k".repeat(129)]: "x" }, "Consul takes keys of 128 characters"],
    ["Consul's own prefix", { "consul-x": "x" }, "the prefix consul- is reserved by Consul"],
    ["a forged mark", { muster_owner: "c/other" }, "the prefix muster_ is reserved for owner marks"],
    ["a long value", { k: "é".repeat(257) }, `meta "k" left out: its value has 514 bytes, Consul takes 512`],
  ])("leaves out %s, says so, and keeps the rest", (_, bad, note) => {
    const { spec, notes } = project(instance(1, { meta: { ...bad, good: "1" } }), settings);

    expect(notes).toHaveLength(1);
    expect(notes?.[0]).toContain(note);
    expect(readSpec(spec).meta).toMatchObject({ good: "1", muster_owner: "c/n" });
    expect(Object.keys(readSpec(spec).meta)).toHaveLength(5);
  });

  it("holds as many pairs as Consul takes, our marks first", () => {
    const meta = Object.fromEntries(Array.from({ length: 70 }, (_, n) => [`k${String(n).padStart(2, "0")}`, "v"]));

    const { spec, notes } = project(instance(1, { meta }), settings);

    expect(Object.keys(readSpec(spec).meta)).toHaveLength(64);
    expect(readSpec(spec).meta).toMatchObject({ k59: "v", muster_id: "task1:80" });
    expect(notes).toHaveLength(10);
  });

  it("never puts a value that was left out into a note", () => {
    const { notes } = project(instance(1, { meta: { "pass.word": "hunter2", k: "hunter2".repeat(100) } }), settings);

    expect(notes).toHaveLength(2);
    expect(JSON.stringify(notes)).not.toContain("hunter2");
  });

  it.each([
    ["web", false],
    ["web-1", false],
    ["web_1", true],
    ["wéb", true],
    ["a.b", true],
    ["-web", true],
    ["w".repeat(63), false],
    ["w".repeat(64), true],
  ])("notes that DNS can't carry %s: %s", (service, noted) => {
    const { notes = [] } = project(instance(1, { service }), settings);

    expect(notes).toEqual(
      noted ? [`service name ${JSON.stringify(shortened(service))} can't be looked up by DNS`] : [],
    );
  });

  it.each([
    [null, 1, 0],
    [1, 1, 0],
    [65_535, 65_535, 0],
    [0, 1, 1],
    [65_536, 65_535, 1],
    [2.4, 2, 1],
  ])("weighs %s as %s", (weight, passing, noted) => {
    const { spec, notes = [] } = project(instance(1, { weight }), settings);

    expect(readSpec(spec).weights).toEqual({ passing, warning: 1 });
    expect(notes).toHaveLength(noted);
  });

  it("tells by a tag and in its marks what is not TCP", () => {
    const { spec, endpoint } = project(instance(1, { protocol: "udp", address: "fd00::1" }), settings);

    expect(endpoint).toBe("[fd00::1]:10001/udp");
    expect(readSpec(spec)).toMatchObject({ tags: ["a", "b", "udp"], meta: { muster_protocol: "udp" } });
    const tagged = project(instance(1, { protocol: "udp", tags: ["udp", "x"] }), settings);
    expect(readSpec(tagged.spec).tags).toEqual(["udp", "x"]);
  });

  it("keeps a record of its tags where others may change them, unless that is too long", () => {
    const overridable = { ...settings, enableTagOverride: true };

    const { spec } = project(instance(1), overridable);
    const long = project(instance(1, { tags: ["t".repeat(600)] }), overridable);

    expect(readSpec(spec)).toMatchObject({ enableTagOverride: true, meta: { muster_tags: '["a","b"]' } });
    expect(readSpec(long.spec).enableTagOverride).toBe(false);
    expect(readSpec(long.spec).meta).not.toHaveProperty("muster_tags");
    expect(long.notes).toHaveLength(1);
  });
});

describe("checks", () => {
  function definitions(...args: Parameters<typeof instance>) {
    return readSpec(project(instance(...args), settings).spec).checks.map(({ definition }) => definition);
  }

  it("go to the endpoint, in Consul's terms", () => {
    const checks = [
      check({ target: "/h?a=b", method: "HEAD", deregisterAfter: 90_000, timeout: 1500 }),
      check({ type: "https", target: "h", interval: null, timeout: null, tls: { use: true, skipVerify: true } }),
      check({ type: "tcp", target: "", timeout: null }),
      check({ type: "grpc", target: "svc", timeout: null, tls: { use: true, skipVerify: true } }),
      check({ type: "ttl", target: "", ttl: 15_000 }),
    ];

    expect(definitions(1, { checks, address: "fd00::1", port: 80 })).toEqual([
      {
        HTTP: "http://[fd00::1]:80/h?a=b",
        Method: "HEAD",
        Interval: "10s",
        Timeout: "1500ms",
        DeregisterCriticalServiceAfter: "90s",
      },
      { HTTP: "https://[fd00::1]:80/h", TLSSkipVerify: true, Interval: "10s" },
      { TCP: "[fd00::1]:80", Interval: "10s" },
      { GRPC: "[fd00::1]:80/svc", GRPCUseTLS: true, TLSSkipVerify: true, Interval: "10s" },
      { TTL: "15s", Status: "passing" },
    ]);
  });

  it("can't be sent to another host by their target", () => {
    expect(definitions(1, { checks: [check({ target: "@evil.example/" })] })).toEqual([
      { HTTP: "http://10.0.0.1:10001/@evil.example/", Interval: "10s", Timeout: "1s" },
    ]);
  });

  it.each([
    ["passing", null, "passing"],
    ["none", null, undefined],
    ["passing", "critical", "critical"],
    ["none", "warning", "warning"],
  ] as const)("start, for health %s and a wish for %s, as %s", (health, initialStatus, expected) => {
    const [definition] = definitions(1, { health, checks: [check({ initialStatus })] });

    expect(definition?.["Status"]).toBe(expected);
  });

  it("that Consul would change or that can't work are changed or left out, with a note", () => {
    const checks = [
      check({ interval: 10, deregisterAfter: 5000 }),
      check({ target: "/a b" }),
      check({ type: "ttl", target: "", ttl: 10 }),
    ];

    const { spec, notes } = project(instance(1, { checks }), settings);

    expect(readSpec(spec).checks).toMatchObject([
      { id: "muster:c:n:task1:80:check:1", definition: { Interval: "1s", DeregisterCriticalServiceAfter: "60s" } },
      { id: "muster:c:n:task1:80:check:2", definition: { TTL: "1s" } },
    ]);
    expect(notes).toHaveLength(4);
    const udp = project(instance(1, { protocol: "udp", checks: [check({ type: "tcp" })] }), settings);
    expect(readSpec(udp.spec).checks).toEqual([]);
    expect(udp.notes).toEqual(["check tcp left out: the port is udp, which Consul can't check"]);
  });
});

describe("serviceId", () => {
  const text = fc.string({
    unit: fc.constantFrom("a", "A", ":", "~", "3", "/", ".", "é", "%", "`", "\\", " "),
    maxLength: 5,
  });

  it("is different for different owners and instances, and safe in a path, a filter and a header", async () => {
    await fc.assert(
      fc.asyncProperty(text, text, text, text, async (node, id, otherNode, otherId) => {
        const one = serviceId(ownerOf("c", node), id);
        const other = serviceId(ownerOf("c", otherNode), otherId);

        expect(one === other).toBe(node === otherNode && id === otherId);
        expect(one).toMatch(/^[A-Za-z0-9._:~-]+$/);
      }),
      { numRuns: 2000 },
    );
  });
});

function shortened(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
