/** What is written is what is read: laws 1, 2, 5, 13, 14. */
import assert from "node:assert/strict";
import type { Instance, Registry } from "../../../src/model.ts";
import type { LawTable } from "../registry.ts";
import { check, fleet, instance } from "./fleet.ts";
import { apply, assertHolds, changesFor, contents, converge, list, opened, pass, project } from "./pass.ts";

/** Every field set to something that isn't its default. */
const RICH: readonly Instance[] = [
  instance(1, { weight: 7, tags: ["z", "a", "z"], meta: { a: "1", "b-c": "ü €", empty: "" }, health: "passing" }),
  instance(2, { protocol: "udp", portName: "dns", containerPort: null }),
  instance(3, { address: "fd00::1", servicePort: 10_001, source: "marathon", version: null, image: null }),
  instance(4, {
    health: "passing",
    checks: [
      check({ method: "HEAD", deregisterAfter: 90_000 }),
      check({ type: "https", tls: { use: true, skipVerify: true } }),
      check({ type: "tcp", target: "" }),
      check({ type: "grpc", target: "svc", tls: { use: true, skipVerify: false } }),
      check({ type: "ttl", target: "", ttl: 60_000, initialStatus: "warning" }),
    ],
  }),
  instance(5, { routes: [{ hosts: ["a.example"], paths: ["/x"], stripPath: true, priority: 5 }], drain: 5000 }),
];

const ODD_NAMES = [
  "a".repeat(63),
  "a".repeat(300),
  "täsk-ü-日本",
  "a/b/c",
  "a//b",
  "../etc",
  "a.b.c",
  ".",
  "a:b:c",
  "a b",
  'a"b`c\\d',
  "a%2Fb",
  "a~2fb",
  "a?b=c&d#e",
  "a\nb",
  "\u0000",
  "\ud800",
  "__proto__",
  "A",
  "a",
];

export const contentLaws: LawTable = {
  async 1(context) {
    await opened(context, context.owner(), async (registry) => {
      assert.deepEqual(await list(registry), []);
    });
  },

  async 2(context) {
    await opened(context, context.owner(), async (registry) => {
      await converge(registry, RICH);
      assert.deepEqual(contents(await list(registry)), contents(project(registry, RICH)));
    });
  },

  async 5(context) {
    await opened(context, context.owner(), async (registry) => {
      const creation = changesFor(registry, fleet(5), []);
      for (const outcome of [...(await apply(registry, creation)), ...(await apply(registry, creation))]) {
        assert.deepEqual(outcome, { ok: true });
      }
      await assertHolds(registry, fleet(5));

      const removal = changesFor(registry, [], await list(registry));
      for (const outcome of [...(await apply(registry, removal)), ...(await apply(registry, removal))]) {
        assert.deepEqual(outcome, { ok: true });
      }
      await assertHolds(registry, []);
    });
  },

  async 13(context) {
    await opened(context, context.owner(), async (registry) => {
      const many = fleet(context.harness.many ?? 1000);
      await converge(registry, many);
      await assertHolds(registry, many);
      await converge(registry, []);
      await assertHolds(registry, []);
    });
  },

  /** As the id, the task and the service: each comes back as it is or is refused by name, and no two become one. */
  async 14(context) {
    await opened(context, context.owner(), async (registry) => {
      const odd = ODD_NAMES.map((name, n) => instance(n, { id: name, task: name, service: name }));
      const possible = odd.filter((each) => isPossible(registry, each));
      assert.ok(possible.length > 0, "project refuses every odd name, plain ones as well");
      await pass(registry, possible);
      await assertHolds(registry, possible);
    });
  },
};

function isPossible(registry: Registry, each: Instance): boolean {
  try {
    return registry.project(each).length > 0;
  } catch (error) {
    assert.ok(error instanceof Error);
    assert.match(
      error.message,
      new RegExp(`^${registry.name}: \\P{Cc}+$`, "u"),
      "one line that begins with the registry's name",
    );
    return false;
  }
}
