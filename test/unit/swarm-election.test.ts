import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { DockerOptions } from "../../adapters/sources/docker/options.ts";
import { createSwarmElection } from "../../adapters/sources/swarm/election.ts";
import { aloneElection, type Election } from "../../src/leadership.ts";
import { type FakeNode, type FakeSwarm, MANAGER, startFakeSwarm, WORKER } from "../fakes/swarm-engine.ts";
import { until } from "../lab/wait.ts";
import { createMemoryLog } from "../watch-source.ts";

const REACHED = "reachable";

function manager(id: string, isLeader: boolean, Reachability = REACHED): FakeNode {
  return { ID: id, Status: { State: "ready", Addr: "10.0.0.1" }, ManagerStatus: { Leader: isLeader, Reachability } };
}

function electionOn(fake: FakeSwarm, { settle = 1, lease = 1_500 } = {}): Election {
  const docker = v.parse(DockerOptions, { host: `unix://${fake.socket}` });
  return createSwarmElection({ docker, context: { log: createMemoryLog() }, outside: aloneElection, settle, lease });
}

const never = new AbortController().signal;
const ended = (signal: AbortSignal) =>
  until(() => signal.aborted, { timeoutMs: 10_000, what: "the term's end" }).then(() => String(signal.reason));

describe("leadership by the swarm's own leader", () => {
  it("is at once with the only manager there is", async () => {
    await using fake = await startFakeSwarm(MANAGER);
    fake.nodes = [manager("n1", true), { ID: "n2", Status: { State: "ready", Addr: "10.0.0.2" } }];

    await using term = await electionOn(fake, { settle: 600_000 }).campaign(never);

    expect(term.signal.aborted).toBe(false);
  });

  it("waits while another manager leads, and then until that one has surely stopped", async () => {
    await using fake = await startFakeSwarm(MANAGER);
    fake.nodes = [manager("n1", false), manager("n2", true)];
    let isElected = false;
    const campaign = electionOn(fake, { settle: 500 }).campaign(never);
    void campaign.then(() => {
      isElected = true;
    });
    await until(() => fake.hits.nodes > 0, { timeoutMs: 5_000, what: "a look" });

    fake.nodes = [manager("n1", true), manager("n2", false)];
    const looks = fake.hits.nodes;
    await until(() => fake.hits.nodes > looks, { timeoutMs: 5_000, what: "a look that finds it the leader" });
    expect(isElected, "with the first proof").toBe(false);

    await using term = await campaign;
    expect(term.signal.aborted).toBe(false);
  });

  it("is no leader's that reaches no majority of the managers, whatever it says of itself", async () => {
    await using fake = await startFakeSwarm(MANAGER);
    fake.nodes = [manager("n1", true), manager("n2", false), manager("n3", false, "unreachable")];
    await using term = await electionOn(fake).campaign(never);

    fake.nodes = [manager("n1", true), manager("n2", false, "unreachable"), manager("n3", false, "unreachable")];

    expect(await ended(term.signal)).toMatch(/could not be proven for 1500 ms/);
  });

  it("ends as soon as another one leads, or when its engine falls silent", async () => {
    await using fake = await startFakeSwarm(MANAGER);
    fake.nodes = [manager("n1", true), manager("n2", false)];
    await using first = await electionOn(fake, { lease: 600_000 }).campaign(never);
    await using second = await electionOn(fake).campaign(never);

    fake.failure = { status: 500, message: "The swarm does not have a leader." };
    expect(await ended(second.signal)).toMatch(/could not be proven/);
    expect(first.signal.aborted).toBe(false);
    fake.failure = null;
    fake.nodes = [manager("n1", false), manager("n2", true)];

    expect(await ended(first.signal)).toMatch(/another node/);
  });

  it("is over after a demotion", async () => {
    await using fake = await startFakeSwarm(MANAGER);
    fake.nodes = [manager("n1", true), manager("n2", false)];
    await using term = await electionOn(fake, { lease: 600_000 }).campaign(never);

    fake.role = WORKER;
    fake.failure = { status: 503, message: "This node is not a swarm manager." };

    expect(await ended(term.signal)).toMatch(/another node/);
  });

  it("outside a swarm is another election's, until the engine joins one", async () => {
    await using fake = await startFakeSwarm(null);
    await using term = await electionOn(fake).campaign(never);
    expect(term.signal.aborted).toBe(false);

    fake.role = WORKER;

    expect(await ended(term.signal)).toMatch(/joined a swarm/);
  });

  it("an engine that says nothing ends the campaign with one line, an abort with its reason; nothing stays open", async () => {
    await using fake = await startFakeSwarm(MANAGER);
    fake.failure = { status: 500, message: "The swarm does not have\na leader." };
    await expect(electionOn(fake).campaign(never)).rejects.toThrow(
      /^swarm: no word on who leads: .* not have a leader/,
    );
    fake.failure = null;
    fake.nodes = [manager("n1", false)];
    const stop = new AbortController();
    const campaign = electionOn(fake).campaign(stop.signal);
    await until(() => fake.hits.nodes > 1, { timeoutMs: 5_000, what: "a look" });

    stop.abort(new Error("enough"));

    await expect(campaign).rejects.toThrow("enough");
    await until(() => fake.connections() === 0, { timeoutMs: 5_000, what: "no connection" });
  });
});
