import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { appId, defaultName, encodeAppId, readTaskId } from "../../../adapters/sources/marathon/ids.ts";
import { marathonFixture } from "../../lab/marathon/fixtures.ts";

const Examples = v.array(
  v.object({
    id: v.string(),
    kind: v.string(),
    appId: v.string(),
    instanceId: v.optional(v.string()),
    container: v.optional(v.nullable(v.string()), null),
    incarnation: v.optional(v.number(), 1),
    attempt: v.optional(v.number()),
    taskId: v.optional(v.string()),
  }),
);
const examples = v.parse(Examples, marathonFixture("ids.json")).filter(({ taskId }) => taskId === undefined);

describe("task ids", () => {
  it.each(examples)("reads $id ($kind)", ({ id, appId: app, instanceId, container, incarnation, attempt }) => {
    for (const known of [app, "/elsewhere"]) {
      const name = readTaskId(id, known);
      if (instanceId !== undefined) expect(name.instance).toBe(instanceId);
      expect(name.container).toBe(container);
      expect(name.incarnation).toBe(attempt ?? incarnation);
    }
  });

  it("trusts the app id where it looks like a part of an instance's", () => {
    const id = "my.instance-web.5373f6f3-f523-11e9-9b69-02429c8e109f";
    expect(readTaskId(id, "/my.instance-web")).toMatchObject({
      instance: "my.instance-web.marathon-5373f6f3-f523-11e9-9b69-02429c8e109f",
      container: null,
    });
  });

  it("tells which ids say an attempt, since others come back after their end", () => {
    expect(readTaskId("db.5373f6f3", "/db").numbered).toBe(false);
    expect(readTaskId("db.5373f6f3.2", "/db").numbered).toBe(true);
  });

  it.each(["", "x", ".", "a.b.c.d", "..", "web.instance-", "web.instance-1.2.3.4.5"])(
    "takes %j for something",
    (id) => {
      expect(readTaskId(id, "/web").instance).toBeTypeOf("string");
    },
  );
});

describe("app ids", () => {
  it("become default names, which may collide", () => {
    expect(defaultName("/shop/web")).toBe("shop-web");
    expect(defaultName("/a/b-c")).toBe(defaultName("/a-b/c"));
  });

  it("have their leading slash, and keep to their path", () => {
    expect(appId("web")).toBe("/web");
    expect(encodeAppId("/shop/we b?x=1")).toBe("/shop/we%20b%3Fx%3D1");
  });
});
