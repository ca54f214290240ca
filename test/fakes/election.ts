import type { Election, Term } from "../../src/leadership.ts";

export interface FakeElection extends Election {
  /** Lets the campaign that waits, or the next one, win. */
  elect(): void;
  /** Ends the present term. */
  depose(reason: string): void;
  /** Lets the campaign that waits, or the next one, fail. */
  fail(error: Error): void;
  /** Campaigns that wait now. */
  readonly waiting: number;
  /** Terms that were not resigned from. */
  readonly held: number;
  readonly terms: number;
}

/** An election that the test decides. Like any, it takes a second campaign or term at a time for a defect. */
export function createFakeElection(): FakeElection {
  const decisions: ((settle: Campaign) => void)[] = [];
  let campaign: Campaign | null = null;
  let term: AbortController | null = null;
  let held = 0;
  let terms = 0;

  function decide(decision: (settle: Campaign) => void): void {
    decisions.push(decision);
    settle();
  }

  function settle(): void {
    const decision = campaign === null ? undefined : decisions.shift();
    if (campaign === null || decision === undefined) return;
    const settled = campaign;
    campaign = null;
    decision(settled);
  }

  function begin(): Term {
    const own = new AbortController();
    term = own;
    held += 1;
    terms += 1;
    return {
      signal: own.signal,
      async [Symbol.asyncDispose]() {
        own.abort(new Error("resigned"));
        held -= 1;
      },
    };
  }

  return {
    elect: () => decide(({ resolve }) => resolve(begin())),
    depose: (reason) => term?.abort(new Error(reason)),
    fail: (error) => decide(({ reject }) => reject(error)),
    get waiting() {
      return campaign === null ? 0 : 1;
    },
    get held() {
      return held;
    },
    get terms() {
      return terms;
    },
    campaign(signal) {
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        if (campaign !== null || held > 0) return reject(new Error("two campaigns or terms at once"));
        const abort = () => {
          campaign = null;
          reject(signal.reason);
        };
        signal.addEventListener("abort", abort);
        campaign = {
          resolve(term) {
            signal.removeEventListener("abort", abort);
            resolve(term);
          },
          reject(error) {
            signal.removeEventListener("abort", abort);
            reject(error);
          },
        };
        settle();
      });
    },
  };
}

interface Campaign {
  resolve(term: Term): void;
  reject(error: unknown): void;
}
