import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { MarathonOptions } from "../../../adapters/sources/marathon/options.ts";
import { isTrusted } from "../../../adapters/sources/marathon/stream.ts";
import { createTrust } from "../../../adapters/sources/marathon/trust.ts";
import { atLeast, resyncPeriod } from "../../../adapters/sources/marathon/versions.ts";

describe("sources.marathon", () => {
  it("has a default for every key", () => {
    expect(v.parse(MarathonOptions, {})).toEqual({
      urls: ["http://127.0.0.1:8080"],
      tokenScheme: "token",
      expose: "published",
      timeout: 30_000,
      idle: 30_000,
    });
  });

  it.each([
    [{ urls: [] }, "expected at least one URL"],
    [{ urls: ["m1:8080"] }, "expected an http(s) URL such as"],
    [{ urls: ["http://joe:pw@m1:8080"] }, "expected a URL without credentials"],
    [{ username: "joe" }, "expected username and passwordFile together, or neither"],
    [
      { tokenFile: "a", serviceAccountSecretFile: "b" },
      "expected one of passwordFile, tokenFile and serviceAccountSecretFile",
    ],
    [{ certFile: "a" }, "expected certFile and keyFile together, or neither"],
    [{ tokenFile: "a", tokenScheme: "basic" }, "expected token (DC/OS: Authorization: token=…) or bearer"],
    [{ resync: "5" }, "expected a duration such as 30s"],
  ])("refuses %j, and says what it expects", (options, expected) => {
    const { issues = [] } = v.safeParse(MarathonOptions, options);
    expect(issues.map(({ message }) => message)).toEqual([expect.stringContaining(expected)]);
  });
});

describe("credentials", () => {
  const urls = ["https://m1.test:8443", "http://m2.test:8080/marathon"];
  it.each([
    ["https://m1.test:8443", true],
    ["https://m1.test:9443", true],
    ["http://m1.test:8080", false],
    ["https://m2.test:8443", true],
    ["http://m3.test:8080", false],
    ["https://m1.test.evil.test:8443", false],
  ])("go to %s: %s", (base, trusted) => {
    expect(isTrusted({ urls }, base)).toBe(trusted);
  });
});

describe("what depends on Marathon's version", () => {
  it.each([
    ["1.4.9", 1, 4, true],
    ["1.10.5", 1, 4, true],
    ["1.3.13", 1, 4, false],
    ["0.11.1", 0, 11, true],
    ["v1.8", 1, 8, true],
    [null, 9, 9, true],
    ["unknown", 1, 4, true],
  ])("%s is at least %s.%s: %s", (version, major, minor, expected) => {
    expect(atLeast(version, major, minor)).toBe(expected);
  });

  it.each([
    ["1.7.216", undefined, 300_000, 60_000],
    ["1.8.222", undefined, 600_000, 300_000],
    ["1.8.222", undefined, 60_000, 60_000],
    ["1.8.222", 5_000, 60_000, 5_000],
    ["1.3.0", 0, 60_000, 0],
    ["1.3.0", undefined, 0, 0],
    [null, undefined, 600_000, 60_000],
  ])(
    "of %s, with %s of its own and %s in general, everything is listed every %s ms",
    (version, own, general, period) => {
      expect(resyncPeriod(version, own, general)).toBe(period);
    },
  );
});

describe("trust in listings", () => {
  it("comes some time after the start and after each change of the leader, by a listing", () => {
    let now = 0;
    const trust = createTrust(() => now);
    trust.attached("http://m1:8080");
    trust.listed(now, 10_000);
    expect(trust.isDoubtful()).toBe(true);
    now = 10_000;
    trust.listed(now, 10_000);
    expect(trust.isDoubtful()).toBe(false);
    trust.attached("m1:8080");
    expect(trust.isDoubtful()).toBe(false);
    trust.attached("m2:8080");
    expect(trust.isDoubtful()).toBe(true);
  });
});
