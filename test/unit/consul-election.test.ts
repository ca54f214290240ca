/** The election's protocol on a simulated Consul and simulated time. On a real one: test/integration/consul-election.test.ts. */
import { describe, expect, it } from "vitest";
import type { LockClient } from "../../adapters/elections/consul/client.ts";
import { ACTS } from "../../adapters/elections/consul/lock.ts";
import { createLockElection } from "../../adapters/elections/consul.ts";
import { createManualClock } from "../fakes/clock.ts";
import { contextOf, createCluster, overlaps, STOPPING, TTL, type Work } from "../fakes/election-cluster.ts";
import { createLockService } from "../fakes/lock-service.ts";

describe("the election by a lock in Consul", () => {
  it("lets one of three lead, at once, and for as long as nothing happens", async () => {
    const { start, clock, works, leaders, service } = createCluster();

    await start(3);
    expect(leaders()).toHaveLength(1);
    await clock.advance(50 * TTL);

    expect(only(works).to).toBeNull();
    expect(service.sessions).toBe(1);
  });

  it("follows a leader that resigns within a second, and leaves nothing behind", async () => {
    const { start, stop, clock, works, service } = createCluster();
    await start(2);
    const { who } = only(works);
    const asked = clock.now();

    stop(who);
    await clock.advance(STOPPING + 1000);

    expect(works).toMatchObject([{ who }, { who: 1 - who, to: null }]);
    expect((works[1]?.from ?? 0) - (works[0]?.to ?? 0)).toBeLessThan(1000);
    expect(works[0]?.to).toBeLessThanOrEqual(asked + STOPPING);
    stop(1 - who);
    await clock.advance(STOPPING + 1000);
    expect([service.holder, service.sessions]).toEqual([null, 0]);
  });

  it.each([1, 2, 3, 4, 5, 6])("follows a killed leader within one TTL (seed %i)", async (seed) => {
    const { start, kill, clock, works } = createCluster(seed);
    await start(2);
    await clock.advance(TTL * (3 + seed / 6));
    const { who } = only(works);
    const killed = clock.now();

    kill(who);
    await clock.advance(1.1 * TTL);

    expect(works).toMatchObject([{ who }, { who: 1 - who, to: null }]);
    expect((works[1]?.from ?? 0) - killed).toBeLessThan(TTL);
  });

  it("follows a killed leader, only later, if it may not end sessions of others", async () => {
    const destroySession = () => Promise.reject(new Error("status 403: Permission denied"));
    const { start, kill, clock, works } = createCluster(1, (client) => ({ ...client, destroySession }));
    await start(2);
    const { who } = only(works);
    const killed = clock.now();

    kill(who);
    await clock.advance(2.5 * TTL);

    expect(works).toMatchObject([{ who }, { who: 1 - who, to: null }]);
    expect((works[1]?.from ?? 0) - killed).toBeLessThan(2 * TTL + 3000);
  });

  it.each(["refused", "hanging", "deaf"] as const)(
    "follows a leader whose link is %s only when it has stopped",
    async (state) => {
      const { start, cut, clock, works, leaders } = createCluster();
      await start(2);
      const { who } = only(works);

      cut(who, state);
      await clock.advance(2.5 * TTL);

      expect(leaders()).toEqual([1 - who]);
      expect(overlaps(works)).toEqual([]);
    },
  );

  it("keeps a leader through a short outage", async () => {
    const { start, cut, heal, clock, works } = createCluster();
    await start(2);

    for (const who of [0, 1]) cut(who, "refused");
    await clock.advance(0.3 * TTL);
    heal();
    await clock.advance(3 * TTL);

    expect(only(works).to).toBeNull();
  });

  it("stops at once when its session is destroyed by hand", async () => {
    const { start, service, clock, works, leaders } = createCluster();
    await start(2);
    const destroyed = clock.now();

    service.destroyHolder();
    await clock.advance(TTL);

    expect((works[0]?.to ?? Number.NaN) - destroyed).toBeLessThan(STOPPING + 250);
    expect(leaders()).toHaveLength(1);
    expect(overlaps(works)).toEqual([]);
  });

  it("knows its own sign, and leads again soon after its session was destroyed", async () => {
    const { start, service, clock, works, leaders } = createCluster();
    await start(1);

    service.destroyHolder();
    await clock.advance(STOPPING + 1000);

    expect(leaders()).toEqual([0]);
    expect(works).toHaveLength(2);
  });

  it("counts from when a sign was sent, not from when Consul's answer came", async () => {
    const sent: number[] = [];
    const slow = 0.3 * TTL;
    const { start, cut, clock, works } = createCluster(1, (client) => ({
      ...client,
      async take(mark, seen, signal) {
        sent.push(clock.now());
        return await client.take(mark, seen, signal);
      },
      async acquire(mark, signal) {
        sent.push(clock.now());
        const isTaken = await client.acquire(mark, signal);
        if (mark.beat > 0) await clock.wait(slow, signal);
        return isTaken;
      },
    }));
    await start(1);
    while (sent.length < 2) await clock.advance(100);
    await clock.advance(slow + 200);
    cut(0, "refused");

    await clock.advance(TTL);

    expect(sent).toHaveLength(2);
    expect((works[0]?.to ?? Number.NaN) - (sent[1] ?? 0)).toBeLessThan(ACTS * TTL + STOPPING);
  });

  it("gives the lock back after the sign that is under way, and not before", async () => {
    const clock = createManualClock();
    const service = createLockService({ clock, random: () => 0.5, ttl: TTL });
    const client = service.client({ state: "up" });
    let beats = 0;
    const slow: LockClient = {
      ...client,
      async acquire(mark, signal) {
        beats += mark.beat;
        if (mark.beat > 0) await clock.wait(100, signal);
        return client.acquire(mark, signal);
      },
      async destroySession(session, signal) {
        await clock.wait(500, signal);
        await client.destroySession(session, signal);
      },
    };
    const election = createLockElection(slow, { ttl: TTL, context: contextOf(0, clock, () => 0.5), clock });
    const never = new AbortController().signal;
    const campaign = election.campaign(never);
    await clock.advance(1000);
    const term = await campaign;
    while (beats === 0) await clock.advance(10);

    const resigned = term[Symbol.asyncDispose]();
    await clock.advance(1500);
    await resigned;

    const lock = client.read(never);
    await clock.advance(100);
    expect(await lock).toMatchObject({ session: null, mark: { state: "resigned" } });
    expect(service.sessions).toBe(0);
  });

  it("makes no second leader when its session is destroyed, or Consul wiped, while the first is cut off", async () => {
    for (const disaster of ["destroyHolder", "deleteKey", "wipe"] as const) {
      const { start, service, cut, clock, works, leaders } = createCluster();
      await start(2);
      const { who } = only(works);

      cut(who, "hanging");
      service[disaster]();
      await clock.advance(1.5 * TTL);

      expect(leaders(), disaster).toEqual([1 - who]);
      expect(overlaps(works), disaster).toEqual([]);
    }
  });

  it.each(["wipe", "deleteKey"] as const)("has its leader back soon after a %s", async (disaster) => {
    const { start, service, clock, works, leaders } = createCluster();
    await start(3);
    const { who } = only(works);

    service[disaster]();
    await clock.advance(STOPPING + 2000);

    expect(leaders()).toEqual([who]);
    expect(works).toHaveLength(2);
  });

  it("believes a candidate's own word that Consul has forgotten a leader", async () => {
    const { start, service, cut, join, clock, works, leaders } = createCluster();
    await start(2);
    const { who } = only(works);
    cut(who, "hanging");
    service.wipe();
    await clock.advance(2000);

    // It finds no leader, and is told that there was one.
    join();
    await clock.advance(TTL + 2000);

    expect(overlaps(works)).toEqual([]);
    expect(leaders()).toHaveLength(1);
  });
});

function only(works: readonly Work[]): Work {
  const [work] = works;
  if (work === undefined || works.length > 1) throw new Error(`expected one work, got ${JSON.stringify(works)}`);
  return work;
}
