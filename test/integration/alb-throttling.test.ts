/** The account's limits on calls, which all Musters of a fleet share (facts/alb.md §1.3). */
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { instance } from "../conformance/registry/fleet.ts";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";
import type { Group } from "../fakes/alb/world.ts";
import { createManualClock, type ManualClock } from "../fakes/clock.ts";
import { held, NEVER, openAlb, pass, planned, useCredentials } from "./alb-harness.ts";

useCredentials();

const THROTTLING = { code: "Throttling", message: "Rate exceeded" };

let clock: ManualClock;
let elb: FakeElb;
let group: Group;

beforeEach(async () => {
  clock = createManualClock();
  elb = await startFakeElb({ now: clock.now });
  group = elb.world.addGroup({ name: "web", type: "ip" });
});

afterEach(async () => {
  await elb[Symbol.asyncDispose]();
});

const options = { targetGroups: { web: "web" }, discover: false };

/** Moves time on while the work waits for it, and lets real requests through in between. */
async function through<T>(work: Promise<T>, stepMs = 50): Promise<T> {
  let isDone = false;
  const end = work.finally(() => {
    isDone = true;
  });
  end.catch(() => {});
  while (!isDone) {
    for (let n = 0; n < 20 && !isDone; n += 1) await turn();
    if (!isDone) await clock.advance(stepMs);
  }
  return await end;
}

describe("throttled", () => {
  it("calls are made again after a pause; nothing is reported", async () => {
    await using alb = openAlb(elb, { options, timing: clock });
    elb.refuse("RegisterTargets", THROTTLING, 2);

    expect(await through(pass(alb, [instance(1)]))).toEqual([{ ok: true }]);

    expect(elb.count("RegisterTargets")).toBe(3);
  });

  it("for long, it is told and tried again later: nothing was written", async () => {
    await using alb = openAlb(elb, { options, timing: clock });
    elb.refuse("RegisterTargets", { code: "ThrottlingException", message: "Rate exceeded" });

    const [outcome] = await through(pass(alb, [instance(1)]));

    expect(outcome).toMatchObject({
      ok: false,
      retry: true,
      ambiguous: false,
      error: expect.stringContaining("registries.alb.musters"),
    });
    expect(elb.count("RegisterTargets")).toBe(4);
  });

  it("an abort ends the pause at once", async () => {
    await using alb = openAlb(elb, { options, timing: clock });
    const changes = planned(alb, [instance(1)], await alb.list(NEVER));
    elb.refuse("RegisterTargets", THROTTLING);
    const stop = new AbortController();
    const work = alb.apply(changes, stop.signal);
    await expect.poll(() => elb.count("RegisterTargets")).toBe(1);

    stop.abort(new Error("told to stop"));

    await expect(work).rejects.toThrow("told to stop");
  });

  it("50 Musters on one account all converge, and no one is throttled for ever", { timeout: 30_000 }, async () => {
    elb.throttle({ reads: { rate: 10, burst: 40 }, writes: { rate: 4, burst: 20 } });
    let seed = 1;
    const random = () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const fleet = Array.from({ length: 50 }, (_, n) => {
      const address = `10.0.3.${n + 1}`;
      const owner = { cluster: "default", node: { id: `n${n}`, address } };
      return { address, alb: openAlb(elb, { owner, options: { ...options, musters: 50 }, timing: clock, random }) };
    });
    const began = clock.now();

    const outcomes = await through(
      Promise.all(
        fleet.map(async ({ alb, address }, n) => {
          for (;;) {
            const done = await pass(alb, [instance(n, { address })]).catch(() => null);
            if (done?.every((outcome) => outcome.ok)) return done;
          }
        }),
      ),
      200,
    );

    expect(outcomes).toHaveLength(50);
    expect(held(elb, group)).toHaveLength(50);
    expect(elb.throttled()).toBeGreaterThan(0);
    // 150 calls at 10 and 4 a second take some 20 s even if nobody ever waits too long.
    expect(clock.now() - began).toBeLessThan(180_000);
    for (const { alb } of fleet) await alb[Symbol.asyncDispose]();
  });
});
