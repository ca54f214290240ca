import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createIds } from "../../adapters/registries/vulcand/ids.ts";

const ids = createIds("default", "n1");
/** Of characters that could be taken for ours, mostly. */
const word = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", "b", ":", "~", "=", ".", "/", "3", "é"), minLength: 1, maxLength: 6 }),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 6 }),
);
const identity = fc
  .record({ source: word, task: word, rest: fc.oneof(fc.constant(""), word), own: fc.boolean() })
  .map(({ source, task, rest, own }) => ({
    ...{ source, task, needs: ["0123abcd"] },
    instance: own ? rest || task : `${task}:${rest}`,
  }));

describe("Vulcand ids", () => {
  it("are readable", () => {
    expect(ids.backend("web")).toBe("muster:default:web:");
    expect(ids.frontend("web", "shop.example", "/cart")).toBe("muster:default:web:shop.example:~2fcart:");
    expect(ids.server({ source: "docker", task: "4f", instance: "4f:80", needs: [] })).toBe(
      "muster:default:n1:docker:4f:80::",
    );
  });

  it("give back what was put into them, and no two are one", () => {
    fc.assert(
      fc.property(identity, (each) => {
        const id = ids.server(each);
        expect(id).not.toContain("/");
        expect(ids.readServer(id)).toEqual({ ...each, node: "n1" });
      }),
    );
  });

  it("hazard 1: none is the beginning of another", () => {
    fc.assert(
      fc.property(identity, identity, word, word, (a, b, service, other) => {
        const pairs = [
          [ids.server(a), ids.server(b)],
          [ids.backend(service), ids.backend(other)],
          [ids.frontend(service, "h", "/a"), ids.frontend(other, "h", "/ab")],
          [ids.listener(service, 1000), ids.listener(other, 10_000)],
        ];
        for (const [one = "", two = ""] of pairs) if (one !== two) expect(one.startsWith(two)).toBe(false);
      }),
    );
  });

  it.each([
    ["without its end", "muster:default:web"],
    ["with more behind it", "muster:default:web:x"],
    ["of another cluster", "muster:default2:web:"],
    ["in capitals", "Muster:default:web:"],
    ["escaped as we would not", "muster:default:w~65b:"],
    ["escaped in capitals", "muster:default:a~2Fb:"],
    ["that is no UTF-8", "muster:default:~ff:"],
    ["of a person", "web"],
  ])("a look-alike %s is a stranger's", (_, id) => {
    expect(ids.serviceOf(id, "backend")).toBeNull();
  });

  it("tells nodes of one cluster apart, and other clusters' servers are none", () => {
    const other = createIds("default", "n1:x").server({ source: "s", task: "t", instance: "t", needs: [] });
    expect(ids.readServer(other)?.node).toBe("n1:x");
    const foreign = createIds("other", "n1").server({ source: "s", task: "t", instance: "t", needs: [] });
    expect(ids.readServer(foreign)).toBeNull();
  });
});
