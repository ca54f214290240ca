/** The leader's half of a registry has all that the registry has: `muster doctor` and the API look through it. */
import { expect, it } from "vitest";
import type { Registry } from "../../src/model.ts";
import { serviceLevelOf } from "../../src/service-level.ts";

/** With every member, so that a new one must be named here as well. */
class Whole implements Required<Registry> {
  readonly name = "whole";
  readonly drains = true;
  readonly checksHealth = true;
  readonly concurrent = true;
  readonly said: string[] = [];
  project() {
    return [];
  }
  async list() {
    return [];
  }
  async apply() {
    return [];
  }
  detail() {
    return this.name;
  }
  async listOthers() {
    this.said.push("listOthers");
    return [];
  }
  async *returns() {
    yield this.name;
  }
  async *diagnose() {
    yield { what: this.name, level: "ok" as const, text: "", fix: null };
  }
  async [Symbol.asyncDispose]() {
    this.said.push("disposed");
  }
}

it("no member is lost, also of a registry that is of a class", async () => {
  const whole = new Whole();
  const half = serviceLevelOf(whole, new Set());
  const signal = new AbortController().signal;
  expect({ name: half.name, drains: half.drains, checksHealth: half.checksHealth }).toEqual({
    ...{ name: "whole", drains: true, checksHealth: true },
  });
  expect(half.detail?.("key")).toBe("whole");
  for await (const finding of half.diagnose?.(signal) ?? []) expect(finding.what).toBe("whole");
  for await (const news of half.returns?.(signal) ?? []) expect(news).toBe("whole");
  await half.listOthers?.(signal);
  await half[Symbol.asyncDispose]();
  expect(whole.said).toEqual(["listOthers", "disposed"]);
});
