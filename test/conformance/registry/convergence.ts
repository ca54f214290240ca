/** Every way leads to the wanted state, and then it is quiet: laws 3, 4, 6, 10. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import type { Instance, Registry } from "../../../src/model.ts";
import type { Backdoor, LawContext, LawTable } from "../registry.ts";
import { anyFleet, check, fleet, instance } from "./fleet.ts";
import { apply, assertHolds, changesFor, converge, entryOf, list, opened, pass } from "./pass.ts";

/** So that no check runs while a law watches: nothing listens where they look. ms */
const HOUR = 3_600_000;

export const convergenceLaws: LawTable = {
  async 3(context) {
    await opened(context, context.owner(), async (registry) => {
      const property = fc.asyncProperty(anyFleet, anyFleet, async (first, second) => {
        for (const wanted of [first, second, []]) {
          await converge(registry, wanted);
          await assertHolds(registry, wanted);
        }
      });
      await fc.assert(property, { numRuns: context.harness.runs ?? 20 });
    });
  },

  async 4(context) {
    await opened(context, context.owner(), async (registry, backdoor) => {
      const wanted = [...fleet(5), instance(6, { checks: [check()], weight: 3, protocol: "udp" })];
      await converge(registry, wanted);
      const before = backdoor.mutations();
      assert.ok(before >= wanted.length, "the back door does not count what is written");

      await pass(registry, wanted);
      assert.equal(backdoor.mutations(), before);
    });
  },

  async 6(context) {
    await opened(context, context.owner(), async (registry, backdoor) => {
      const checks = [check({ interval: HOUR }), check({ type: "tcp", target: "", interval: HOUR })];
      await converge(registry, [instance(1, { health: "passing", checks })]);
      for (let round = 1; round <= 10; round += 1) await updateUnderWatch(registry, backdoor, round);
    });
  },

  async 10(context) {
    const property = fc.asyncProperty(
      anyFleet,
      anyFleet,
      fc.constantFrom("reset", "lost"),
      async (first, second, kind) => {
        for (let n = 1; await crashes(context, first, second, n, kind); n += 1);
      },
    );
    await fc.assert(property, { numRuns: Math.ceil((context.harness.runs ?? 20) / 4) });
  },
};

/** Changes everything about an entry but its key, and asks all the while whether consumers are sent to it. */
async function updateUnderWatch(registry: Registry, backdoor: Backdoor, round: number): Promise<void> {
  const checks = [
    check({ interval: HOUR + round }),
    check({ type: round % 2 === 0 ? "tcp" : "grpc", target: "", interval: HOUR }),
  ];
  const wanted = [instance(1, { health: "passing", checks, tags: [`r${round}`], weight: round + 1 })];
  const entry = entryOf(registry, wanted);
  let updating = true;
  const update = converge(registry, wanted).finally(() => {
    updating = false;
  });
  let looks = 0;
  do {
    assert.ok(await backdoor.serves(entry), `round ${round}: the entry was gone at look ${looks}`);
    looks += 1;
    // A registry in memory answers at once: the update must get its turn, too.
    await new Promise((resolve) => setImmediate(resolve));
  } while (updating);
  await update;
  await assertHolds(registry, wanted);
}

/**
 * From one fleet on the way to another, the process dies at its n-th write, which was done (`lost`) or not (`reset`).
 * @returns whether there was an n-th write
 */
async function crashes(
  context: LawContext,
  first: readonly Instance[],
  second: readonly Instance[],
  n: number,
  kind: "reset" | "lost",
): Promise<boolean> {
  const owner = context.owner();
  const crash = new AbortController();
  await opened(context, owner, async (registry, backdoor) => {
    await converge(registry, first);
    backdoor.failMutation(n, () => {
      crash.abort(new Error("crash"));
      return { kind };
    });
    const changes = changesFor(registry, second, await list(registry));
    if (changes.length > 0) await apply(registry, changes, crash.signal).catch(() => {});
    await backdoor.heal();

    await opened(context, owner, async (fresh) => {
      await converge(fresh, second);
      await assertHolds(fresh, second);
    });
  });
  return crash.signal.aborted;
}
