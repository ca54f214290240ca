import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createScrambler, scramble } from "./scramble.ts";

const scrambling = fc.record({
  seed: fc.nat(),
  window: fc.nat(10),
  repeat: fc.double({ min: 0, max: 1, noNaN: true }),
  late: fc.double({ min: 0, max: 1, noNaN: true }),
  lateBy: fc.nat(30),
});
const numbers = Array.from({ length: 200 }, (_, index) => index);

describe("scramble", () => {
  it("leaves a list alone when nothing is asked of it", () => {
    expect(scramble(numbers, { seed: 7 })).toEqual(numbers);
  });

  it("does the same again with the same seed, and something else with another", () => {
    const options = { window: 5, drop: 0.1, repeat: 0.1, late: 0.1 };

    expect(scramble(numbers, { ...options, seed: 1 })).toEqual(scramble(numbers, { ...options, seed: 1 }));
    expect(scramble(numbers, { ...options, seed: 1 })).not.toEqual(scramble(numbers, { ...options, seed: 2 }));
  });

  it("loses nothing unless it is to drop, and repeats at most once", () => {
    fc.assert(
      fc.property(scrambling, (options) => {
        const out = scramble(numbers, options);

        expect(new Set(out)).toEqual(new Set(numbers));
        for (const number of numbers) expect(out.filter((other) => other === number).length).toBeLessThanOrEqual(2);
      }),
      { numRuns: 50 },
    );
  });

  it("lets nothing come later than the window and the delay allow", () => {
    fc.assert(
      fc.property(scrambling, (options) => {
        const scrambler = createScrambler<number>({ ...options, repeat: 0 });
        for (const [step, number] of numbers.entries()) {
          for (const out of scrambler.push(number))
            expect(step - out).toBeLessThanOrEqual(options.window + options.lateBy);
        }
      }),
      { numRuns: 50 },
    );
  });

  it("drops, repeats and reorders about as often as it is told", () => {
    const many = Array.from({ length: 10_000 }, (_, index) => index);

    expect(scramble(many, { seed: 3, drop: 0.25 }).length).toBeGreaterThan(7300);
    expect(scramble(many, { seed: 3, drop: 0.25 }).length).toBeLessThan(7700);
    expect(scramble(many, { seed: 3, repeat: 0.25 }).length).toBeGreaterThan(12_300);
    expect(scramble(many, { seed: 3, window: 4 }).filter((item, index) => item !== index).length).toBeGreaterThan(5000);
  });
});
