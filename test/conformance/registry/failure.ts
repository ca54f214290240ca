/** What goes wrong is told rightly, and heals: laws 9, 11, 15. */
import assert from "node:assert/strict";
import type { Outcome, Registry } from "../../../src/model.ts";
import type { Fault } from "../proxy.ts";
import type { Backdoor, LawContext, LawTable } from "../registry.ts";
import { fleet, instance } from "./fleet.ts";
import { apply, assertHolds, changesFor, converge, list, opened, pass } from "./pass.ts";

interface FaultCase {
  readonly name: string;
  readonly fault: Fault;
  readonly retry: boolean;
  /** Absent: either will do. */
  readonly ambiguous?: boolean;
}

const FAULTS: readonly FaultCase[] = [
  { name: "status 400", fault: { kind: "answer", status: 400, body: "no such thing" }, retry: false, ambiguous: false },
  { name: "status 403", fault: { kind: "answer", status: 403 }, retry: false, ambiguous: false },
  { name: "status 422", fault: { kind: "answer", status: 422 }, retry: false, ambiguous: false },
  { name: "status 429", fault: { kind: "answer", status: 429 }, retry: true, ambiguous: false },
  { name: "status 500", fault: { kind: "answer", status: 500, body: "two\nlines" }, retry: true },
  { name: "status 503", fault: { kind: "answer", status: 503 }, retry: true },
  { name: "a reset", fault: { kind: "reset" }, retry: true, ambiguous: true },
  { name: "a lost answer", fault: { kind: "lost" }, retry: true, ambiguous: true },
  { name: "a time-out", fault: { kind: "hang" }, retry: true, ambiguous: true },
];

/** There all the time, so that the service-level objects of its service are as well, and one change is one change. */
const ALWAYS = [instance(1000)];

const GARBAGE = [
  "",
  "<html><body>504</body></html>",
  '{"a":',
  "null",
  "42",
  '"text"',
  '{"a":17}',
  '[{"ID":17}]',
  "[[]]",
];

export const failureLaws: LawTable = {
  async 9(context) {
    await opened(context, context.owner(), async (registry, backdoor) => {
      await converge(registry, ALWAYS);
      for (const wanted of [[...ALWAYS, ...fleet(6)], ALWAYS, [...ALWAYS, ...fleet(6)]]) {
        backdoor.failMutation(3, { kind: "answer", status: 500 });
        const { changes, outcomes } = await pass(registry, wanted);
        const failures = changes.filter((_, index) => outcomes[index]?.ok === false);
        assert.equal(failures.length, 1, "one request fails, so one change fails");
        const left = changesFor(registry, wanted, await list(registry)).map(({ key }) => key);
        assert.deepEqual(
          left,
          failures.map(({ key }) => key),
          "what is left to do is what failed",
        );

        await converge(registry, wanted);
        await assertHolds(registry, wanted);
      }
    });
  },

  async 11(context) {
    await opened(context, context.owner(), async (registry, backdoor) => {
      await converge(registry, ALWAYS);
      for (const each of FAULTS) await meet(context, registry, backdoor, each);
      await meetRefusal(context, registry, backdoor);
      for (const secret of context.harness.secrets ?? []) {
        const fault: Fault = { kind: "answer", status: 400, body: `you sent ${secret}` };
        await meet(context, registry, backdoor, { name: "an echo of the secret", fault, retry: false });
      }
    });
  },

  async 15(context) {
    await opened(context, context.owner(), async (registry, backdoor) => {
      await converge(registry, fleet(2));
      for (const body of GARBAGE) {
        await mustNotList(context, registry, backdoor, {
          kind: "answer",
          status: 200,
          body,
          contentType: "application/json",
        });
      }
      await mustNotList(context, registry, backdoor, { kind: "cut" });
      await mustNotList(context, registry, backdoor, { kind: "reset" });
      await mustNotList(context, registry, backdoor, { kind: "answer", status: 500, body: "[]" });
      await mustNotList(context, registry, backdoor, { kind: "answer", status: 301, body: "{}" });
      await mustNotList(context, registry, backdoor, { kind: "answer", status: 404, body: "{}" });
      await assertHolds(registry, fleet(2));
    });
  },
};

async function meet(
  context: LawContext,
  registry: Registry,
  backdoor: Backdoor,
  { name, fault, retry, ambiguous }: FaultCase,
): Promise<void> {
  for (const goal of [[...ALWAYS, instance(1)], ALWAYS]) {
    const changes = changesFor(registry, goal, await list(registry));
    assert.equal(changes.length, 1);
    backdoor.failMutation(1, fault);
    const [outcome] = await apply(registry, changes);
    assertTold(context, registry, outcome, `${name} at ${changes[0]?.op}`);
    assert.equal(outcome.retry, retry, `${name} at ${changes[0]?.op}: retry`);
    if (ambiguous !== undefined) assert.equal(outcome.ambiguous, ambiguous, `${name}: ambiguous`);
    assert.ok(outcome.error.includes(changes[0]?.key ?? ""), `${name}: "${outcome.error}" does not name the key`);
    await backdoor.heal();
    await converge(registry, goal);
  }
}

async function meetRefusal(context: LawContext, registry: Registry, backdoor: Backdoor): Promise<void> {
  const changes = changesFor(registry, [...ALWAYS, instance(1)], await list(registry));
  await backdoor.down();
  const [outcome] = await apply(registry, changes);
  assertTold(context, registry, outcome, "connection refused");
  assert.equal(outcome.retry, true, "connection refused: retry");
  await assert.rejects(list(registry), Error);
  await backdoor.heal();
}

type Failure = Extract<Outcome, { readonly ok: false }>;

function assertTold(
  { harness }: LawContext,
  { name }: Registry,
  outcome: Outcome | undefined,
  what: string,
): asserts outcome is Failure {
  assert.ok(outcome?.ok === false, `${what}: the change can't have succeeded`);
  assertMessage(harness.secrets ?? [], name, outcome.error);
}

function assertMessage(secrets: readonly string[], name: string, message: string): void {
  assert.ok(message.startsWith(`${name}: `), `"${message}" does not begin with the registry's name`);
  assert.match(message, /^\P{Cc}+$/u, "a message is one line");
  for (const secret of secrets) assert.ok(!message.includes(secret), "the message holds a secret");
}

async function mustNotList(
  { harness }: LawContext,
  registry: Registry,
  backdoor: Backdoor,
  fault: Fault,
): Promise<void> {
  backdoor.failReads(fault);
  const answer = await list(registry).catch((error: unknown) => error);
  assert.ok(answer instanceof Error, `${JSON.stringify(fault)} was taken for a list: ${JSON.stringify(answer)}`);
  assertMessage(harness.secrets ?? [], registry.name, answer.message);
  await backdoor.heal();
}
