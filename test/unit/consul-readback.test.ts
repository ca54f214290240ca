import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { HealthChecks, type Service, Services } from "../../adapters/registries/consul/answers.ts";
import { ownerOf } from "../../adapters/registries/consul/ownership.ts";
import { project } from "../../adapters/registries/consul/project.ts";
import { readBack } from "../../adapters/registries/consul/readback.ts";
import { readSpec } from "../../adapters/registries/consul/spec.ts";
import { check, instance } from "../conformance/registry/fleet.ts";

const owner = ownerOf("c", "n");
const entry = project(instance(1, { checks: [check()] }), { name: "consul", owner, enableTagOverride: false });
const spec = readSpec(entry.spec);

/** What an agent holds of `entry`. */
function held(changes: Partial<Service> = {}): Service {
  return {
    ID: entry.key,
    Service: spec.service,
    Address: spec.address,
    Port: spec.port,
    Tags: [...spec.tags],
    Meta: { ...spec.meta },
    Weights: { Passing: 1, Warning: 1 },
    EnableTagOverride: false,
    ...changes,
  };
}

const checks = spec.checks.map(({ id, name, definition }) => ({
  CheckID: id,
  Name: name,
  ServiceID: entry.key,
  Status: "critical",
  Notes: JSON.stringify(definition),
}));

describe("readBack", () => {
  it("gives what project gave", () => {
    expect(readBack(owner, [held()], checks)).toEqual({ ours: [entry], taken: new Map() });
  });

  it.each([
    ["another owner's mark", { ...spec.meta, muster_owner: "c/other" }],
    ["another instance's id", { ...spec.meta, muster_id: "other" }],
    ["no mark", { muster_id: "task1:80" }],
    ["no instance", { muster_owner: "c/n" }],
    ["no meta", {}],
  ])("takes an entry on our id with %s for a stranger's", (_, Meta) => {
    expect(readBack(owner, [held({ Meta, Service: "theirs" })], checks)).toEqual({
      ours: [],
      taken: new Map([[entry.key, "theirs"]]),
    });
  });

  it.each(["", "by hand", "[]", '{"HTTP":1}', '{"HTTP":"http://other/"}'])(
    "sees a check with the notes %j as another one",
    (Notes) => {
      const { ours } = readBack(
        owner,
        [held()],
        checks.map((each) => ({ ...each, Notes })),
      );

      expect(ours).toHaveLength(1);
      expect(ours[0]?.spec).not.toEqual(entry.spec);
    },
  );

  it("takes a broken record of our tags for a change of them", () => {
    const Meta = { ...spec.meta, muster_tags: "[" };

    const { ours } = readBack(owner, [held({ Meta, EnableTagOverride: true, Tags: ["x"] })], checks);

    expect(ours[0]?.spec).toMatchObject({ tags: ["x"] });
  });
});

describe("an answer", () => {
  const whole = { ID: "a", Service: "web" };

  it("needs nothing but identity", () => {
    const parsed = v.parse(Services, { a: { ...whole, Tags: null, Meta: null, Kind: "", New: {} } });

    expect(parsed).toEqual({
      a: {
        ...whole,
        Address: "",
        Port: 0,
        Tags: [],
        Meta: {},
        Weights: { Passing: 1, Warning: 1 },
        EnableTagOverride: false,
      },
    });
  });

  it.each([
    ["an array", []],
    ["null", null],
    ["an entry that is none", { a: whole, b: null }],
    ["an entry without an id", { a: whole, b: { Service: "web" } }],
    ["an entry with an empty id", { a: whole, b: { ID: "", Service: "web" } }],
    ["a port that is no number", { a: { ...whole, Port: "80" } }],
    ["an error", { error: "no" }],
  ])("that is or holds %s is no listing, not even of the rest", (_, answer) => {
    expect(v.safeParse(Services, answer).success).toBe(false);
  });

  it.each([
    ["an array", []],
    ["a check without an id", { a: { CheckID: "a" }, b: {} }],
  ])("that is or holds %s is no listing of checks", (_, answer) => {
    expect(v.safeParse(HealthChecks, answer).success).toBe(false);
  });
});
