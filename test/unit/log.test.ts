import { expect, it } from "vitest";
import { withoutSecrets } from "../../src/log.ts";
import { redactText } from "../../src/redact.ts";

const SECRET = "hunter2hunter2";

it("a secret in an error, a field or below it is not logged, and the rest is", () => {
  const err = new TypeError(`GET http://u:${SECRET}@kong:8001/ failed`);
  const fields = {
    err,
    error: `token=${SECRET}`,
    token: SECRET,
    deep: [{ password: SECRET }],
    ms: 3,
    key: "web",
    no: undefined,
  };
  const logged = withoutSecrets(fields);
  expect(JSON.stringify(logged)).not.toContain(SECRET);
  expect(logged).toMatchObject({ ms: 3, key: "web", err: { type: "TypeError" } });
  expect(JSON.stringify(logged["err"])).toContain("@kong:8001/ failed");
});

it("what was redacted once stays as it is", () => {
  const once = redactText(`token=${SECRET}, password: "${SECRET}", http://u:${SECRET}@host/`);
  expect(redactText(once)).toBe(once);
});
