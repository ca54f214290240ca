import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { createIds } from "../../adapters/registries/vulcand/ids.ts";
import { VulcandOptions } from "../../adapters/registries/vulcand/options.ts";
import { type ProjectOptions, project } from "../../adapters/registries/vulcand/project.ts";
import type { Instance } from "../../src/model.ts";
import { instance } from "../conformance/registry/fleet.ts";

const ids = createIds("default", "n1");
const ROUTE = { hosts: ["shop.example"], paths: ["/cart"], stripPath: false, priority: null };

function projected(changes: Partial<Instance>, options: Partial<ProjectOptions> = {}) {
  const all = { instances: "all" as const, passHost: true, ...options };
  return project(instance(1, changes), { name: "vulcand", ids, options: all });
}

describe("an instance in Vulcand", () => {
  it("without a route is a server of its service's backend", () => {
    expect(projected({}).map(({ key, rank, endpoint }) => [key, rank, endpoint])).toEqual([
      ["backends/muster:default:web:", -3, null],
      ["backends/muster:default:web:/servers/muster:default:n1:docker:task1:80::", 0, "10.0.0.1:10001/tcp"],
    ]);
  });

  it("is nothing where it speaks no TCP, or has no route where only those are wanted", () => {
    expect(projected({ protocol: "udp" })).toEqual([]);
    expect(projected({}, { instances: "routed" })).toEqual([]);
    expect(projected({ routes: [ROUTE] }, { instances: "routed" })).toHaveLength(4);
  });

  it("has a frontend for each host and path, a host for each name, and says what is left out", () => {
    const hosts = ["a.example", "B.example", "*.c.example"];
    const entries = projected({ routes: [{ hosts, paths: ["/x", "/y"], stripPath: false, priority: 7 }] });
    expect(entries.filter(({ rank }) => rank === -4).map(({ key }) => key)).toEqual([
      "hosts/a.example",
      "hosts/b.example",
    ]);
    expect(entries.flatMap(({ claims = [] }) => claims)).toEqual([
      ...["a.example/x", "a.example/y", "b.example/x", "b.example/y", "*.c.example/x", "*.c.example/y"],
    ]);
    expect(entries.at(-1)?.notes).toEqual([expect.stringContaining("route priority 7 left out")]);
  });

  it("has no route that would need its path stripped: better none than one that leads astray", () => {
    const entries = projected({ routes: [{ ...ROUTE, stripPath: true }] });
    expect(entries.map(({ rank }) => rank)).toEqual([-3, 0]);
    expect(entries[1]?.notes).toEqual([expect.stringContaining("shop.example/cart left out")]);
    expect(projected({ routes: [{ ...ROUTE, paths: [], stripPath: true }] })).toHaveLength(4);
  });

  it("has a listener only where the operator wants one and it has a route and a service port", () => {
    const listeners = (changes: Partial<Instance>, options: Partial<ProjectOptions>) =>
      projected(changes, options).filter(({ rank }) => rank === -2);
    const full = { routes: [ROUTE], servicePort: 10_001 };
    expect(listeners(full, {})).toEqual([]);
    expect(listeners({ ...full, routes: [] }, { listen: "0.0.0.0" })).toEqual([]);
    expect(listeners({ ...full, servicePort: null }, { listen: "0.0.0.0" })).toEqual([]);
    expect(listeners(full, { listen: "::" })).toMatchObject([{ claims: ["listener [::]:10001"] }]);
  });

  it("needs other frontends than one with other routes, and its id says so", () => {
    const keyOf = (paths: readonly string[]) => projected({ routes: [{ ...ROUTE, paths }] }).at(-1)?.key;
    expect(new Set([["/a"], ["/b"], ["/a", "/b"]].map(keyOf)).size).toBe(3);
    expect(keyOf(["/a", "/b"])).toBe(keyOf(["/b", "/a"]));
  });

  it.each([
    [{ address: null }, "it has no address and port yet"],
    [{ task: "" }, "its task is empty"],
    [{ id: "\ud800" }, "its id is not valid Unicode"],
    [{ service: "s".repeat(1000) }, "its backend would have a path of"],
    [{ routes: [{ ...ROUTE, paths: ["//evil.example"] }] }, 'route path "//evil.example" must start with one'],
  ])("%o is refused in one line: %s", (changes, fault) => {
    expect(() => projected(changes)).toThrow(fault);
    expect(() => projected(changes)).toThrow(/^vulcand: "\P{Cc}*$/u);
  });
});

describe("the options", () => {
  const issue = (options: object) => v.safeParse(VulcandOptions, options).issues?.[0]?.message;

  it("have defaults", () => {
    expect(v.parse(VulcandOptions, {})).toEqual({
      ...{ url: "http://127.0.0.1:8182", ttl: 30_000, instances: "all", passHost: true, timeout: 5000 },
    });
  });

  it.each(["4s", "1500ms", "5500ms", "0s"])("a TTL of %s is refused", (ttl) => {
    expect(issue({ ttl })).toMatch(/^expected whole seconds, 5s or more/);
  });

  it.each([
    [{ listen: "all" }, /^expected an IP address/],
    [{ instances: "some" }, /^expected all or routed/],
    [{ url: "http://u:p@vulcand:8182" }, /^expected a URL without credentials/],
  ])("%o is refused", (options, message) => {
    expect(issue(options)).toMatch(message);
  });
});
