/** Nobody else's entry is listed or changed: laws 7, 8. */
import assert from "node:assert/strict";
import type { Instance, Json, Registration } from "../../../src/model.ts";
import type { Backdoor, LawContext, LawTable, Owner } from "../registry.ts";
import { fleet, instance } from "./fleet.ts";
import { assertHolds, converge, entryOf, opened, pass } from "./pass.ts";

type World = Readonly<Record<string, Json>>;

export const ownershipLaws: LawTable = {
  async 7(context) {
    await opened(context, context.owner(), async (registry, backdoor) => {
      const wanted = [instance(1), instance(2)];
      const strangers = await put(backdoor, entryOf(registry, wanted));

      for (const fleetOfRound of [wanted, [instance(1, { tags: ["changed"] })], wanted, []]) {
        await converge(registry, fleetOfRound);
        await assertHolds(registry, fleetOfRound);
        assert.deepEqual(only(await backdoor.world(), strangers), strangers);
      }
    });
  },

  async 8(context) {
    const base = context.owner();
    const address = "10.0.0.2";
    const others: readonly Owner[] = [
      { ...base, node: { id: `${base.node.id}1`, address } },
      { ...base, node: { id: `${base.node.id}:task1`, address } },
      { ...base, cluster: `${base.cluster}1` },
      // As a regular expression or a prefix each of these would be the first one as well.
      { ...base, cluster: base.cluster.replace(".", "x") },
    ];
    for (const other of others) await sideBySide(context, base, other);
  },
};

/** @returns what the strangers' entries look like, by raw id */
async function put(backdoor: Backdoor, like: Registration): Promise<World> {
  const before = await backdoor.world();
  await backdoor.putStranger(like);
  const after = await backdoor.world();
  const strangers = Object.fromEntries(Object.entries(after).filter(([id]) => !(id in before)));
  assert.ok(Object.keys(strangers).length > 0, "putStranger has put nothing");
  return strangers;
}

async function sideBySide(context: LawContext, one: Owner, two: Owner): Promise<void> {
  await opened(context, one, async (first, backdoor) => {
    await opened(context, two, async (second) => {
      const [mine, others] = [fleetAt(one, 3), fleetAt(two, 4)];
      await converge(first, mine);
      const ofFirst = await backdoor.world();
      await converge(second, others);
      await assertHolds(first, mine);
      await assertHolds(second, others);

      await pass(second, []);
      assert.deepEqual(only(await backdoor.world(), ofFirst), ofFirst);
      await assertHolds(first, mine);
      await assertHolds(second, []);
    });
  });
}

/** The same services on each: only the address is its node's own. */
function fleetAt({ node: { address } }: Owner, size: number): readonly Instance[] {
  return fleet(size).map((each) => ({ ...each, address }));
}

/** Of the world, the entries that are in `part`. */
function only(world: World, part: World): World {
  return Object.fromEntries(Object.entries(world).filter(([id]) => id in part));
}
