/** The pure parts of the Kong adapter: marks, names, paths, addresses, options. */
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { dialectOf } from "../../adapters/registries/kong/dialect.ts";
import { marksIn, othersTags, routesIn, routesTag, tagFault, tagsFor } from "../../adapters/registries/kong/marks.ts";
import { objectName, routeIndex, routeName, serviceFault } from "../../adapters/registries/kong/names.ts";
import { KongOptions } from "../../adapters/registries/kong/options.ts";
import { normalPath, readPath, writePath } from "../../adapters/registries/kong/path.ts";
import { addressFault, readTarget, targetOf } from "../../adapters/registries/kong/target.ts";

const anyText = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });

describe("marks", () => {
  it("come back from tags as they were, whatever they say, and the tags are legal on every version", () => {
    const any = fc.record({
      cluster: anyText,
      service: anyText,
      node: anyText,
      instance: anyText,
      task: anyText,
      source: anyText,
      target: anyText,
    });
    fc.assert(
      fc.property(any, (marks) => {
        const tags = tagsFor(marks);
        for (const tag of tags) expect(tag).toMatch(/^[A-Za-z0-9._~-]+$/);
        expect(marksIn(["team-a", ...tags])).toEqual(marks);
        expect(othersTags(["team-a", ...tags])).toEqual(["team-a"]);
      }),
    );
  });

  it.each([
    [["muster-cluster.c", "muster-service.s"]],
    [["muster", "muster-service.s"]],
    [["muster", "muster-cluster.c"]],
    [["muster", "muster-cluster.c", "muster-cluster.d", "muster-service.s"]],
    [["muster", "muster-cluster.~zz", "muster-service.s"]],
    [["muster", "muster-cluster.~41", "muster-service.s"]],
    [["MUSTER", "muster-cluster.c", "muster-service.s"]],
  ])("%j are none", (tags) => {
    expect(marksIn(tags)).toBeNull();
  });

  it("a target's number of routes comes back, and is unknown where it is not said once and plainly", () => {
    for (const count of [0, 1, 9, 10, 1000]) {
      expect(routesTag(count)).toMatch(/^[a-z0-9.-]+$/);
      expect(routesIn(["team-a", routesTag(count), "muster"])).toBe(count);
      expect(othersTags(["team-a", routesTag(count)])).toEqual(["team-a"]);
    }
    for (const tags of [
      [],
      [routesTag(1), routesTag(2)],
      ...["", "01", "-1", "1.5", "all", "99999"].map((n) => [`muster-routes.${n}`]),
    ]) {
      expect(routesIn(tags), tags.join()).toBeNull();
    }
  });

  it("a value that no tag can hold is told", () => {
    expect(tagFault("id", "")).toBe("its id is empty");
    expect(tagFault("id", "\ud800")).toBe("its id is not valid Unicode");
    expect(tagFault("id", "/".repeat(1000))).toBe("its id is longer than 2000 characters as a tag");
    expect(tagFault("id", "a".repeat(300))).toBeNull();
  });
});

describe("names", () => {
  it("of two clusters never meet, and no route has the name of another service's", () => {
    const cluster = fc.stringMatching(/^[a-z0-9]{1,3}(?:\.[a-z0-9]{1,3})?$/);
    const service = fc.stringMatching(/^[a-z0-9](?:[a-z0-9_-]{0,3}[a-z0-9])?$/);
    fc.assert(
      fc.property(cluster, service, cluster, service, fc.nat(20), fc.nat(20), (c1, s1, c2, s2, i, j) => {
        fc.pre(c1 !== c2 || s1 !== s2);
        expect(objectName(c1, s1)).not.toBe(objectName(c2, s2));
        expect(routeName(c1, s1, i)).not.toBe(routeName(c2, s2, j));
        expect(routeIndex(c1, s1, routeName(c1, s1, i))).toBe(i);
        expect(routeIndex(c2, s2, routeName(c1, s1, i))).toBeNull();
      }),
    );
  });

  it.each(["web~1", "web~0", "web~02", "web~", "web~2~3", "webb"])("%s is no route of web", (name) => {
    expect(routeIndex("default", "web", name)).toBeNull();
  });

  it("a service that Kong would take for an address is refused, unless the cluster tells it apart", () => {
    expect(serviceFault("default", "10")).toContain("IP address");
    expect(serviceFault("blue", "10")).toBeNull();
    expect(serviceFault("default", "shop_web-1")).toBeNull();
  });
});

