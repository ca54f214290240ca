import * as fc from "fast-check";
import { expect, it } from "vitest";
import { createCluster, overlaps, TTL } from "../fakes/election-cluster.ts";

it("a lock in Consul never has two leaders, and always one in the end, whatever is cut, killed, destroyed or wiped", async () => {
  const scenario = fc.record({ seed: fc.integer(), steps: fc.array(step, { minLength: 3, maxLength: 12 }) });

  await fc.assert(
    fc.asyncProperty(scenario, async ({ seed, steps }) => {
      const cluster = createCluster(seed);
      await cluster.start(3);
      await act(cluster, steps);
      cluster.heal();
      // Once nobody is left who led before a wipe, others may join: see `act`.
      await cluster.clock.advance(TTL);
      cluster.join();
      await cluster.clock.advance(4 * TTL);

      expect(overlaps(cluster.works)).toEqual([]);
      expect(cluster.leaders()).toHaveLength(1);
      expect(cluster.service.sessions).toBe(1);
    }),
    { numRuns: 60, examples: [[LATE_TAKE]] },
  );
});

const step = fc.record({
  /** ms */
  after: fc.integer({ min: 0, max: 1.5 * TTL }),
  who: fc.integer({ min: 0, max: 4 }),
  what: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom("refused", "hanging", "deaf") },
    { weight: 3, arbitrary: fc.constantFrom("heal", "up") },
    { weight: 2, arbitrary: fc.constantFrom("destroyHolder", "deleteKey", "wipe") },
    { weight: 2, arbitrary: fc.constantFrom("kill", "stop", "join") },
  ),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Found once in 1,300 runs: the lock was freed by hand while another's request to take it was under way, and it had two leaders. */
const LATE_TAKE: { readonly seed: number; steps: Step[] } = {
  seed: 580410172,
  steps: [
    { after: 8237, who: 0, what: "deaf" },
    { after: 2459, who: 4, what: "deaf" },
    { after: 1682, who: 2, what: "deleteKey" },
    { after: 979, who: 4, what: "up" },
    { after: 8860, who: 0, what: "destroyHolder" },
    { after: 9696, who: 4, what: "deaf" },
    { after: 11771, who: 2, what: "kill" },
    { after: 5313, who: 4, what: "hanging" },
  ],
};

async function act(cluster: ReturnType<typeof createCluster>, steps: readonly Step[]): Promise<void> {
  const { clock, service } = cluster;
  let forgotten = Number.NEGATIVE_INFINITY;
  for (const { after, who, what } of steps) {
    await clock.advance(after);
    switch (what) {
      case "deleteKey":
      case "wipe":
        forgotten = clock.now();
        service[what]();
        break;
      case "join":
        // Who has its very first look at a Consul that has just forgotten all finds no trace of a leader.
        if (clock.now() - forgotten > TTL) cluster.join();
        await clock.advance(1000);
        break;
      case "destroyHolder":
        service.destroyHolder();
        break;
      case "heal":
        cluster.heal();
        break;
      case "kill":
      case "stop":
        cluster[what](who);
        break;
      default:
        cluster.cut(who, what);
    }
  }
}
