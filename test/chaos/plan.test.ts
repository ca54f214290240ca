import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Fault, kindOf } from "./fault.ts";
import { AT_ONCE, type PlanOptions, planOf, type Round } from "./plan.ts";

function rounds(options: PlanOptions, count: number): readonly Round[] {
  const plan = planOf(options);
  return Array.from({ length: count }, () => plan.next().value);
}

const seeds = fc.integer({ min: 0, max: 2 ** 31 });
const NODE_KINDS = ["dockerd", "power", "partition", "leader", "drain", "demote"];
const isOfNode = ({ kind }: Fault) => NODE_KINDS.includes(kind);

describe("the plan of a chaos run", () => {
  it("is a pure function of the seed: the same again, another for another, and a long one begins as a short one", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        expect(rounds({ seed }, 4)).toEqual(rounds({ seed }, 6).slice(0, 4));
        expect(rounds({ seed }, 4)).not.toEqual(rounds({ seed: seed + 1 }, 4));
      }),
      { numRuns: 10 },
    );
  });

  it("has up to three faults at once, never two of one thing, and takes one node away at a time", () => {
    fc.assert(
      fc.property(seeds, fc.constantFrom(8000, 30_000), (seed, roundMs) => {
        let most = 0;
        for (const { faults, deeds } of rounds({ seed, roundMs }, 5)) {
          for (const { at } of faults) {
            const now = faults.filter((other) => other.at <= at && at < other.until);
            most = Math.max(most, now.length);
            expect(now.length).toBeLessThanOrEqual(AT_ONCE);
            expect(new Set(now.map(({ fault }) => JSON.stringify({ ...fault, trouble: 0, how: 0 }))).size).toBe(
              now.length,
            );
          }
          expect(faults.filter(({ fault }) => isOfNode(fault))).toHaveLength(1);
          expect(faults.every(({ at, until }) => at >= 0 && at < until && until <= roundMs)).toBe(true);
          expect(deeds.every(({ at }) => at >= 0 && at < roundMs)).toBe(true);
        }
        if (roundMs > 20_000) expect(most).toBe(AT_ONCE);
      }),
      { numRuns: 15 },
    );
  });

  it("has every kind of fault within the rounds of ten minutes", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const faults = rounds({ seed }, 12).flatMap((round) => round.faults.map(({ fault }) => fault));
        const kinds = new Set(faults.map(kindOf));
        expect([...kinds].map((kind) => kind.split(":")[0])).toEqual(
          expect.arrayContaining([
            ...NODE_KINDS,
            "way",
            "answers",
            "consul",
            "muster",
            "crash loop",
            "unhealthy",
            "paused",
          ]),
        );
        for (const how of ["delay", "throttle", "refuse", "reset", "silent", "lost"])
          expect(kinds).toContain(`way: ${how}`);
      }),
      { numRuns: 15 },
    );
  });

  it("changes and removes only services that are there, and creates only those that are not; no two have one host port", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const there = new Map<string, number | undefined>();
        for (const { deed } of rounds({ seed }, 8).flatMap(({ deeds }) => deeds)) {
          if (!("service" in deed)) continue;
          expect(there.has(deed.service)).toBe(deed.kind !== "create");
          if (deed.kind === "create") there.set(deed.service, deed.setting.published);
          if (deed.kind === "remove") there.delete(deed.service);
          const published = [...there.values()].filter((port) => port !== undefined);
          expect(new Set(published).size).toBe(published.length);
        }
      }),
      { numRuns: 15 },
    );
  });
});
