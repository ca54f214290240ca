import { describe, expect, it } from "vitest";
import { aloneElection, type LeaderOptions, monotonicClock, whileLeader } from "../../src/leadership.ts";
import { createManualClock, settled } from "../fakes/clock.ts";
import { createFakeElection } from "../fakes/election.ts";

/** A candidate whose work goes on until it is stopped, and then for as long as the test says. */
function createCandidate(options: Partial<LeaderOptions> = {}) {
  const election = createFakeElection();
  const clock = createManualClock();
  const stop = new AbortController();
  const changes: string[] = [];
  const warnings: object[] = [];
  const works: { readonly signal: AbortSignal; end(): void; fail(error: unknown): void }[] = [];
  let running = 0;
  const log = { debug() {}, info() {}, warn: (fields: object) => void warnings.push(fields), error() {} };
  const work = async (signal: AbortSignal) => {
    running += 1;
    await new Promise<void>((resolve, reject) => {
      works.push({ signal, end: resolve, fail: reject });
    }).finally(() => {
      running -= 1;
    });
  };
  const outcome = { state: "running" as "running" | "ended" | Error };
  return {
    election,
    clock,
    stop,
    changes,
    warnings,
    works,
    outcome,
    running: () => running,
    async start() {
      const onChange = (isLeader: boolean, reason: string) => void changes.push(`${isLeader}: ${reason}`);
      const all = { onChange, log, clock, random: () => 0.5, ...options };
      whileLeader(election, work, all, stop.signal).then(
        () => {
          outcome.state = "ended";
        },
        (error: Error) => {
          outcome.state = error;
        },
      );
      await settled();
    },
  };
}

