import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { AlbOptions } from "../../adapters/registries/alb/options.ts";
import { createOwnership } from "../../adapters/registries/alb/ownership.ts";
import { project } from "../../adapters/registries/alb/project.ts";
import type { Instance } from "../../src/model.ts";
import { instance } from "../conformance/registry/fleet.ts";

const ARN = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/api/0000000000000001";
const NODE = { id: "n1", address: "10.0.0.1" };

function projected(
  changes: Partial<Instance>,
  targetGroups: Record<string, string> = { web: "web" },
  hosts: string[] = [],
) {
  const { foreign } = createOwnership(NODE, hosts);
  const settings = { name: "alb", targetGroups, foreign, madeFor: () => null };
  return project(instance(1, changes), settings).map(({ registration }) => registration);
}

describe("projection", () => {
  it("is one target in the service's group", () => {
    expect(projected({})).toEqual([
      {
        ...{ key: "web/10.0.0.1:10001", instance: "task1:80", service: "web", task: "task1", source: "docker" },
        ...{ endpoint: "10.0.0.1:10001/tcp", rank: 0, spec: { group: "web", address: "10.0.0.1", port: 10_001 } },
      },
    ]);
  });

  it.each([
    ["no group is named for its service", { service: "db" }],
    ["its service is called like a property of every object", { service: "constructor" }],
    ["it does not speak TCP", { protocol: "udp" as const }],
  ])("is nothing where %s", (_, changes) => {
    expect(projected(changes)).toEqual([]);
  });

  it("a label beats the configuration, and a name and an ARN of one group are one", () => {
    const keys = projected({ albTargetGroups: ["api", ARN, "other"] }).map(({ key }) => key);
    expect(keys).toEqual(["api/10.0.0.1:10001", "other/10.0.0.1:10001"]);
  });

  it.each([
    ["a group that is none", { albTargetGroups: ["a/b"] }, '"a/b" is neither the name nor the ARN of a target group'],
    [
      "another kind of ARN",
      { albTargetGroups: [ARN.replace("targetgroup", "loadbalancer")] },
      "neither the name nor the ARN",
    ],
    ["port 0, which goes on the wire unchecked", { port: 0 }, "port 0 is not between 1 and 65535"],
    ["no address", { address: null }, "it has no address and port yet"],
    ["a host name", { address: "agent-1" }, '"agent-1" is no IP address'],
    ["an address of another node", { address: "10.0.0.2" }, "10.0.0.2 is not this node's address (10.0.0.1)"],
    ["an IPv6 address that looks like ours", { address: "::ffff:10.0.0.1" }, "is not this node's address"],
  ])("refuses %s, by name", (_, changes, error) => {
    expect(() => projected(changes)).toThrow(`alb: "task1:80": `);
    expect(() => projected(changes)).toThrow(error);
  });

  it("takes task addresses in the networks that hosts names, in one spelling", () => {
    const [entry] = projected({ address: "FD00:0::0001" }, undefined, ["fd00::/16"]);
    expect(entry?.key).toBe("web/[fd00::1]:10001");
  });
});

describe("options", () => {
  it("have a default each", () => {
    expect(v.parse(AlbOptions, {})).toEqual({
      ...{ targetGroups: {}, discover: true, hosts: [], musters: 1, healthPoll: 10_000, timeout: 5000 },
    });
  });

  it.each([
    [{ targetGroups: { web: "-web" } }, "expected a target group's name or ARN"],
    [{ targetGroups: { web: "internal-web" } }, "expected a target group's name or ARN"],
    [{ instanceId: "web-1" }, "expected an EC2 instance id such as i-0123456789abcdef0"],
    [{ hosts: ["10.0.0.0/33"] }, "expected an IP address or a network such as 10.0.0.0/16"],
    [{ hosts: ["10.0.0.0/8/8"] }, "expected an IP address or a network such as 10.0.0.0/16"],
    [{ region: "Ireland" }, "expected a region such as eu-west-1"],
    [{ musters: 0 }, "expected how many Musters there are, a whole number from 1 to 10000"],
  ])("%o: %s", (options, error) => {
    const result = v.safeParse(AlbOptions, options);
    expect(result.issues?.map(({ message }) => message)).toContain(error);
  });
});