describe("paths", () => {
  it("come back from every version as they were", () => {
    const path = fc.stringMatching(/^\/(?:[A-Za-z0-9!$&'()*+,:;=@[\]_~.-]|%[0-9A-F]{2}|\/){0,20}$/);
    fc.assert(
      fc.property(path, fc.boolean(), (raw, guessesRegex) => {
        const normal = normalPath(raw);
        fc.pre(normal !== null);
        expect(normalPath(normal)).toBe(normal);
        expect(readPath(writePath(normal, guessesRegex))).toBe(normal);
        const asRegex = new RegExp(`^(?:${writePath(normal, true)})`);
        expect(asRegex.test(`${normal}/below`)).toBe(true);
      }),
    );
  });

  it.each([
    ["/a%2fb%41", "/a%2FbA"],
    ["/a%zz", null],
    ["/a//b", null],
    ["/a/./b", null],
    ["/a/%2E%2e", null],
    ["/.well-known", "/.well-known"],
    ["/a?b", null],
    ["/ä", null],
    ["a", null],
    ["~/a", null],
    ["/a\\d", null],
  ])("%s is %s", (path, normal) => {
    expect(normalPath(path)).toBe(normal);
  });
});

describe("addresses", () => {
  it("of whichever spelling are one target, and their endpoint is readable", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }), (address, port) => {
        fc.pre(addressFault({ address, port }) === null);
        const target = targetOf(address, port);
        const read = readTarget(target);
        expect(read?.target).toBe(target);
        expect(target).toMatch(/^(?:\d+(?:\.\d+){3}|\[(?:[0-9a-f]{4}:){7}[0-9a-f]{4}\]):\d+$/);
        expect(targetOf(address.toUpperCase(), port)).toBe(target);
      }),
    );
  });

  it.each(["10.0.0.1", "10.0.0.1:0", "10.0.0.1:70000", "x:y:1", "[10.0.0.1]", ""])(
    "%j is no target of ours",
    (text) => {
      expect(readTarget(text)).toBeNull();
    },
  );
});

describe("dialects", () => {
  it.each([
    ["2.0.5", { keepsHistory: true, overwrites: true, hidesDrained: true, guessesRegex: true }],
    ["2.2.0", { keepsHistory: false, overwrites: true, hidesDrained: true, guessesRegex: true }],
    ["2.4.0", { hidesDrained: true }],
    ["2.4.1", { hidesDrained: false }],
    ["2.8.1.0-enterprise-edition", { overwrites: true, guessesRegex: true }],
    ["3.0.0", { keepsHistory: false, overwrites: false, hidesDrained: false, guessesRegex: false }],
    ["3.4.3.1", { overwrites: false }],
    ["3.10", { overwrites: false }],
  ])("%s", (version, dialect) => {
    expect(dialectOf(version)).toMatchObject({ version, ...dialect });
  });
});

describe("options", () => {
  const issues = (input: object) => (v.safeParse(KongOptions, input).issues ?? []).map(({ message }) => message);

  it("have a default each", () => {
    expect(v.parse(KongOptions, {})).toEqual({
      url: "http://127.0.0.1:8001",
      headers: {},
      timeout: 10_000,
      concurrency: 8,
      gateway: "instances",
      instances: "all",
      preserveHost: false,
    });
    expect(v.parse(KongOptions, { gateway: "vulcand", vulcand: "vulcand:8181" }).vulcand).toBe("http://vulcand:8181");
  });

  it.each([
    [{ gateway: "vulcand" }, /gateway: vulcand and vulcand: HOST:PORT together/],
    [{ vulcand: "x:1" }, /together, or neither/],
    [{ gateway: "vulcand", vulcand: "http://x:1/path" }, /without a path/],
    [{ gateway: "nginx" }, /instances or vulcand/],
    [{ urls: ["http://a:8001"] }, /urls only with dbless/],
    [{ urls: [], dbless: {} }, /at least one URL/],
    [{ dbless: {}, workspace: "a" }, /workspace or dbless/],
    [{ concurrency: 0 }, /from 1 to 32/],
    [{ headers: { "bad header": "x" } }, /name of an HTTP header/],
    [{ headers: { "X-A": "two\nlines" } }, /expected a (?:text|single line)/],
    [{ headers: { "X-A": { path: "x" } } }, /file: PATH/],
    [{ url: "http://user:pw@kong:8001" }, /without credentials/],
  ])("%j is refused in words", (input, message) => {
    expect(issues(input).join("; ")).toMatch(message);
  });
});
