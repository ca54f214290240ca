import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expressionOf, faultOf, readExpression, type Target } from "../../adapters/registries/vulcand/route.ts";
import { parseRoute, routeOf } from "../fakes/vulcand/route.ts";

const label = fc.stringMatching(/^[a-z0-9_](?:[a-z0-9_-]{0,4}[a-z0-9_])?$/);
const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
const segment = fc.string({ unit: fc.constantFrom(..."aB0-._~%!$&'()*+,;=:@`\"\\^|{}[]"), minLength: 1, maxLength: 5 });
const path = fc
  .tuple(fc.array(segment, { maxLength: 3 }), fc.boolean())
  .map(([segments, slash]) => `/${segments.join("/")}${slash && segments.length > 0 ? "/" : ""}`);
const target: fc.Arbitrary<Target> = fc.record({
  host: fc.oneof(
    fc.constant(null),
    host,
    host.map((each) => `*.${each}`),
  ),
  path,
});

/** What a route means, said without regular expressions. */
function serves(each: Target, asked: { readonly host: string; readonly path: string }): boolean {
  const fitsHost = each.host?.startsWith("*.")
    ? asked.host.endsWith(each.host.slice(1)) && asked.host.length > each.host.length - 1
    : each.host === null || each.host === asked.host;
  const isBelow = asked.path.startsWith(each.path.endsWith("/") ? each.path : `${each.path}/`);
  return fitsHost && (each.path === "/" || asked.path === each.path || isBelow);
}

describe("Vulcand routes", () => {
  it.each([
    [{ host: "web.service.consul", path: "/" }, 'Host("web.service.consul")'],
    [{ host: "shop.example", path: "/cart" }, 'Host("shop.example") && PathRegexp(`^/cart(/.*)?$`)'],
    [{ host: "shop.example", path: "/cart/" }, 'Host("shop.example") && PathRegexp(`^/cart/(.*)$`)'],
    [{ host: "*.example", path: "/" }, "       HostRegexp(`^.+\\.example$`)"],
    [{ host: null, path: "/a.b" }, "         PathRegexp(`^/a\\.b(/.*)?$`)"],
    [{ host: null, path: "/" }, '         PathRegexp("/.*")'],
  ] as const)("%o is %s", (each, expression) => {
    expect(expressionOf(each)).toBe(expression);
  });

  it("are valid, and read back as what they are", () => {
    fc.assert(
      fc.property(target, (each) => {
        fc.pre(faultOf(each) === null);
        expect(parseRoute(expressionOf(each))).not.toBeNull();
        expect(readExpression(expressionOf(each))).toEqual(each);
      }),
    );
  });

  it("serve their host and what is at or below their path, and nothing else", () => {
    const asked = fc.record({ host: fc.constantFrom("a", "b.a", "c.b.a"), path });
    const small = fc.record({ host: fc.constantFrom(null, "a", "b.a", "*.a", "*.b.a"), path });
    fc.assert(
      fc.property(small, asked, fc.boolean(), (each, request, isNear) => {
        fc.pre(faultOf(each) === null);
        const near = isNear ? { ...request, path: `${each.path}${request.path}` } : request;
        expect(routeOf([expressionOf(each)], near) !== undefined).toBe(serves(each, near));
      }),
      { numRuns: 500 },
    );
  });

  it("the more specific comes first: exact host, wildcard, none; then the longer path", () => {
    const targets: readonly Target[] = [
      { host: "b.a.example", path: "/" },
      { host: "b.a.example", path: "/x" },
      { host: "b.a.example", path: "/x/Y" },
      { host: "b.a.example", path: "/x/" },
      { host: "*.a.example", path: "/" },
      { host: "*.example", path: "/x/y" },
      { host: null, path: "/x" },
      { host: null, path: "/" },
    ];
    const all = targets.map(expressionOf);
    const answer = (host: string, path: string) => all.indexOf(routeOf(all, { host, path }) ?? "");
    expect(answer("b.a.example", "/")).toBe(0);
    expect(answer("b.a.example", "/x")).toBe(1);
    expect(answer("b.a.example", "/x/Y/z")).toBe(2);
    expect(answer("b.a.example", "/x/y")).toBe(3);
    expect(answer("c.a.example", "/x/y")).toBe(4);
    expect(answer("c.example", "/x/y")).toBe(5);
    expect(answer("c.example", "/x")).toBe(6);
    expect(answer("else", "/y")).toBe(7);
  });

  it("of two paths of a host, one below the other, the lower one comes first, whatever is in it", () => {
    fc.assert(
      fc.property(path, path, (upper, rest) => {
        const [above, below] = [upper, `${upper.replace(/\/$/, "")}${rest}`].map((each) => ({ host: "a", path: each }));
        if (above === undefined || below === undefined) return;
        fc.pre(above.path !== below.path && faultOf(above) === null && faultOf(below) === null);
        const all = [above, below].map(expressionOf);
        expect(routeOf(all, { host: "a", path: `${below.path}/x` })).toBe(expressionOf(below));
      }),
      { numRuns: 500 },
    );
  });

  it.each(['Path("/x")', 'Method("GET")', 'Host("a") && Host("b")', "PathRegexp(`/x`)", "nonsense", ""])(
    "%s is none of our words",
    (expression) => {
      expect(readExpression(expression)).toBeNull();
    },
  );
});
