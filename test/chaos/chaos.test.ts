/** A short run on the real lab; for a long one `npm run chaos`. */
import { describe, expect, it } from "vitest";
import { labAvailable } from "../lab/available.ts";
import { runChaos } from "./run.ts";

const [engine, consul] = await Promise.all([labAvailable("engine"), labAvailable("consul")]);
const reason = engine.reason || consul.reason;
/** Its round kills a Muster and another node's engine, and loses all answers of Kong to the third. */
const SEED = 355;

describe.skipIf(engine.skip || consul.skip)(`chaos ${reason}`, { timeout: 240_000 }, () => {
  it("a round of faults ends with every registry equal to what runs, and breaks nothing on the way", async () => {
    const lines: string[] = [];
    const { signal } = new AbortController();
    const summary = await runChaos({
      ...{ seed: SEED, program: "dist/src/main.js", rounds: 1, roundMs: 9000, forMs: 60_000, signal },
      print: (line) => lines.push(line),
    });

    expect(summary.violations, lines.join("\n")).toEqual([]);
    expect(summary.comparisons).toHaveLength(1);
    expect(Object.keys(summary.faults).length, "kinds of faults").toBeGreaterThan(2);
    expect(Object.keys(summary.writes), "registries that were written to").toEqual(
      expect.arrayContaining(["consul register ok", "kong register ok", "vulcand register ok", "alb register ok"]),
    );
  });
});
