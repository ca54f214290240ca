/** Leader election on a real Consul. What can go wrong in time is tested faster, and more of it, in test/unit/consul-election.test.ts. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { labAvailable } from "../lab/available.ts";
import { startConsul } from "../lab/consul.ts";
import { createRandom } from "../lab/marathon/random.ts";
import { until } from "../lab/wait.ts";
import {
  elected,
  KEY,
  lock,
  other,
  overlaps,
  SHORT,
  SHORT_TTL,
  sessions,
  startCandidate,
  TTL,
  works,
} from "./election-harness.ts";

const lab = await labAvailable("consul");

describe.skipIf(lab.skip)("leader election on a real Consul", { timeout: 90_000 }, () => {
  afterEach(() => {
    works.length = 0;
  });

  it("has one leader, which says in the lock who it is, and follows one that resigns within a second", async () => {
    await using consul = await startConsul();
    await using a = await startCandidate(consul, "n1");
    await using b = await startCandidate(consul, "n2");
    const first = await elected([a, b]);
    const { Session, mark } = await lock(consul);
    expect(mark).toMatchObject({ state: "leading", node: first.node, ttl: TTL, session: Session });
    const made = await until(
      async () => {
        const found = await sessions(consul);
        return found.length === 1 && found;
      },
      { timeoutMs: 5000, what: "the session of the one who was too late to end" },
    );
    expect(made).toMatchObject([
      { ID: Session, Name: `${KEY} ${first.node}`, Behavior: "release", TTL: "10000ms", LockDelay: 0, NodeChecks: [] },
    ]);

    const second = other([a, b], first);
    await first.stop();
    await elected([second]);

    expect((works[1]?.from ?? 0) - (works[0]?.to ?? 0)).toBeLessThan(1000);
    expect(first.reasons).toEqual(["elected", "stopping"]);
    expect(overlaps()).toEqual([]);
    await second.stop();
    expect(await sessions(consul)).toEqual([]);
    expect(await lock(consul)).toMatchObject({ mark: { state: "resigned", node: second.node } });
  });

  it("keeps its leader for as long as it is there", async () => {
    await using consul = await startConsul(SHORT);
    await using a = await startCandidate(consul, "n1", { ttl: SHORT_TTL });
    await using b = await startCandidate(consul, "n2", { ttl: SHORT_TTL });
    const first = await elected([a, b]);

    const beats = async () => Number((await lock(consul)).mark["beat"]);
    await until(async () => (await beats()) >= 1, { timeoutMs: SHORT_TTL, what: "the first beat" });
    const { mutations } = other([a, b], first).proxy;
    const written = mutations.length;
    await until(async () => (await beats()) >= 6, { timeoutMs: 5 * SHORT_TTL, what: "six beats" });

    expect(works).toHaveLength(1);
    expect(first.isLeading).toBe(true);
    expect(mutations).toHaveLength(written);
  });

  it("follows a leader that is cut off, or dead, within one TTL, and not before it has stopped", async () => {
    await using consul = await startConsul();
    await using a = await startCandidate(consul, "n1");
    await using b = await startCandidate(consul, "n2");
    const first = await elected([a, b]);
    const second = other([a, b], first);

    const began = performance.now();
    await first.proxy.down();
    await elected([second], 2 * TTL);
    const took = performance.now() - began;

    expect(took).toBeLessThan(TTL + 1000);
    expect(first.isLeading).toBe(false);
    expect(overlaps()).toEqual([]);
    // It had stopped well before, on its own clock alone.
    expect((works[1]?.from ?? 0) - (works[0]?.to ?? 0)).toBeGreaterThan(0.1 * TTL);
    expect(first.reasons.at(-1)).toBe(
      `consul: leadership could not be renewed in time: leader lock ${KEY}: renew the session: ${first.proxy.url}: connection refused`,
    );

    await first.proxy.heal();
    await second.stop();
    await elected([first]);
    expect(await sessions(consul)).toHaveLength(1);
    expect(overlaps()).toEqual([]);
  });

  it("stops at once when its session is destroyed by hand, and there is one leader again", async () => {
    await using consul = await startConsul(SHORT);
    await using a = await startCandidate(consul, "n1", { ttl: SHORT_TTL });
    await using b = await startCandidate(consul, "n2", { ttl: SHORT_TTL });
    const first = await elected([a, b]);
    const { Session } = await lock(consul);

    const began = performance.now();
    await consul.request({ method: "PUT", path: `/v1/session/destroy/${Session}` });
    await until(() => (works[0]?.to ?? 0) < Number.POSITIVE_INFINITY, { timeoutMs: 5000, everyMs: 5, what: "its end" });

    expect((works[0]?.to ?? 0) - began).toBeLessThan(500);
    expect(first.reasons[1]).toMatch(/^consul: the (?:lock was freed|lock is another's|session is gone)$/);
    await elected([a, b], 2 * SHORT_TTL);
    expect(overlaps()).toEqual([]);
  });

  it("stays leader over a restart of Consul, and is leader again after a wipe", async () => {
    await using consul = await startConsul({ dataDir: true });
    await using a = await startCandidate(consul, "n1");
    await using b = await startCandidate(consul, "n2");
    const first = await elected([a, b]);

    await consul.kill();
    await consul.start();
    const { beat } = (await lock(consul)).mark;
    await until(async () => (await lock(consul)).mark["beat"] !== beat, { timeoutMs: TTL, what: "a beat" });
    expect(works).toHaveLength(1);

    await consul.wipe();
    await consul.start();
    await until(() => works.length > 1 && first.isLeading, { timeoutMs: 8000, what: "the leader" });
    expect(overlaps()).toEqual([]);
    expect(works.map(({ node }) => node)).toEqual([first.node, first.node]);
  });

  it("waits for a Consul that is not there yet", async () => {
    await using consul = await startConsul();
    await consul.stop();
    await using a = await startCandidate(consul, "n1");
    await until(() => a.warnings.length > 0, { timeoutMs: 5000, what: "a warning" });

    await consul.start();

    await elected([a]);
    expect(a.warnings[0]).toContain(`leader lock ${KEY}: read: `);
  });

  it("leaves the lock to a stranger who holds it", async () => {
    await using consul = await startConsul(SHORT);
    const body = { TTL: "60s", Behavior: "release", LockDelay: "0s" };
    // A Consul that has just started may not have registered its own node yet.
    const create = () => consul.request({ method: "PUT", path: "/v1/session/create", body });
    const { ID } = (await until(create, { timeoutMs: 5000, what: "a session" })) as { readonly ID: string };
    const take = `/v1/kv/${KEY}?acquire=${ID}`;
    await consul.request({ method: "PUT", path: take, body: "an operator who wants quiet" });
    await using a = await startCandidate(consul, "n1", { ttl: 1000 });

    const waited = performance.now();
    await until(() => performance.now() - waited > 3000, { timeoutMs: 5000, what: "three TTLs" });
    expect(works).toEqual([]);
    expect(await lock(consul)).toMatchObject({ Session: ID });

    await consul.request({ method: "PUT", path: `/v1/session/destroy/${ID}` });
    await elected([a]);
  });

  it("says what its token lacks, never what it is, and goes on when it is given that", async () => {
    const folder = await mkdtemp(join(tmpdir(), "muster-election-"));
    try {
      await using consul = await startConsul({ acl: true, ...SHORT });
      const tokenFile = join(folder, "token");
      const reader = await consul.makeToken('key_prefix "muster/" { policy = "read" }');
      await writeFile(tokenFile, `${reader}\n`);
      await using a = await startCandidate(consul, "n1", { ttl: SHORT_TTL, tokenFile });
      await until(() => a.warnings.length > 0, { timeoutMs: 5000, what: "a warning" });
      const warning = a.warnings.join("\n");
      expect(warning).toContain(`leader lock ${KEY}: create a session: status 403: `);
      expect(warning).toContain(`key:write on \\"${KEY}\\" and session:write on the nodes of the candidates' agents`);
      expect(warning).toContain(tokenFile);
      expect(warning).not.toContain(reader);

      const rules = 'key_prefix "muster/" { policy = "write" } session_prefix "" { policy = "write" }';
      await writeFile(tokenFile, await consul.makeToken(rules));

      await elected([a], 10_000);
      await a.stop();
      expect(await sessions(consul)).toEqual([]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("never has two leaders while links are cut at random", async () => {
    const random = createRandom(20_26);
    await using consul = await startConsul(SHORT);
    await using a = await startCandidate(consul, "n1", { ttl: SHORT_TTL });
    await using b = await startCandidate(consul, "n2", { ttl: SHORT_TTL });
    await using c = await startCandidate(consul, "n3", { ttl: SHORT_TTL });
    const candidates = [a, b, c];
    const end = performance.now() + 70_000;

    while (works.length < 4 && performance.now() < end) {
      const leader = candidates.find(({ isLeading }) => isLeading);
      const { proxy } = (random.chance(0.6) && leader) || (candidates[random.below(3)] ?? a);
      if (random.chance(0.5)) await proxy.down();
      else await proxy.heal();
      const next = performance.now() + random.below(SHORT_TTL / 2);
      await until(() => performance.now() > next, { timeoutMs: 2 * SHORT_TTL, what: "the next cut" });
    }
    await Promise.all(candidates.map(({ proxy }) => proxy.heal()));
    await elected(candidates, 3 * SHORT_TTL);

    expect(works.length).toBeGreaterThan(3);
    expect(overlaps()).toEqual([]);
  });
});
