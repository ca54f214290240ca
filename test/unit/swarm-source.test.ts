import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it } from "vitest";
import type { Fact } from "../../src/model.ts";
import { type FakeSwarm, MANAGER, node, service, startFakeSwarm, task, WORKER } from "../fakes/swarm-engine.ts";
import { newest, openPart, SECRET } from "../integration/swarm-harness.ts";
import { until } from "../lab/wait.ts";
import { watchSource } from "../watch-source.ts";

async function startManager(): Promise<FakeSwarm> {
  const fake = await startFakeSwarm(MANAGER);
  fake.services = [service("s1"), service("s2")];
  fake.tasks = [task("t1", "n1"), task("t2", "n2")];
  fake.nodes = [node("n1"), node("n2")];
  return fake;
}

const label = (facts: readonly Fact[], id = "s1") =>
  newest(facts, "defined", ({ definition }) => definition === `service:${id}`)?.labels["v"];
const status = (facts: readonly Fact[], id: string) => newest(facts, "status", (fact) => fact.task === id)?.status;
const stateOf = (facts: readonly Fact[]) => newest(facts, "source")?.state;

describe("swarm source on a manager", () => {
  it("takes events as hints: a burst costs few looks, and replayed ones say nothing", async () => {
    await using fake = await startManager();
    await using part = await openPart(fake);
    await using watch = watchSource(part.swarm.node);
    await watch.until("a listing", () => watch.syncs() > 0);
    await until(() => fake.hits.services >= 2, { timeoutMs: 5_000, what: "the look after the subscription" });
    const [before, said] = [fake.hits.services, watch.facts.length];

    for (let index = 0; index < 500; index++) fake.event();
    await until(() => fake.hits.services > before, { timeoutMs: 5_000, what: "a look" });
    for (let index = 0; index < 500; index++) fake.event();
    fake.services = [service("s1", 2, { v: "1" }), service("s2")];
    fake.event();
    await watch.until("the change", () => label(watch.facts) === "1");

    expect(fake.hits.services - before).toBeLessThan(10);
    expect(watch.facts.length - said, "one fact for one change").toBe(1);
  });

  it("sees without any event that a task is about to stop, while things change", async () => {
    await using fake = await startManager();
    await using part = await openPart(fake);
    await using watch = watchSource(part.swarm.node);
    await watch.until("a listing", () => watch.syncs() > 0);

    await until(() => fake.hits.services >= 2, { timeoutMs: 5_000, what: "the look after the subscription" });

    fake.tasks = [task("t1", "n1", "shutdown", "running", 2), task("t2", "n2", "shutdown", "running", 2)];
    await watch.until("the stop", () => status(watch.facts, "t1") === "stopping");

    expect(status(watch.facts, "t2"), "of another node").toBe(undefined);
    expect(fake.hits.tasks).toBeGreaterThan(fake.hits.services);
  });

  it("keeps what it knows while the swarm has no leader, and goes on where it was", async () => {
    await using fake = await startManager();
    await using part = await openPart(fake);
    await using watch = watchSource(part.swarm.cluster);
    await watch.until("a listing", () => watch.running().size === 2);

    fake.failure = { status: 500, message: "rpc error: The swarm does not have a leader." };
    await watch.until("the failure", () => stateOf(watch.facts) === "disconnected");
    expect(part.swarm.feed?.facts(null, AbortSignal.abort()), "an election takes 12 s").not.toBe(null);
    fake.failure = null;
    await watch.until("the recovery", () => stateOf(watch.facts) === "connected");

    expect(newest(watch.facts, "source", ({ state }) => state === "disconnected")?.error).toMatch(
      /^swarm: .*HTTP 500: .*does not have a leader/,
    );
    expect(watch.running().size).toBe(2);
    expect(watch.syncs(), "no new listing").toBe(1);
  });

  it("an empty answer after a failure is no proof of anything that a node's own engine knows better", async () => {
    await using fake = await startManager();
    await using part = await openPart(fake);
    await using watch = watchSource(part.swarm.node);
    await watch.until("a listing", () => watch.syncs() > 0);

    [fake.services, fake.tasks, fake.nodes] = [[], [], []];
    fake.event();
    await watch.until("another listing", () => watch.syncs() > 1);

    expect(watch.facts.filter(({ kind }) => kind === "gone" || kind === "status")).toEqual([]);
  });

  it("gives a slow consumer where it led to, not each step", async () => {
    await using fake = await startManager();
    await using part = await openPart(fake);
    await using watch = watchSource(part.swarm.node);
    await watch.until("a listing", () => watch.syncs() > 0);
    watch.pause();
    const seen = watch.facts.length;

    for (let version = 2; version < 8; version++) {
      const looked = fake.hits.services;
      fake.services = [service("s1", version, { v: String(version) }), service("s2")];
      fake.event();
      await until(() => fake.hits.services > looked, { timeoutMs: 5_000, what: "a look" });
    }
    watch.resume();
    await watch.until("the last", () => label(watch.facts) === "7");

    expect(watch.facts.length - seen).toBeLessThan(4);
  });

  it("stops serving when it is no manager any more", async () => {
    await using fake = await startManager();
    await using part = await openPart({ ...fake, limits: { rolePeriod: 50 } });
    await using watch = watchSource(part.swarm.node);
    await watch.until("a listing", () => watch.syncs() > 0);
    const served = collect(part.swarm.feed?.facts("n1", new AbortController().signal));

    fake.failure = { status: 503, message: "This node is not a swarm manager." };
    fake.role = WORKER;
    const facts = await served;

    expect(facts.map(({ kind }) => kind)).toContain("synced");
    expect(part.swarm.feed?.facts("n1", AbortSignal.abort())).toBe(null);
  });

  it("leaves nothing open", async () => {
    await using fake = await startManager();
    await using part = await openPart(fake);
    for (const source of [part.swarm.node, part.swarm.cluster]) {
      const watch = watchSource(source);
      await watch.until("a listing", () => watch.syncs() > 0);
      await watch.stop();
    }

    await until(() => fake.connections() === 0, { timeoutMs: 5_000, what: "no connection" });
    expect(fake.streams()).toBe(0);
  });
});

