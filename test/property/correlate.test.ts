import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createCorrelator } from "../../src/correlate.ts";
import { instancesOf } from "../../src/instances.ts";
import type { Fact, Instance } from "../../src/model.ts";
import { addressed, assigned, binding, defined, gone, health, node, status, synced } from "../facts.ts";

const TASKS = ["t1", "t2", "t3"];

const clock = fc.integer({ min: 1, max: 12 });
const source = fc.constantFrom("docker", "swarm");
const task = fc.constantFrom(...TASKS);
const definition = fc.constantFrom("d1", "d2", "s1");
const nodeId = fc.constantFrom("n1", "n2");

const fact: fc.Arbitrary<Fact> = fc.oneof(
  fc
    .record({
      source,
      clock,
      definition,
      name: fc.constantFrom("web", "api"),
      labels: fc.constantFrom({}, { "muster.tags": "a" }),
    })
    .map(defined),
  fc.record({ source, clock, task, definition, inherits: fc.constantFrom(null, "s1"), node: nodeId }).map(assigned),
  fc
    .record({ source, clock, task, hostPort: fc.constantFrom(1, 2, 3) })
    .map(({ hostPort, ...rest }) => addressed({ ...rest, bindings: [binding({ hostPort })] })),
  fc
    .record({ source, clock, task, status: fc.constantFrom("running", "paused", "stopping", "stopped", "staging") })
    .map(status),
  fc.record({ source, clock, task, health: fc.constantFrom("none", "passing", "failing", "unknown") }).map(health),
  fc.record({ source, clock, node: nodeId, address: fc.constantFrom("10.0.0.1", "10.0.0.2", null) }).map(node),
  fc.record({ source, clock, floor: clock }).map(synced),
  { weight: 1, arbitrary: fc.record({ source, clock, task }).map(gone) },
);

function outcome(facts: readonly Fact[]): readonly (readonly Instance[])[] {
  const correlator = createCorrelator();
  for (const each of facts) correlator.join(each);
  return TASKS.map((name) => {
    const record = correlator.record(name);
    return record === null ? [] : instancesOf(record).instances;
  });
}

describe("correlate", () => {
  it("gives the same instances for any order and any repetition of the same facts", () => {
    const shuffled = fc
      .array(fact, { maxLength: 40 })
      .chain((facts) =>
        fc.tuple(
          fc.constant(facts),
          fc.shuffledSubarray([...facts, ...facts], { minLength: facts.length * 2, maxLength: facts.length * 2 }),
        ),
      );
    fc.assert(
      fc.property(shuffled, ([facts, again]) => {
        expect(outcome(again)).toEqual(outcome(facts));
      }),
      { numRuns: 2_000 },
    );
  });

  it("names every task that a fact changed", () => {
    fc.assert(
      fc.property(fc.array(fact, { maxLength: 30 }), (facts) => {
        const correlator = createCorrelator();
        for (const each of facts) {
          const before = TASKS.map((name) => correlator.record(name));
          const changed = correlator.join(each);
          TASKS.forEach((name, index) => {
            if (changed.includes(name)) return;
            const view = (record: ReturnType<typeof correlator.record>) =>
              record === null ? null : instancesOf(record);
            expect(view(correlator.record(name))).toEqual(view(before[index] ?? null));
          });
        }
      }),
      { numRuns: 500 },
    );
  });

  it("never brings a task back whose end was seen, whatever is said later", () => {
    fc.assert(
      fc.property(fc.array(fact, { maxLength: 30 }), fc.array(fact, { maxLength: 30 }), (before, after) => {
        const correlator = createCorrelator();
        for (const each of [...before, gone({ task: "t1" }), ...after]) correlator.join(each);
        expect(correlator.record("t1")).toBeNull();
        expect(correlator.isGone("t1")).toBe(true);
      }),
    );
  });

  it("forgets what a listing no longer holds, and its definitions with it", () => {
    const correlator = createCorrelator();
    for (const each of [
      node({ clock: 1 }),
      defined({ clock: 1 }),
      assigned({ clock: 1 }),
      addressed({ clock: 1 }),
      status({ clock: 1 }),
    ])
      correlator.join(each);
    expect(correlator.size()).toMatchObject({ tasks: 1, definitions: 1 });

    expect(correlator.join(synced({ clock: 5, floor: 4 }))).toEqual(["t1"]);

    expect(correlator.record("t1")).toBeNull();
    expect(correlator.isGone("t1")).toBe(false);
    expect(correlator.size()).toMatchObject({ tasks: 0, definitions: 0 });
  });

  it("keeps what another source says when one source's listing no longer holds it", () => {
    const correlator = createCorrelator();
    for (const each of [
      node(),
      defined(),
      assigned(),
      addressed(),
      status(),
      status({ source: "swarm", status: "stopping" }),
    ])
      correlator.join(each);

    correlator.join(synced({ source: "swarm", clock: 9, floor: 9 }));

    expect(correlator.record("t1")?.status).toBe("running");
  });

  it("keeps memory flat in a crash loop", () => {
    const correlator = createCorrelator();
    for (let n = 1; n <= 30_000; n++) {
      correlator.join(assigned({ task: `t${n}`, clock: n }));
      correlator.join(gone({ task: `t${n}`, clock: n }));
      if (n % 1_000 === 0) correlator.join(synced({ clock: n, floor: n }));
    }
    expect(correlator.size()).toEqual({ tasks: 0, definitions: 0, tombstones: 20_000 });
  });
});
