import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConsulOptions } from "../../adapters/registries/consul/options.ts";
import {
  isOurNode,
  isOurs,
  nodeMeta,
  nodeName,
  ownerOf,
  serviceId,
} from "../../adapters/registries/consul/ownership.ts";
import { createPlacement, LOCAL, type Place } from "../../adapters/registries/consul/placement.ts";
import { project } from "../../adapters/registries/consul/project.ts";
import { readSpec } from "../../adapters/registries/consul/spec.ts";
import { parseConfig } from "../../src/config.ts";
import { check, instance } from "../conformance/registry/fleet.ts";
import { schemas as others } from "./config-fixture.ts";

const MAP = { "10.0.0.2": "http://10.0.0.2:8500", "agent-S1": "http://named:8500" };
const TEMPLATE = "http://{host}:8500";

describe("an instance's place", () => {
  const on = (host: string): Place => ({ kind: "agent", host });
  const inCatalog = (host: string): Place => ({ kind: "catalog", host });

  it.each([
    ["of this node, whatever is configured", { node: "me", address: "10.0.0.2" }, MAP, true, LOCAL],
    ["of a host with an agent", { node: "10.0.0.2", address: "172.17.0.2" }, MAP, false, on("10.0.0.2")],
    ["of a node with an agent", { node: "agent-S1", address: "10.0.0.9" }, MAP, true, on("agent-S1")],
    ["at an address with an agent", { node: "agent-S2", address: "10.0.0.2" }, MAP, true, on("10.0.0.2")],
    [
      "of a host without an agent, with the catalog",
      { node: "10.0.0.3", address: null },
      MAP,
      true,
      inCatalog("10.0.0.3"),
    ],
    ["of a host without an agent", { node: "10.0.0.3", address: null }, MAP, false, LOCAL],
    ["with nothing configured", { node: "10.0.0.3", address: null }, undefined, false, LOCAL],
    ["of a host, by template", { node: "h.example", address: "10.0.0.3" }, TEMPLATE, true, on("h.example")],
    [
      "of a node that is no host name, by template",
      { node: "AB:CD", address: "10.0.0.3" },
      TEMPLATE,
      true,
      on("10.0.0.3"),
    ],
    ["of a node that is no host name", { node: "AB:CD", address: "10.0.0.3" }, undefined, true, inCatalog("10.0.0.3")],
    ["with no host at all", { node: "AB:CD", address: null }, TEMPLATE, true, LOCAL],
    ["of a host that JavaScript knows", { node: "constructor", address: null }, MAP, false, LOCAL],
  ] as const)("%s", (_, where, agents, catalog, expected) => {
    expect(createPlacement({ agents, catalog }, "me").placeOf(where)).toEqual(expected);
  });

  it.each([
    ["10.0.0.2", "http://10.0.0.2:8500"],
    ["fd00::1", "http://[fd00::1]:8500"],
    ["evil/?x=", null],
    ["user@evil", null],
    ["0.0.0.0", null],
    ["", null],
  ])("leads by template from %j to %s", (host, url) => {
    expect(createPlacement({ agents: TEMPLATE, catalog: false }, "me").agentOf(host)).toBe(url);
  });
});

describe("the options for other hosts", () => {
  const schemas = { ...others, registries: { ...others.registries, consul: ConsulOptions } };

  function read(text: string, env: Record<string, string> = {}) {
    const result = parseConfig({ text: `registries: { consul: ${text} }`, file: "muster.yaml", env, schemas });
    return "problems" in result ? result.problems : result.config.registries["consul"];
  }

  it("are off by default", () => {
    expect(read("{}")).toMatchObject({ catalog: false });
    expect(read("{}")).not.toHaveProperty("agents");
  });

  it.each([
    ["{ agents: 'http://{host}:8500/' }", "http://{host}:8500"],
    ["{ agents: 'https://agent.{host}:8501/consul' }", "https://agent.{host}:8501/consul"],
    [
      "{ agents: { 10.0.0.2: http://10.0.0.2:8500/, h: https://h } }",
      { "10.0.0.2": "http://10.0.0.2:8500", h: "https://h" },
    ],
  ])("take %s", (text, agents) => {
    expect(read(text)).toMatchObject({ agents });
  });

  it("can come from the environment", () => {
    const from = (value: string) => read("{}", { MUSTER_REGISTRIES__CONSUL__AGENTS: value });
    expect(from(TEMPLATE)).toMatchObject({ agents: TEMPLATE });
    expect(from("{ h: http://h:8500 }")).toMatchObject({ agents: { h: "http://h:8500" } });
  });

  it.each([
    ["{ agents: 'http://h:8500' }", "expected a URL with {host} as its host"],
    ["{ agents: 'http://h/{host}' }", "expected a URL with {host} as its host"],
    ["{ agents: '{host}:8500' }", "expected a URL with {host} as its host"],
    ["{ agents: 'http://u:p@{host}:8500' }", "expected a URL with {host} as its host"],
    ["{ agents: [a] }", "expected a URL with {host} as its host"],
    ["{ agents: 7 }", "expected a URL with {host} as its host"],
    ["{ agents: { h: nowhere } }", "registries.consul.agents.h: expected an http(s) URL"],
    ["{ catalog: maybe }", "registries.consul.catalog: expected true or false"],
  ])("refuse %s", (text, problem) => {
    expect(read(text)).toEqual([expect.stringContaining(problem)]);
  });
});

