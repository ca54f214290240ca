/** What AWS refuses, and what goes wrong on the way (facts/alb.md §1.1, §1.4). */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Outcome } from "../../src/model.ts";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import type { Group } from "../fakes/alb/world.ts";
import { addMachine, held, MACHINE, NEVER, openAlb, pass, planned, put, task, useCredentials } from "./alb-harness.ts";

useCredentials();

const ok: Outcome = { ok: true };
const options = { targetGroups: { web: "web" } };
let elb: FakeElb;
let web: Group;

beforeEach(async () => {
  elb = await startFakeElb();
  addMachine(elb);
  web = elb.world.addGroup({ name: "web" });
});

afterEach(async () => {
  await elb[Symbol.asyncDispose]();
});

describe("what AWS refuses", () => {
  it("a full group: what goes makes room for what comes, and there is no deadlock", async () => {
    elb.world.quotas.targetsPerGroup = 3;
    await using alb = openAlb(elb, { options });
    await pass(
      alb,
      [1, 2, 3].map((n) => task(32_000 + n)),
    );

    const outcomes = await pass(
      alb,
      [3, 4, 5].map((n) => task(32_000 + n)),
    );

    expect(outcomes).toEqual([ok, ok, ok, ok]);
    expect(held(elb, web)).toEqual([3, 4, 5].map((n) => `${MACHINE}:${32_000 + n}`));
  });

  it("a full group takes as many as there is room for, and says so of the rest", async () => {
    elb.world.quotas.targetsPerGroup = 5;
    await using alb = openAlb(elb, { options });

    const outcomes = await pass(
      alb,
      Array.from({ length: 8 }, (_, n) => task(32_000 + n)),
    );

    expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(5);
    expect(outcomes.at(-1)).toMatchObject({
      retry: false,
      error: expect.stringMatching(/^alb: register web\/10\.0\.0\.1:32007: target group web is full .*raise the quota/),
    });
  });

  it("a machine that is not running: its targets are refused by name, deregistering goes on", async () => {
    const api = elb.world.addGroup({ name: "api" });
    put(api, MACHINE, 40_000);
    elb.world.machines.set(MACHINE, { vpc: "vpc-1", state: "stopped" });
    await using alb = openAlb(elb, { options: { targetGroups: { web: "web", api: "api" } } });

    const [refused, gone] = await pass(alb, [task(32768)]);

    expect(refused).toMatchObject({ ok: false, retry: false, error: expect.stringContaining("InvalidTarget") });
    expect(gone).toEqual(ok);
  });

  it("deregistering an unknown target is done, also where that is an error (moto), and the others go", async () => {
    await using alb = openAlb(elb, { options });
    await pass(alb, [task(32768), task(32769)]);
    const changes = planned(alb, [], await alb.list(NEVER));
    web.targets.delete(`${MACHINE}:32768`);
    elb.refuse("DeregisterTargets", { code: "InvalidTarget", message: "does not exist" }, 1);

    expect(await alb.apply(changes, NEVER)).toEqual([ok, ok]);

    expect(held(elb, web)).toEqual([]);
  });

  it("a group that was deleted: its targets are gone with it; made again under its name it is found", async () => {
    await using alb = openAlb(elb, { options });
    await pass(alb, [task(32768)]);
    const changes = planned(alb, [], await alb.list(NEVER));
    elb.world.removeGroup(web.arn);
    expect(await alb.apply(changes, NEVER)).toEqual([ok]);
    expect(await alb.list(NEVER)).toEqual([]);

    const wanted = planned(alb, [task(32768)], []);
    expect(await alb.apply(wanted, NEVER)).toMatchObject([
      { ok: false, retry: false, error: expect.stringContaining("there is no target group web in this region") },
    ]);

    const again = elb.world.addGroup({ name: "web" });
    await expect.poll(async () => await alb.apply(wanted, NEVER), { timeout: 2000 }).toEqual([ok]);
    expect(held(elb, again)).toEqual([`${MACHINE}:32768`]);
  });

  it("a permission that is missing is named", async () => {
    elb.refuse("RegisterTargets", { code: "AccessDenied", message: "User: x is not authorized", status: 403 });
    await using alb = openAlb(elb, { options });

    expect(await pass(alb, [task(32768)])).toMatchObject([
      { ok: false, retry: false, error: expect.stringContaining("allow elasticloadbalancing:RegisterTargets") },
    ]);
  });

  it("without DescribeTags the named groups work, and it is told once", async () => {
    const warnings: object[] = [];
    const log = { debug() {}, info() {}, error() {}, warn: (fields: object) => void warnings.push(fields) };
    elb.world.addGroup({ name: "other" });
    elb.refuse("DescribeTags", { code: "AccessDenied", message: "User: x is not authorized", status: 403 });
    await using alb = openAlb(elb, { options, log });

    expect(await pass(alb, [task(32768)])).toEqual([ok]);
    await pass(alb, []);

    expect(warnings).toHaveLength(1);
  });

  it("expired credentials are fetched anew", async () => {
    await using alb = openAlb(elb, { options });
    await alb.list(NEVER);
    elb.refuse("RegisterTargets", { code: "ExpiredToken", message: "The security token is expired", status: 403 }, 1);
    const wanted = planned(alb, [task(32768)], []);
    process.env["AWS_ACCESS_KEY_ID"] = "AKIATHENEXTONE000000";
    try {
      expect(await alb.apply(wanted, NEVER)).toMatchObject([{ ok: false, retry: true, ambiguous: false }]);
      expect(await alb.apply(wanted, NEVER)).toEqual([ok]);
      expect(elb.calls.at(-1)?.accessKey).toBe("AKIATHENEXTONE000000");
    } finally {
      useCredentials();
    }
  });

  it("a page of a proxy with status 200 is no success", async () => {
    await using alb = openAlb(elb, { options });
    const wanted = planned(alb, [task(32768)], await alb.list(NEVER));
    elb.failMutation(1, { kind: "answer", status: 200, body: "<html>login</html>", contentType: "text/html" });

    expect(await alb.apply(wanted, NEVER)).toMatchObject([{ ok: false, retry: true, ambiguous: true }]);
  });
});
