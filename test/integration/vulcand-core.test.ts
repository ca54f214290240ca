/** The Vulcand adapter under the real reconciler: from facts to what the proxy does. */
import { describe, expect, it } from "vitest";
import type { Fact, Registry } from "../../src/model.ts";
import { createReconciler } from "../../src/reconcile.ts";
import { createWorld } from "../../src/world.ts";
import { addressed, assigned, binding, defined, gone, health, node, status, synced } from "../facts.ts";
import { settled } from "../fakes/clock.ts";
import { DIALECTS } from "../fakes/vulcand/dialect.ts";
import { POLICY, silent } from "../reconciling.ts";
import { scene } from "./vulcand-scene.ts";

interface App {
  readonly service?: string;
  readonly port?: number;
  readonly created?: number;
}

/** A task of an app that exists also without any, routed at `shop.example`. */
function task(name: string, { service = "web", port = 20_000, created = 1000 }: App = {}): readonly Fact[] {
  const definition = `app:${service}`;
  const labels = { "muster.name": service, "muster.route.host": "shop.example" };
  return [
    node(),
    defined({ definition, app: service, name: service, labels, standing: true }),
    assigned({ task: name, definition, created }),
    addressed({ task: name, bindings: [binding({ hostPort: port })] }),
    status({ task: name }),
    health({ task: name }),
  ];
}

describe.each(DIALECTS)("on %s", (dialect) => {
  const vulcand = scene(dialect);
  const asked = { host: "shop.example", path: "/" };

  function core(registry: Registry = vulcand.open()) {
    const world = createWorld({ sources: ["docker"] });
    const sink = { async audit() {} };
    const { clock } = vulcand;
    const reconciler = createReconciler({
      registry,
      world,
      policy: POLICY,
      sink,
      clock,
      random: () => 0.5,
      log: silent,
    });
    return {
      reconciler,
      async say(...facts: readonly Fact[]) {
        for (const fact of facts) world.join(fact);
        await settled();
        await reconciler.pass(AbortSignal.timeout(5000));
      },
    };
  }

  it("an app without tasks keeps its route, and goes altogether when it is gone", async () => {
    const { say } = core();
    await say(...task("t1"), synced());
    expect(vulcand.fake.proxy(asked).status).toBe(200);
    await say(gone({ task: "t1" }));
    expect(vulcand.fake.proxy(asked).status).toBe(dialect === "0.8.0-beta.3-etcd2" ? 500 : 503);
    await say(synced({ floor: 2, clock: 3 }));
    expect(vulcand.keys()).toEqual([]);
  });

  it("of two services with one route the older has it, and nothing flaps; when it goes, the other gets it", async () => {
    const { say, reconciler } = core();
    await say(...task("t2", { service: "young", port: 20_001, created: 2000 }), ...task("t1"), synced());
    expect(vulcand.fake.proxy(asked).server).toContain(":20000");
    expect(vulcand.keys().filter((key) => key.startsWith("frontends/"))).toHaveLength(1);
    const writes = vulcand.fake.writes().length;
    reconciler.resync();
    await say();
    expect(vulcand.fake.writes()).toHaveLength(writes);

    const left = task("t2", { service: "young", port: 20_001, created: 2000 }).map((fact) => ({ ...fact, clock: 10 }));
    await say(gone({ task: "t1", clock: 9 }), ...left, synced({ floor: 5, clock: 11 }));
    await say();
    expect(vulcand.fake.proxy(asked).server).toContain(":20001");
    expect(vulcand.keys().filter((key) => key.includes(":web:"))).toEqual([]);
  });

  it("a Muster that starts again drops what its node no longer runs, and leaves the rest as it is", async () => {
    const first = vulcand.open();
    await core(first).say(...task("t1"), ...task("t2", { port: 20_001 }), synced());
    await first[Symbol.asyncDispose]();
    const writes = vulcand.fake.writes().length;
    await core().say(...task("t2", { port: 20_001 }), synced());
    expect(
      vulcand.fake
        .writes()
        .slice(writes)
        .map(({ method }) => method),
    ).toEqual(["DELETE"]);
    expect(vulcand.fake.proxy(asked).server).toContain(":20001");
  });
});
