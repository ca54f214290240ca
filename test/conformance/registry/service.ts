/** Service-level objects, and draining: laws 17, 18, 19. */
import assert from "node:assert/strict";
import type { Change, Instance, Registration, Registry } from "../../../src/model.ts";
import type { LawTable } from "../registry.ts";
import { instance } from "./fleet.ts";
import { apply, assertHolds, contents, converge, entryOf, list, opened, pass, project } from "./pass.ts";

const ROUTES = [{ hosts: ["law.example"], paths: ["/law"], stripPath: false, priority: null }];

/** The `n`-th instance of one service that has a route. */
function routed(n: number, changes: Partial<Instance> = {}): Instance {
  return instance(n, { routes: ROUTES, health: "passing", ...changes });
}

export const serviceLaws: LawTable = {
  async 17(context) {
    const one = context.owner();
    const two = { ...one, node: { id: `${one.node.id}b`, address: "10.0.0.2" } };
    await opened(context, one, async (first, backdoor) => {
      await opened(context, two, async (second) => {
        const [mine, others] = [[routed(1)], [routed(2)]];
        const shared = serviceLevel(project(first, mine));
        assert.ok(shared.length > 0, "it projects no service-level objects: skip this law, with that as the reason");
        await converge(first, mine);
        await converge(second, others);
        assert.deepEqual(serviceLevel(await list(first)), serviceLevel(await list(second)));

        await converge(first, []);
        assert.ok(await backdoor.serves(entryOf(second, others)), "the other node's instance is no longer served");
        for (const before of shared)
          await mustRefuse(first, { op: "deregister", key: before.key, before, after: null });
        await assertHolds(second, others);

        await converge(second, []);
        assert.deepEqual(await list(first), []);
      });
    });
  },

  async 18(context) {
    await opened(context, context.owner(), async (registry, backdoor) => {
      for (const after of serviceLevel(project(registry, [routed(1)]))) {
        const before = await backdoor.world();
        await backdoor.putStranger(after);
        const withStranger = await backdoor.world();
        assert.notDeepEqual(withStranger, before, "putStranger has put nothing");
        await mustRefuse(registry, { op: "register", key: after.key, before: null, after });
        assert.deepEqual(await backdoor.world(), withStranger);
      }
      await converge(registry, [instance(9, { service: "another" })]);
      await assertHolds(registry, [instance(9, { service: "another" })]);
    });
  },

  async 19(context) {
    await opened(context, context.owner(), async (registry, backdoor) => {
      const ready = [routed(1), routed(2)];
      const draining = [routed(1, { state: "draining" }), routed(2)];
      await converge(registry, ready);
      const entry = entryOf(registry, draining);
      assert.equal(entry.draining, true);
      assert.equal(entry.key, entryOf(registry, ready).key);

      const { changes } = await pass(registry, draining);
      assert.deepEqual(
        changes.map(({ op, key }) => [op, key]),
        [["update", entry.key]],
      );
      await assertHolds(registry, draining);
      assert.ok(!(await backdoor.serves(entry)), "a draining instance is sent traffic");
      await converge(registry, ready);
      assert.ok(await backdoor.serves(entry), "an instance that is ready again is sent none");
    });
  },
};

async function mustRefuse(registry: Registry, change: Change): Promise<void> {
  const [outcome] = await apply(registry, [change]);
  assert.ok(outcome?.ok === false, `${change.op} ${change.key} can't have succeeded`);
  assert.equal(outcome.retry, false, `${change.op} ${change.key}: ${outcome.error}: retry`);
  assert.ok(
    outcome.error.startsWith(`${registry.name}: `),
    `"${outcome.error}" does not begin with the registry's name`,
  );
}

function serviceLevel(entries: readonly Registration[]): readonly Registration[] {
  return contents(entries.filter(({ instance }) => instance === null));
}
