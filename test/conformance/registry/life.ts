/** It stops when told to, and waits for nothing else: laws 12, 16, 20. */
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { LawTable } from "../registry.ts";
import { check, fleet, instance } from "./fleet.ts";
import { apply, changesFor, converge, entryOf, list, opened } from "./pass.ts";

/** What a law may wait for, ms. */
const PATIENCE = 5000;
const PROMPT = 100;
/** Less than what idle connections close after by themselves. */
const SOON = 1000;

export const lifeLaws: LawTable = {
  async 12(context) {
    await opened(context, context.owner(), async (registry, backdoor) => {
      const changes = changesFor(registry, fleet(3), []);
      const reason = new Error("told to stop");
      await assert.rejects(list(registry, AbortSignal.abort(reason)), reason);
      await assert.rejects(apply(registry, changes, AbortSignal.abort(reason)), reason);

      backdoor.failReads({ kind: "hang" });
      await mustAbort((signal) => list(registry, signal), backdoor.hanging);
      await backdoor.heal();
      for (const n of [1, 2, 3]) backdoor.failMutation(n, { kind: "hang" });
      await mustAbort((signal) => apply(registry, changes, signal), backdoor.hanging);
      await backdoor.heal();

      await converge(registry, fleet(3));
      for (const n of [1, 2, 3]) backdoor.failMutation(n, { kind: "hang" });
      const removal = changesFor(registry, [], await list(registry));
      await mustAbort((signal) => apply(registry, removal, signal), backdoor.hanging);
    });
  },

  async 16(context) {
    const owner = context.owner();
    const ttl = check({ type: "ttl", target: "", ttl: 3000 });
    const before = pending();
    const { registry, backdoor } = await context.harness.open(owner);
    const others = backdoor.sockets();
    await converge(registry, [...fleet(20), instance(21, { checks: [ttl] })]);
    await converge(registry, [...fleet(10), instance(21, { checks: [ttl] })]);

    await registry[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();

    await until(() => backdoor.sockets() <= others, "its connections to be closed", SOON);
    await until(() => pending() <= before, "its sockets and timers to be gone", SOON);
    // Takes away what is still registered.
    await opened(context, owner, async () => {});
  },

  async 20(context) {
    await opened(context, context.owner(), async (registry, backdoor) => {
      if (registry.concurrent !== true) return;
      const [first, second] = [instance(1), instance(2)];
      backdoor.failMutation(1, { kind: "hang" });
      const controller = new AbortController();
      const held = apply(registry, changesFor(registry, [first], []), controller.signal);
      await until(() => backdoor.hanging() > 0, "a request to hang", PATIENCE);

      const outcomes = await apply(registry, changesFor(registry, [second], []));

      assert.deepEqual(outcomes, [{ ok: true }]);
      assert.ok(await backdoor.serves(entryOf(registry, [second])), "the other entry is there");
      assert.equal(backdoor.hanging(), 1, "the first write hangs still");
      controller.abort(new Error("the law is over"));
      await assert.rejects(held, controller.signal.reason);
    });
  },
};

async function mustAbort(begin: (signal: AbortSignal) => Promise<unknown>, hanging: () => number): Promise<void> {
  const controller = new AbortController();
  const reason = new Error("told to stop in the middle");
  const call = begin(controller.signal);
  const end = call.then(
    () => assert.fail("it went on"),
    (error: unknown) => ({ error, at: performance.now() }),
  );
  await until(() => hanging() > 0, "a request that hangs");
  const abortedAt = performance.now();
  controller.abort(reason);
  const { error, at } = await end;
  assert.equal(error, reason);
  assert.ok(at - abortedAt < PROMPT, `it took ${Math.round(at - abortedAt)} ms`);
  await until(() => hanging() === 0, "no request to hang any more");
}

/** What keeps this process alive, of the kinds that a registry has. */
function pending(): number {
  return process.getActiveResourcesInfo().filter((name) => /^(?:TCPSocketWrap|TLSWrap|Timeout)$/.test(name)).length;
}

async function until(condition: () => boolean, what: string, patience = PATIENCE): Promise<void> {
  const deadline = performance.now() + patience;
  while (!condition()) {
    assert.ok(performance.now() < deadline, `waited ${patience} ms for ${what}`);
    await delay(5);
  }
}
