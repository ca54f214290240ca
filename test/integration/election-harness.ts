/** Candidates for leadership on a real Consul, each with a proxy that can cut it off, and the record of who worked when. */
import type { ConsulAccess } from "../../adapters/elections/consul/client.ts";
import { createConsulElection } from "../../adapters/elections/consul.ts";
import { monotonicClock, whileLeader } from "../../src/leadership.ts";
import type { AdapterContext } from "../../src/model.ts";
import { type FaultProxy, startFaultProxy } from "../conformance/proxy.ts";
import type { Consul } from "../lab/consul.ts";
import { until } from "../lab/wait.ts";

export const KEY = "muster/c/leader";
export const TTL = 10_000;
/** Below what Consul takes by default, where a test needs many terms. */
export const SHORT_TTL = 4_000;
export const SHORT = { config: { session_ttl_min: "1s" } };

export interface Work {
  readonly node: string;
  readonly from: number;
  to: number;
}

export interface Candidate extends AsyncDisposable {
  readonly node: string;
  readonly proxy: FaultProxy;
  readonly isLeading: boolean;
  /** Why it leads, or doesn't. */
  readonly reasons: readonly string[];
  readonly warnings: readonly string[];
  /** An orderly stop. */
  stop(): Promise<void>;
}

/** What was worked so far, of all candidates. */
export const works: Work[] = [];

export async function startCandidate(
  consul: Consul,
  node: string,
  { ttl = TTL, ...access }: Partial<ConsulAccess> & { readonly ttl?: number } = {},
): Promise<Candidate> {
  const proxy = await startFaultProxy({ target: consul.url });
  const stopping = new AbortController();
  const reasons: string[] = [];
  const warnings: string[] = [];
  const log = {
    debug() {},
    info() {},
    warn: (fields: object) => void warnings.push(JSON.stringify(fields)),
    error() {},
  };
  const context: AdapterContext = {
    name: "consul",
    cluster: "c",
    node: { id: node, address: "10.0.0.1" },
    resync: 0,
    log,
    now: Date.now,
    random: Math.random,
  };
  const election = createConsulElection({ url: proxy.url, timeout: 5000, ...access }, context, { ttl });
  let isLeading = false;
  const work = async (signal: AbortSignal) => {
    const entry = { node, from: performance.now(), to: Number.POSITIVE_INFINITY };
    works.push(entry);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    entry.to = performance.now();
  };
  const onChange = (leads: boolean, reason: string) => {
    isLeading = leads;
    reasons.push(reason);
  };
  const running = whileLeader(
    election,
    work,
    { onChange, log, clock: monotonicClock, random: Math.random },
    stopping.signal,
  );
  let stopped: Promise<void> | null = null;
  async function stop(): Promise<void> {
    stopping.abort(new Error("SIGTERM"));
    await running;
    await election[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
  }
  function stopOnce(): Promise<void> {
    stopped ??= stop();
    return stopped;
  }
  return {
    node,
    proxy,
    reasons,
    warnings,
    get isLeading() {
      return isLeading;
    },
    stop: stopOnce,
    [Symbol.asyncDispose]: stopOnce,
  };
}

/** Waits until exactly one of them leads. */
export async function elected(candidates: readonly Candidate[], timeoutMs = 5_000): Promise<Candidate> {
  return await until(
    () => {
      const leading = candidates.filter(({ isLeading }) => isLeading);
      return leading.length === 1 && leading[0];
    },
    { timeoutMs, everyMs: 5, what: "one leader" },
  );
}

export function other(candidates: readonly Candidate[], one: Candidate): Candidate {
  const found = candidates.find((candidate) => candidate !== one);
  if (found === undefined) throw new Error("there is no other");
  return found;
}

export function overlaps(): readonly Work[] {
  const inOrder = [...works].sort((a, b) => a.from - b.from);
  return inOrder.filter((work, index) => work.to > (inOrder[index + 1]?.from ?? Number.POSITIVE_INFINITY));
}

export async function sessions(consul: Consul): Promise<readonly { readonly ID: string }[]> {
  return (await consul.request({ path: "/v1/session/list" })) as { ID: string }[];
}

/** As it is: without `consistent` a Consul that has just started may not have read its own log yet, and know of no lock. */
export async function lock(
  consul: Consul,
): Promise<{ readonly Session?: string; readonly mark: Record<string, unknown> }> {
  const [entry] = (await consul.request({ path: `/v1/kv/${KEY}?consistent` })) as { Session?: string; Value: string }[];
  if (entry === undefined) throw new Error("no lock");
  return { ...entry, mark: JSON.parse(Buffer.from(entry.Value, "base64").toString("utf8")) };
}