describe("ids", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "A", ":", "~", "@", "4", "1", "."), minLength: 1, maxLength: 5 });
  const place = fc.oneof(
    fc.constant(LOCAL),
    fc.record({ kind: fc.constantFrom("agent" as const, "catalog" as const), host: text }),
  );

  it("are different in different places, for consumers of the catalog too, who can't tell a from A", async () => {
    await fc.assert(
      fc.asyncProperty(text, text, place, text, place, async (node, one, at, other, where) => {
        const owner = ownerOf("c", node);
        const [a, b] = [serviceId(owner, one, at), serviceId(owner, other, where)];
        const isSame = one === other && JSON.stringify(at) === JSON.stringify(where);

        expect(a === b).toBe(isSame);
        if (at.kind !== "local" && where.kind !== "local") {
          expect(a.toLowerCase() === b.toLowerCase()).toBe(isSame);
          const [first, second] = [nodeName(owner, at.host), nodeName(owner, where.host)];
          expect(first.toLowerCase() === second.toLowerCase()).toBe(at.host === where.host);
          expect([first, second]).not.toContain(a);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("are ours only with all marks, where they belong", () => {
    const owner = ownerOf("c", "n");
    const meta = { muster_owner: "c/n", muster_id: "x", muster_host: "h" };
    const [local, onAgent, inCatalog] = ["muster:c:n:x", "muster:c:n:x@h", "muster:c:n:x@catalog:h"];

    expect([isOurs(owner, onAgent, meta, "agent"), isOurs(owner, inCatalog, meta, "catalog")]).toEqual([true, true]);
    expect([isOurs(owner, inCatalog, meta, "agent"), isOurs(owner, onAgent, meta, "catalog")]).toEqual([false, false]);
    expect(isOurs(owner, onAgent, { ...meta, muster_host: "other" }, "agent")).toBe(false);
    expect(isOurs(owner, local, meta, "agent")).toBe(false);
    const { muster_host: _, ...plain } = meta;
    expect([isOurs(owner, local, plain, "agent"), isOurs(owner, local, plain, "catalog")]).toEqual([true, false]);
  });

  it("of nodes are ours only with our mark and for their host", () => {
    const owner = ownerOf("c", "n");
    expect(isOurNode(owner, nodeName(owner, "h"), nodeMeta(owner, "h"))).toBe(true);
    expect(isOurNode(owner, nodeName(owner, "h"), nodeMeta(owner, "other"))).toBe(false);
    expect(isOurNode(owner, nodeName(owner, "h"), nodeMeta(ownerOf("c", "n2"), "h"))).toBe(false);
    expect(isOurNode(owner, nodeName(owner, "h"), {})).toBe(false);
  });
});

describe("an entry for the catalog", () => {
  const placement = createPlacement({ agents: undefined, catalog: true }, "me");
  const settings = { name: "consul", owner: ownerOf("c", "me"), enableTagOverride: false, placement };

  it.each([
    ["none", "passing"],
    ["passing", "passing"],
    ["failing", "critical"],
    ["unknown", "critical"],
  ] as const)("has for health %s one check that is %s", (health, Status) => {
    const checks = [check(), check({ type: "ttl", target: "" }), check()];

    const { spec, key, notes } = project(instance(1, { node: "h", health, checks }), settings);

    expect(readSpec(spec).checks).toEqual([
      { id: `${key}:check:1`, name: "health as Muster knows it", definition: { Status } },
    ]);
    expect(notes).toEqual(["checks left out (http, ttl): h has no agent to run them"]);
  });
});