describe("swarm source on a worker", () => {
  it("does not wait for ever for a manager, and is in doubt until there is one", async () => {
    await using fake = await startManager();
    await using engine = await startFakeSwarm(WORKER);
    await using manager = await openPart(fake);
    await using part = await openPart({ ...engine, managers: [manager.url], limits: { patience: 300 } });
    await using watch = watchSource(part.swarm.node);

    await watch.until("an empty listing", () => watch.syncs() === 1);
    expect(newest(watch.facts, "synced")?.trust).toBe("doubtful");
    expect(newest(watch.facts, "source")).toMatchObject({
      state: "disconnected",
      error: expect.stringMatching(/HTTP 503 . it is no manager/),
    });
    expect(watch.facts.some(({ kind }) => kind === "defined")).toBe(false);
    await using _view = watchSource(manager.swarm.node);
    await watch.until("a true one", () => newest(watch.facts, "synced")?.trust === "node");

    expect(label(watch.facts)).toBe(undefined);
    expect(stateOf(watch.facts)).toBe("connected");
    fake.tasks = [task("t1", "n1", "shutdown"), task("t2", "n2", "shutdown")].map((t) => ({
      ...t,
      Version: { Index: 9 },
    }));
    fake.event();
    await watch.until("its own task's stop", () => status(watch.facts, "t2") === "stopping");
    expect(status(watch.facts, "t1")).toBe(undefined);
  });

  it("the leader never goes by nothing: neither without a manager nor outside a swarm", async () => {
    await using worker = await startFakeSwarm(WORKER);
    await using outside = await startFakeSwarm(null);
    await using lost = await openPart({ ...worker, managers: ["http://127.0.0.1:9"], limits: { patience: 1 } });
    await using alone = await openPart(outside);
    await using first = watchSource(lost.swarm.cluster);
    await using second = watchSource(alone.swarm.cluster);

    await first.until("an error", () => stateOf(first.facts) === "disconnected");
    await second.until("a listing", () => second.syncs() > 0);

    expect(first.syncs()).toBe(0);
    expect(newest(second.facts, "synced")?.trust).toBe("doubtful");
    expect(newest(second.facts, "source")).toMatchObject({
      state: "disconnected",
      error: expect.stringMatching(/^swarm: .*no swarm/),
    });
  });

  it.each([
    ["wrong", /HTTP 401 . is sources\.swarm\.secretFile the same there\?/],
    [null, /^swarm: .*set sources\.swarm\.secretFile/],
  ])("with the secret %j it says what to do, and never the secret", async (secret, expected) => {
    await using fake = await startManager();
    await using engine = await startFakeSwarm(WORKER);
    await using manager = await openPart(fake);
    await using part = await openPart({ ...engine, secret, managers: [manager.url] });
    await using watch = watchSource(part.swarm.node);

    await watch.until("an error", () => stateOf(watch.facts) === "disconnected");

    const error = newest(watch.facts, "source")?.error ?? "";
    expect(error).toMatch(expected);
    expect(JSON.stringify([watch.facts, part.log.lines])).not.toMatch(new RegExp(`${SECRET}|"wrong"|Bearer`));
  });

  it("clocks of managers are never compared: the next one's listing counts, though an hour behind", async () => {
    await using ahead = await startManager();
    await using behind = await startManager();
    ahead.services = [service("s1", 9, { v: "ahead" }), service("s3", 9)];
    behind.services = [service("s1", 3, { v: "behind" })];
    await using engine = await startFakeSwarm(WORKER);
    await using first = await openPart({ ...ahead, context: { now: () => Date.now() + 3_600_000 } });
    await using second = await openPart({ ...behind, context: { now: () => Date.now() - 3_600_000 } });
    await using leading = watchSource(first.swarm.node);
    await leading.until("the first manager to know the swarm", () => leading.syncs() > 0);
    await using part = await openPart({ ...engine, managers: [first.url, second.url] });
    await using watch = watchSource(part.swarm.node);
    await watch.until("the first", () => label(watch.facts) === "ahead");

    await using others = watchSource(second.swarm.node);
    await others.until("the second manager to know the swarm", () => others.syncs() > 0);
    await first.stopServing();
    await watch.until("the second", () => label(watch.facts) === "behind" && watch.syncs() === 2);

    const clocks = watch.facts.map(({ clock }) => clock);
    expect(clocks).toEqual([...clocks].sort((a, b) => a - b));
    const floor = newest(watch.facts, "synced")?.floor ?? 0;
    expect(newest(watch.facts, "defined", ({ definition }) => definition === "service:s3")?.clock).toBeLessThan(floor);
    expect(
      newest(watch.facts, "source", ({ state }) => state === "disconnected"),
      "no gap worth telling",
    ).toBe(undefined);
  });

  it("skips what makes no sense, and closes no listing that was not opened", async () => {
    const fact = (content: object) =>
      `data: ${JSON.stringify({ source: "x", clock: 1, at: 1, via: "list", ...content })}\n\n`;
    const lines = [
      ...[fact({ kind: "synced", floor: 99, trust: "node" }), "data: {garbled\n\n", fact({ kind: "of-tomorrow" })],
      ...[fact({ kind: "resync" }), fact({ kind: "node", node: "n1", address: null, state: "up" })],
      fact({ kind: "synced", floor: 1, trust: "node" }),
    ];
    await using server = await serveText(lines.join(""));
    await using engine = await startFakeSwarm(WORKER);
    await using part = await openPart({ ...engine, managers: [server.url] });
    await using watch = watchSource(part.swarm.node);

    await watch.until("the listing", () => watch.syncs() > 0);

    expect(watch.facts.slice(0, 5).map(({ kind }) => kind)).toEqual([
      ...["notice", "notice", "resync", "node", "synced"],
    ]);
    expect(watch.notices()[0]).toMatch(/^swarm: .*skipped$/);
    expect(newest(watch.facts, "node")?.source).toBe("swarm");
  });
});

/** All of it until it ends by itself. */
async function collect(facts: AsyncIterable<Fact> | null | undefined): Promise<readonly Fact[]> {
  const all: Fact[] = [];
  for await (const fact of facts ?? []) all.push(fact);
  return all;
}

async function serveText(text: string): Promise<AsyncDisposable & { readonly url: string }> {
  const server: Server = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(text);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
