import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { aloneElection, monotonicClock, whileLeader } from "../../src/leadership.ts";
import { labAvailable } from "../lab/available.ts";
import { type Swarm, startSwarm } from "../lab/swarm.ts";
import { until } from "../lab/wait.ts";
import { type Watch, watchSource } from "../watch-source.ts";
import { newest, openPart, type Part } from "./swarm-harness.ts";

/** A term, by the monotonic clock. */
interface Held {
  readonly index: number;
  readonly from: number;
  until: number | null;
}

const engines = await labAvailable("engine");

describe.skipIf(engines.skip)(`a swarm's leader ${engines.reason}`, { timeout: 90_000 }, () => {
  let swarm: Swarm;
  let parts: Part[];
  let watches: Watch[];
  beforeAll(async () => {
    swarm = await startSwarm({ managers: 3 });
    await swarm.docker(["service", "create", "--detach", "--name", "web", "--replicas", "6", "lab/web:v1"]);
    await swarm.untilRunning("web", 6);
    parts = await Promise.all(
      swarm.nodes.map((node) => openPart({ ...node, node: { id: node.id, address: node.address } })),
    );
    watches = parts.map(({ swarm: { cluster } }) => watchSource(cluster));
    for (const watch of watches) await watch.until("all tasks", () => watch.running().size === 6);
  }, 120_000);
  afterAll(async () => {
    for (const watch of watches ?? []) await watch.stop();
    for (const part of parts ?? []) await part[Symbol.asyncDispose]();
    await swarm?.[Symbol.asyncDispose]();
  });

  it("cut off, stops before another one leads; the change removes nothing", async () => {
    const old = await swarm.leader();
    const oldIndex = swarm.nodes.indexOf(old);
    const over = new AbortController();
    const terms: Held[] = [];
    const campaigns = parts.map((part, index) =>
      whileLeader(
        part.swarm.election(aloneElection),
        async (signal) => {
          const held: Held = { index, from: performance.now(), until: null };
          terms.push(held);
          await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
          held.until = performance.now();
        },
        { clock: monotonicClock, log: part.log, random: Math.random, onChange: () => {} },
        over.signal,
      ),
    );
    await until(() => terms.length === 1, { timeoutMs: 15_000, what: "a leader" });
    expect(terms[0]?.index).toBe(oldIndex);

    await old.partition();
    const cut = performance.now();
    await until(() => terms.length === 2, { timeoutMs: 60_000, everyMs: 10, what: "another leader" });

    const [first, second] = terms;
    expect(second?.index).not.toBe(oldIndex);
    expect(first?.until, "the old leader has stopped").not.toBe(null);
    expect(first?.until).toBeLessThan(second?.from ?? 0);
    expect((first?.until ?? 0) - cut).toBeLessThan(10_000);
    process.stderr.write(`stopped ${(first?.until ?? 0) - cut}, next ${(second?.from ?? 0) - cut}\n`);
    for (const [index, watch] of watches.entries()) {
      expect(
        watch.facts.filter(({ kind }) => kind === "gone"),
        `at manager ${index}`,
      ).toEqual([]);
      expect([...watch.tasks()].filter((task) => watch.record(task) !== null).length).toBeGreaterThanOrEqual(6);
    }
    const isDisconnected = () => newest(watches[oldIndex]?.facts ?? [], "source")?.state === "disconnected";
    await until(isDisconnected, { timeoutMs: 20_000, what: "an error at the one that is cut off" });
    over.abort(new Error("the test is over"));
    await Promise.all(campaigns);
    await old.heal();
  });
});