describe("whileLeader", () => {
  it("works for as long as the term lasts", async () => {
    const { election, start, works, running, changes } = createCandidate();
    await start();
    expect(running()).toBe(0);

    election.elect();
    await settled();

    expect(running()).toBe(1);
    expect(works[0]?.signal.aborted).toBe(false);
    expect(changes).toEqual(["true: elected"]);
  });

  it("stops the work when the term ends, and campaigns again only when it has ended", async () => {
    const { election, start, works, running, changes, clock } = createCandidate();
    await start();
    election.elect();
    await settled();

    election.depose("the session is gone");
    await clock.advance(1000);

    expect(works[0]?.signal.aborted).toBe(true);
    expect(changes).toEqual(["true: elected", "false: the session is gone"]);
    expect([election.waiting, election.held, running()]).toEqual([0, 1, 1]);

    works[0]?.end();
    await settled();
    expect([election.waiting, election.held, running()]).toEqual([1, 0, 0]);

    election.elect();
    await settled();
    expect([works.length, running()]).toEqual([2, 1]);
    expect(works[1]?.signal.aborted).toBe(false);
  });

  it("never has two works at once, over many terms", async () => {
    const { election, start, works, running } = createCandidate();
    await start();

    election.elect();
    await settled();
    for (let term = 1; term <= 50; term += 1) {
      expect([running(), works.length]).toEqual([1, term]);
      election.depose("lost");
      // The next term is to be had at once, and still it does not begin.
      election.elect();
      await settled();
      expect([running(), works.length]).toEqual([1, term]);
      works.at(-1)?.end();
      await settled();
    }

    expect([running(), election.terms]).toEqual([1, 51]);
  });

  it("survives failed campaigns, with growing waits, and tells of the first and few others", async () => {
    const { election, start, clock, outcome, warnings, running } = createCandidate();
    await start();
    const began = clock.now();

    for (let failure = 0; failure < 20; failure += 1) election.fail(new Error("consul: connection refused"));
    while (election.waiting === 0) await clock.advance(100);

    expect(clock.now() - began).toBeGreaterThan(20_000);
    expect(warnings).toEqual([1, 10, 20].map((failures) => ({ failures, error: "consul: connection refused" })));
    expect(outcome.state).toBe("running");
    election.elect();
    await settled();
    expect(running()).toBe(1);
  });

  it("tells of a failure after a long quiet wait as of a first one", async () => {
    const { election, start, clock, warnings } = createCandidate();
    await start();

    for (let failure = 0; failure < 3; failure += 1) {
      await clock.advance(60_000);
      election.fail(new Error("connection reset"));
      await clock.advance(100);
    }

    expect(warnings).toHaveLength(3);
  });

  it("does not begin a term that is over before it begins", async () => {
    const { election, start, works, changes } = createCandidate();
    await start();

    election.elect();
    election.depose("lost at once");
    await settled();

    expect(works).toEqual([]);
    expect(changes).toEqual([]);
    expect([election.held, election.waiting]).toEqual([0, 1]);
  });

  it("ends while it campaigns", async () => {
    const { election, start, stop, outcome } = createCandidate();
    await start();

    stop.abort(new Error("SIGTERM"));
    await settled();

    expect(outcome.state).toBe("ended");
    expect(election.waiting).toBe(0);
  });

  it("ends between two campaigns without waiting", async () => {
    const { election, start, stop, outcome } = createCandidate();
    await start();
    election.fail(new Error("no"));
    await settled();

    stop.abort(new Error("SIGTERM"));
    await settled();

    expect(outcome.state).toBe("ended");
  });

  it("does not campaign at all if it is aborted before", async () => {
    const { election, start, stop, outcome } = createCandidate();
    election.elect();
    stop.abort(new Error("SIGTERM"));

    await start();

    expect(outcome.state).toBe("ended");
    expect(election.terms).toBe(0);
  });

  it("resigns when it is told to stop, after its work has ended", async () => {
    const { election, start, stop, works, outcome, changes } = createCandidate();
    await start();
    election.elect();
    await settled();

    stop.abort(new Error("SIGTERM"));
    await settled();
    expect(works[0]?.signal.aborted).toBe(true);
    expect(election.held).toBe(1);
    expect(outcome.state).toBe("running");

    works[0]?.fail(stop.signal.reason);
    await settled();
    expect(election.held).toBe(0);
    expect(outcome.state).toBe("ended");
    expect(changes).toEqual(["true: elected", "false: stopping"]);
  });

  it("does not hand leadership on while its work does not stop, and says so by an error", async () => {
    const { election, start, clock, outcome } = createCandidate({ stopWithin: 3000 });
    await start();
    election.elect();
    await settled();
    election.depose("lost");
    await clock.advance(2900);
    expect(outcome.state).toBe("running");

    await clock.advance(200);

    expect(outcome.state).toMatchObject({ message: expect.stringContaining("did not stop within 3000 ms") });
    expect([election.held, election.waiting]).toEqual([1, 0]);
  });

  it("resigns and rejects with the work's own failure", async () => {
    const { election, start, works, outcome } = createCandidate();
    await start();
    election.elect();
    await settled();

    works[0]?.fail(new Error("source marathon ended by itself"));
    await settled();

    expect(outcome.state).toEqual(new Error("source marathon ended by itself"));
    expect(election.held).toBe(0);
  });

  it("resigns and ends when the work is done", async () => {
    const { election, start, works, outcome, changes } = createCandidate();
    await start();
    election.elect();
    await settled();

    works[0]?.end();
    await settled();

    expect(outcome.state).toBe("ended");
    expect(election.held).toBe(0);
    expect(changes).toEqual(["true: elected", "false: its work ended"]);
  });

  it("goes on if stopping the work fails", async () => {
    const { election, start, works, outcome, warnings } = createCandidate();
    await start();
    election.elect();
    await settled();
    election.depose("lost");

    works[0]?.fail(new Error("socket hang up"));
    await settled();

    expect(outcome.state).toBe("running");
    expect(election.waiting).toBe(1);
    expect(warnings).toEqual([{ err: new Error("socket hang up") }]);
  });
});

describe("the election of a Muster that is alone", () => {
  it("is won at once, and the term lasts until it is resigned from", async () => {
    const term = await aloneElection.campaign(new AbortController().signal);
    expect(term.signal.aborted).toBe(false);

    await term[Symbol.asyncDispose]();

    expect(term.signal.aborted).toBe(true);
  });

  it("heeds an abort", async () => {
    const reason = new Error("stopped");
    await expect(aloneElection.campaign(AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

it("has a clock that does not follow the wall's", async () => {
  const before = monotonicClock.now();
  await monotonicClock.wait(5, new AbortController().signal);
  expect(monotonicClock.now() - before).toBeGreaterThan(3);
  expect(monotonicClock.now()).toBeLessThan(Date.now() / 2);
});
