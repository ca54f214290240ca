import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isServiceName, toServiceName } from "../../src/labels.ts";

describe("isServiceName", () => {
  it.each(["a", "web", "Web-1", "shop_web", "9", "a".repeat(63)])("accepts %j", (name) => {
    expect(isServiceName(name)).toBe(true);
  });

  it.each(["", "a b", "a.b", "-a", "a-", "_a", "a/b", "é", "a\n", "a".repeat(64), "10.0.0.1"])("refuses %j", (name) => {
    expect(isServiceName(name)).toBe(false);
  });
});

describe("toServiceName", () => {
  it.each([
    ["shop_web", "shop_web"],
    ["/shop/web", "shop-web"],
    ["my.service", "my-service"],
    ["café", "cafe"],
    ["__web--", "web"],
    ["", "service"],
  ])("makes %j into %j", (raw, name) => {
    expect(toServiceName(raw)).toBe(name);
  });

  it("keeps names apart that differ only where they are cut, or that have nothing usable in them", () => {
    const long = "x".repeat(80);

    expect(toServiceName(`${long}-8080`)).not.toBe(toServiceName(`${long}-9090`));
    expect(toServiceName(`${long.repeat(9)}1`)).not.toBe(toServiceName(`${long.repeat(9)}2`));
    expect(toServiceName("日本")).toMatch(/^service-[0-9a-f]{8}$/);
    expect(toServiceName("日本")).not.toBe(toServiceName("中国"));
  });

  it("gives a service name for any text, and leaves service names alone", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.string({ unit: fc.constantFrom("a", "B", "9", "-", "_", ".", "/"), maxLength: 300 }),
    );
    fc.assert(
      fc.property(text, (raw) => {
        const name = toServiceName(raw);

        expect(isServiceName(name)).toBe(true);
        expect(toServiceName(name)).toBe(name);
        expect(toServiceName(raw)).toBe(name);
      }),
    );
  });
});
