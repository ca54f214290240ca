import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { redact, redactText } from "../../src/redact.ts";

const SECRET = "hunter2hunter2";

describe("redact", () => {
  test.each([
    `http://admin:${SECRET}@kong:8001/x`,
    `postgres://u:p@${SECRET}@host/db`,
    `Authorization: Bearer ${SECRET}`,
    `authorization=Basic ${SECRET}`,
    `X-Consul-Token: ${SECRET}`,
    `GET /v1?token=${SECRET}&x=1`,
    `DB_PASSWORD=${SECRET}`,
    `{"api_key":"${SECRET}"}`,
    `{\\"secret\\":\\"${SECRET}\\"}`,
    `password="${SECRET} ${SECRET}"`,
    `sent bearer ${SECRET}`,
    `-----BEGIN RSA PRIVATE KEY-----\n${SECRET}\n-----END RSA PRIVATE KEY-----`,
  ])("hides the secret in %j", (text) => {
    expect(redactText(text)).not.toContain(SECRET);
    expect(JSON.stringify(redact({ list: [text] }))).not.toContain(SECRET);
  });

  test.each([
    "password",
    "dbPasswd",
    "client_secret",
    "aws-access-key",
    "X-Api-Key",
    "PRIVATE_KEY",
    "credentials",
    "db_pass",
  ])("hides whatever stands under %s", (key) => {
    expect(redact({ a: [{ [key]: SECRET }, { [key]: { deep: [SECRET] } }, { [key]: 12345 }] })).toEqual({
      a: [{ [key]: "[redacted]" }, { [key]: "[redacted]" }, { [key]: "[redacted]" }],
    });
  });

  test.each([
    "connect ECONNREFUSED 127.0.0.1:8500",
    "http://kong:8001/upstreams/web",
    "tokenFile: /run/secrets/consul",
    "see mailto:a@b.example",
    "health passing",
  ])("leaves %j alone", (text) => expect(redactText(text)).toBe(text));

  test("leaves names of files, flags and empty values alone", () => {
    const value = { tokenFile: "/run/secrets/x", password: "", secret: null, token: false, passing: 3 };
    expect(redact(value)).toEqual(value);
  });

  test("keeps the shape of anything, `__proto__` too", () => {
    const value = JSON.parse('{"__proto__":{"a":1},"b":[null,true,1.5,"x"]}');
    expect(JSON.stringify(redact(value))).toBe(JSON.stringify(value));
  });

  test("gets through any large hostile label (a pattern that backtracks would not end before the test's limit)", () => {
    const parts = fc.constantFrom("token", "pass", "://", "a", "eyJ", ".", "-", "@", "=", " ", '"', "bearer ");
    fc.assert(
      fc.property(parts, parts, (a, b) => {
        expect(redactText((a + b).repeat(10_000)).length).toBeGreaterThan(0);
      }),
    );
  });
});
