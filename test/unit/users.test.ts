/** Whether all who hang on a service-level object are tasks that the leader knows. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Instance } from "../../src/model.ts";
import { areKnown } from "../../src/users.ts";
import { instance } from "../conformance/registry/fleet.ts";

function at(address: string, port: number, changes: Partial<Instance> = {}): Instance {
  return instance(port, { service: "web", address, port, ...changes });
}

describe("users at addresses", () => {
  const known = [at("10.0.0.2", 80), at("10.0.0.3", 80, { service: "api" }), at("fd00::1", 80)];
  it.each([
    ["are known, of whatever service", ["10.0.0.2:80/tcp", "10.0.0.3:80/tcp", "[fd00::1]:80/tcp"], true],
    ["are none of it at another port", ["10.0.0.2:81/tcp"], false],
    ["are none of it at another address", ["10.0.0.4:80/tcp"], false],
    ["are none of it over another protocol", ["10.0.0.2:80/udp"], false],
    ["that can't be read are unknown", ["10.0.0.2:80/tcp", "?"], false],
  ])("%s", (_, users, expected) => {
    expect(areKnown(users, "web", known)).toBe(expected);
  });
});

describe("users on machines of another name", () => {
  const known = [at("10.0.0.2", 80), at("10.0.0.2", 81), at("10.0.0.3", 80)];
  it.each([
    ["one for each node with its very ports", ["i-b:80/tcp", "i-a:80/tcp", "i-a:81/tcp"], true],
    ["a machine more", ["i-a:80/tcp", "i-a:81/tcp", "i-b:80/tcp", "i-c:80/tcp"], false],
    ["a port more", ["i-a:80/tcp", "i-a:81/tcp", "i-b:80/tcp", "i-b:82/tcp"], false],
    ["the same ports on other machines", ["i-a:80/tcp", "i-a:80/tcp", "i-b:80/tcp", "i-c:81/tcp"], false],
    ["a task that is not registered leaves its place to nobody", ["i-a:80/tcp"], false],
    ["others by their addresses", ["10.0.0.2:80/tcp", "i-b:80/tcp"], true],
  ])("%s", (_, users, expected) => {
    expect(areKnown(users, "web", known)).toBe(expected);
  });

  it("are of the same service, ready, and of the same protocol", () => {
    const users = ["i-a:80/tcp"];
    expect(areKnown(users, "web", [at("10.0.0.2", 80)])).toBe(true);
    expect(areKnown(users, "web", [at("10.0.0.2", 80), at("10.0.0.9", 53, { protocol: "udp" })])).toBe(true);
    expect(areKnown(users, "web", [at("10.0.0.2", 80), at("10.0.0.9", 80, { service: "api" })])).toBe(true);
    expect(areKnown(users, "web", [at("10.0.0.2", 80, { service: "api" })])).toBe(false);
    expect(areKnown(users, "web", [at("10.0.0.2", 80, { state: "draining" })])).toBe(false);
  });
});

it("whatever runs is known, and nothing is that is there besides", () => {
  const place = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4 }));
  const places = fc.uniqueArray(place, { selector: ([node, port]) => `${node}:${port}`, maxLength: 12 });
  fc.assert(
    fc.property(places, place, fc.boolean(), (all, [machine, port], isNamed) => {
      const users = all.map(([node, each]) => (isNamed ? `i-${node * 7}:${each}/tcp` : `10.0.0.${node}:${each}/tcp`));
      const known = all.map(([node, each]) => at(`10.0.0.${node}`, each));
      expect(areKnown(users, "web", known)).toBe(true);
      const stranger = isNamed ? `i-${machine}00:${port}/tcp` : `10.0.1.${machine}:${port}/tcp`;
      expect(areKnown([...users, stranger], "web", known)).toBe(false);
    }),
  );
});
