/** What the harness calls broken: a comparison or a watch that sees nothing would let everything pass. */
import { describe, expect, it } from "vitest";
import { blinksIn, type Look } from "./blinks.ts";
import { difference } from "./compare.ts";
import { expectedOf } from "./expected.ts";
import type { Endpoint } from "./running.ts";
import { touched } from "./strangers.ts";

const GRACE = { graceMs: 10 };
const ONE = "10.0.0.1:80";

/** A look every 5 ms: whether the task runs, and whether it has an entry. */
function looks(...said: readonly (readonly [runs: boolean, held: boolean, excused?: string])[]): readonly Look[] {
  return said.map(([runs, held, excused], index) => ({
    at: index * 5,
    running: new Map([[0, new Set(runs ? [`t1 ${ONE}`] : [])]]),
    held: new Map([["kong", new Set(held ? [ONE] : [])]]),
    excused: new Set(excused === undefined ? [] : [excused]),
  }));
}

describe("entries of the living that are gone", () => {
  const gone = { registry: "kong", endpoint: ONE, at: 5 };

  it("is told when the task runs on for longer than an end takes, though the entry comes back", () => {
    expect(blinksIn(looks([true, true], [true, false], [true, true], [true, true]), GRACE)).toEqual([gone]);
  });

  it("is not told of what ends soon, has just ended, never had an entry, or before that can be known", () => {
    expect(blinksIn(looks([true, true], [true, false], [true, false], [false, false]), GRACE)).toEqual([]);
    expect(blinksIn(looks([true, true], [false, false], [false, false], [false, false]), GRACE)).toEqual([]);
    expect(blinksIn(looks([true, false], [true, false], [true, false], [true, false]), GRACE)).toEqual([]);
    expect(blinksIn(looks([true, true], [true, false], [true, false]), GRACE)).toEqual([]);
  });

  it("is not told of another task at the same address, nor where it is excused, in time and place only", () => {
    const another = looks([true, true], [true, false], [true, false], [true, false]).map((look, index) =>
      index < 2 ? look : { ...look, running: new Map([[0, new Set([`t2 ${ONE}`])]]) },
    );
    const excusedAs = (excuse: string) => looks([true, true], [true, false, excuse], [true, true], [true, true]);

    expect(blinksIn(another, GRACE)).toEqual([]);
    expect(blinksIn(excusedAs("0"), GRACE)).toEqual([]);
    expect(blinksIn(excusedAs("0 kong"), GRACE)).toEqual([]);
    expect(blinksIn(excusedAs("0 consul"), GRACE)).toEqual([gone]);
    expect(blinksIn(excusedAs("1"), GRACE)).toEqual([gone]);
  });
});

describe("the comparison", () => {
  const endpoint: Endpoint = {
    ...{ node: 0, task: "t1", at: ONE, containerPort: 8080, service: "web" },
    labels: { "muster.meta.build": "7" },
  };
  const labels = {
    "muster.name": "api",
    "muster.tags": "a,b",
    "muster.route.host": "x.example",
    "muster.alb.target-group": "g",
  };
  const service = { name: "web", labels, wanted: 1, isUpdating: false };

  it("says what each registry should hold of a task", () => {
    expect(expectedOf([endpoint], [service])).toMatchObject({
      consul: { must: [`service api ${ONE} of t1 tags a,b build 7`] },
      kong: {
        must: [`target api ${ONE} of t1 weight 100`, "upstream api", "service api to api", "route api for x.example"],
      },
      vulcand: {
        must: [`server api ${ONE} of t1`, "backend api", "host x.example", 'frontend api for Host("x.example")'],
      },
      alb: { must: [`target g ${ONE}`] },
    });
  });

  it("of a task with two ports, each by its name, and only the labelled one with the route", () => {
    const two = [endpoint, { ...endpoint, at: "10.0.0.1:81", containerPort: 9090 }];
    const { kong } = expectedOf(two, [{ ...service, labels: { "muster.8080.route.host": "x.example" } }]);

    expect(kong.must.filter((line) => !line.startsWith("target"))).toEqual([
      ...["upstream web-8080", "service web-8080 to web-8080", "route web-8080 for x.example", "upstream web-9090"],
    ]);
  });

  it("lets a service without tasks keep its routes as they were, and no other service", () => {
    const routes = ["upstream api", "service api to api", "route api for old.example"];
    const { kong: none } = expectedOf([], [{ ...service, wanted: 0 }]);
    const { kong: some } = expectedOf([endpoint], [service]);

    expect(none.must).toEqual([]);
    expect(difference("kong", none, routes)).toEqual([]);
    expect(difference("kong", none, ["route web for old.example"])).toHaveLength(1);
    expect(difference("kong", some, [...some.must, "route api for old.example"])).toHaveLength(1);
  });

  it("sees what is missing, what should not be there, and what is there twice", () => {
    const expected = { must: ["a", "b"], may: ["c"] };

    expect(difference("alb", expected, ["b", "c", "a"])).toEqual([]);
    expect(difference("alb", { must: ["a"], may: ["a*"] }, ["a", "ab"])).toEqual([]);
    expect(difference("alb", expected, ["a", "d"])).toEqual([{ registry: "alb", missing: ["b"], surplus: ["d"] }]);
    expect(difference("alb", expected, ["a", "b", "b"])).toEqual([{ registry: "alb", missing: [], surplus: ["b"] }]);
  });

  it("sees the least change of a stranger's entry", () => {
    expect(touched([{ a: 1, b: undefined }], [{ a: 1 }])).toBeNull();
    expect(touched([{ a: 1 }], [{ a: 2 }])).toBe('was [{"a":1}], is [{"a":2}]');
    expect(touched([{ a: 1 }], [])).toBe('was [{"a":1}], is []');
  });
});
