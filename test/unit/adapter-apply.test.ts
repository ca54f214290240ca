import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyInOrder } from "../../adapters/apply.ts";
import type { Change, Registration } from "../../src/model.ts";

const NEVER = new AbortController().signal;

function entry(key: string, endpoint: string | null, rank = 0): Registration {
  return { key, instance: null, service: "s", task: null, source: null, endpoint, rank, spec: null };
}

function register(key: string, endpoint: string | null, rank = 0): Change {
  return { op: "register", key, before: null, after: entry(key, endpoint, rank) };
}

function deregister(key: string, endpoint: string | null, rank = 0): Change {
  return { op: "deregister", key, before: entry(key, endpoint, rank), after: null };
}

describe("applyInOrder", () => {
  const anyChange = fc
    .tuple(fc.constantFrom(register, deregister), fc.constantFrom("a", "b", "c"), fc.constantFrom(null, "e", "f"))
    .map(([make, key, endpoint]) => make(key, endpoint));

  it("never runs two changes of one key or endpoint at once or out of order, whatever takes how long", async () => {
    const property = fc.asyncProperty(
      fc.array(anyChange, { maxLength: 8 }),
      fc.scheduler(),
      async (changes, scheduler) => {
        const running = new Set<Change>();
        const ended = new Set<Change>();
        const names = ({ key, before, after }: Change) => [key, (after ?? before)?.endpoint];
        const outcomes = scheduler.waitFor(
          applyInOrder(
            changes,
            async (change) => {
              running.add(change);
              for (const earlier of changes.slice(0, changes.indexOf(change))) {
                const related = names(earlier).some((name) => name != null && names(change).includes(name));
                expect(related && !ended.has(earlier)).toBe(false);
              }
              await scheduler.schedule(Promise.resolve());
              ended.add(change);
              return { ok: true };
            },
            { concurrency: 3 },
            NEVER,
          ),
        );

        expect(await outcomes).toHaveLength(changes.length);
        expect(running.size).toBe(changes.length);
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });

  it("runs what is unrelated in parallel, up to the limit, and a rank only after the one before", async () => {
    const changes = [register("a", "1", -1), register("b", "2"), register("c", "3"), register("d", "4")];
    const log: string[] = [];
    let running = 0;
    let most = 0;
    const outcomes = await applyInOrder(
      changes,
      async ({ key }) => {
        running += 1;
        most = Math.max(most, running);
        log.push(`${key} begins`);
        await new Promise(setImmediate);
        running -= 1;
        log.push(`${key} ends`);
        return { ok: false, error: key, retry: false, ambiguous: false };
      },
      { concurrency: 2 },
      NEVER,
    );

    expect(outcomes.map((outcome) => outcome.ok || outcome.error)).toEqual(["a", "b", "c", "d"]);
    expect(log.slice(0, 2)).toEqual(["a begins", "a ends"]);
    expect(most).toBe(2);
  });

  it("rejects with the signal's reason, and begins nothing more", async () => {
    const [reason, controller] = [new Error("stop"), new AbortController()];
    const begun: string[] = [];
    const call = applyInOrder(
      ["a", "b", "c"].map((key) => register(key, "one")),
      async ({ key }) => {
        begun.push(key);
        controller.abort(reason);
        return { ok: true };
      },
      { concurrency: 1 },
      controller.signal,
    );

    await expect(call).rejects.toBe(reason);
    expect(begun).toEqual(["a"]);
  });
});
