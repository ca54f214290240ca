/** Registries whose writes may overlap: a burst does not wait for its slowest write, and nothing is lost or swapped by it. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Change, Outcome } from "../../src/model.ts";
import { gone, runningTask, synced } from "../facts.ts";
import { settled } from "../fakes/clock.ts";
import { createFakeRegistry } from "../fakes/registry.ts";
import { createScene } from "../reconciling.ts";

interface Write {
  readonly key: string;
  readonly op: Change["op"];
  /** Lets it happen, with this outcome. */
  end(outcome?: Outcome): Promise<void>;
}

/** A registry in which each write waits to be ended. */
function slowScene() {
  const registry = createFakeRegistry();
  const underWay: Write[] = [];
  const apply = registry.apply.bind(registry);
  let held = false;
  Object.assign(registry, { concurrent: true });
  registry.apply = async (changes, signal) => {
    if (!held) return await apply(changes, signal);
    return await Promise.all(changes.map((change) => wait(change, signal)));
  };

  function wait(change: Change, signal: AbortSignal): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      const write: Write = {
        ...{ key: change.key, op: change.op },
        async end(outcome = { ok: true }) {
          underWay.splice(underWay.indexOf(write), 1);
          if (outcome.ok) await apply([change], signal);
          resolve(outcome);
          await settled();
        },
      };
      underWay.push(write);
    });
  }

  const scene = createScene({ registry });
  return {
    scene,
    underWay,
    hold: (on: boolean) => {
      held = on;
    },
    shown: () => underWay.map(({ op, key }) => `${op} ${key}`),
    write: (key: string) => underWay.find((one) => one.key === key) ?? expect.fail(`no write of ${key} is under way`),
  };
}

async function running() {
  const slow = slowScene();
  const done = slow.scene.start();
  await slow.scene.say(...runningTask("a"), synced());
  slow.hold(true);
  return {
    ...slow,
    async [Symbol.asyncDispose]() {
      slow.scene.stop.abort(new Error("test over"));
      await done;
    },
  };
}

const A = "fake:a:8080";
const B = "fake:b:8080";

describe("writes that overlap", () => {
  it("a slow write does not hold up the next one", async () => {
    await using run = await running();
    await run.scene.say(...runningTask("b", { hostPort: 2 }));
    await run.scene.say(...runningTask("c", { hostPort: 3 }));
    expect(run.shown()).toEqual([`register ${B}`, "register fake:c:8080"]);
    await run.write("fake:c:8080").end();
    expect(run.scene.keys).toEqual([A, "fake:c:8080"]);
  });

  it("what comes back while it is being removed is registered again", async () => {
    await using run = await running();
    const [id = ""] = [...run.scene.world.instances()].map((instance) => instance.id);
    run.scene.world.drain([id], true);
    await settled();
    expect(run.shown()).toEqual([`deregister ${A}`]);
    run.scene.world.drain([id], false);
    await settled();
    expect(run.shown()).toEqual([`deregister ${A}`]);
    await run.write(A).end();
    expect(run.shown()).toEqual([`register ${A}`]);
  });

  it("what is over while it is being registered is removed", async () => {
    await using run = await running();
    await run.scene.say(...runningTask("b", { hostPort: 2 }));
    await run.scene.say(gone({ task: "b", clock: 5 }));
    await run.write(B).end();
    expect(run.shown()).toEqual([`deregister ${B}`]);
    await run.write(B).end();
    expect(run.scene.keys).toEqual([A]);
  });

  it("a port that is taken over waits until the dead task's entry has gone (rule 5)", async () => {
    await using run = await running();
    await run.scene.say(gone({ task: "a", clock: 5 }));
    await run.scene.say(...runningTask("b"));
    expect(run.shown()).toEqual([`deregister ${A}`]);
    await run.write(A).end();
    expect(run.shown()).toEqual([`register ${B}`]);
  });

  it("a listing waits for all of them, and a failed one leads to a listing", async () => {
    await using run = await running();
    const { lists } = run.scene.registry;
    await run.scene.say(...runningTask("b", { hostPort: 2 }));
    await run.scene.say(...runningTask("c", { hostPort: 3 }));
    await run.write(B).end({ ok: false, error: "fake: 503", retry: true, ambiguous: true });
    await run.scene.clock.advance(10_000);
    expect(run.scene.registry.lists).toBe(lists);
    await run.write("fake:c:8080").end();
    await run.scene.clock.advance(10_000);
    expect(run.scene.registry.lists).toBeGreaterThan(lists);
    expect(run.shown()).toEqual([`register ${B}`]);
  });

  it("what the stop cut off, and was done all the same, is withdrawn with the rest (onExit: deregister)", async () => {
    await using run = await running();
    await run.scene.say(...runningTask("b", { hostPort: 2 }));
    const held = [...run.scene.registry.entries.values()][0] ?? expect.fail("nothing is registered");
    run.scene.registry.entries.set(B, { ...held, key: B, instance: "b:8080", task: "b" });
    run.scene.stop.abort(new Error("stopped"));
    await settled();
    run.hold(false);
    await run.scene.reconciler.withdrawAll(AbortSignal.timeout(5_000));
    expect(run.scene.keys).toEqual([]);
  });

  it("whatever the order in which they end, the registry has in the end what runs, and never two of one key or port", async () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant("start" as const), port: fc.nat(3) }),
      fc.record({ what: fc.constant("end" as const), port: fc.nat(3) }),
      fc.record({ what: fc.constant("finish" as const), index: fc.nat(20), outcome: fc.constantFrom(DONE, FAILED) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        await using run = await running();
        const tasks = new Map<number, string>();
        for (const [index, each] of steps.entries()) {
          if (each.what === "start") await start(run, tasks, each.port, `t${index}`);
          else if (each.what === "end") await end(run, tasks, each.port);
          else await run.underWay[each.index % Math.max(1, run.underWay.length)]?.end(each.outcome);
          expectDistinct(run.underWay.map(({ key }) => key));
          expectDistinct([...run.scene.registry.entries.values()].map(({ endpoint }) => endpoint));
        }
        await calm(run);
        const registered = [...tasks.values()].map((task) => `fake:${task}:8080`);
        expect(new Set(run.scene.keys)).toEqual(new Set([A, ...registered]));
      }),
      { numRuns: 60 },
    );
  });
});

type Run = Awaited<ReturnType<typeof running>>;

const DONE: Outcome = { ok: true };
const FAILED: Outcome = { ok: false, error: "no", retry: true, ambiguous: true };

async function start({ scene }: Run, tasks: Map<number, string>, port: number, task: string): Promise<void> {
  if (tasks.has(port)) return;
  tasks.set(port, task);
  await scene.say(...runningTask(task, { hostPort: 100 + port }));
}

async function end({ scene }: Run, tasks: Map<number, string>, port: number): Promise<void> {
  const task = tasks.get(port);
  if (task === undefined) return;
  tasks.delete(port);
  await scene.say(gone({ task, clock: 99 }));
}

/** Lets all writes end, and time pass, until nothing happens any more. */
async function calm({ scene, underWay }: Run): Promise<void> {
  for (let round = 0; round < 20; round++) {
    for (const write of [...underWay]) await write.end();
    await scene.clock.advance(1_000);
  }
}

function expectDistinct(values: readonly unknown[]): void {
  expect(new Set(values).size).toBe(values.length);
}
