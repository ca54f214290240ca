/** One Muster of the simulation: the program as it is, on a node of reality, with its life and deaths. */

// What the agent loads when it starts: that takes real time, of which virtual time knows nothing, unless it is there already.
import "../../src/audit.ts";
import "../../src/metrics.ts";
import "../../src/scope.ts";
import type { LockClient } from "../../adapters/elections/consul/client.ts";
import { createLockElection } from "../../adapters/elections/consul.ts";
import { type AgentParts, runAgent } from "../../src/agent.ts";
import type { Config } from "../../src/config.ts";
import type { Agent } from "../../src/http/api.ts";
import { type Election, monotonicClock } from "../../src/leadership.ts";
import type { AdapterContext, Registry, Source } from "../../src/model.ts";
import { serviceLevelOf } from "../../src/service-level.ts";
import { silent } from "../reconciling.ts";
import type { Machine, Process } from "./machine.ts";
import type { Node } from "./reality.ts";
import type { SimulatedSource } from "./source.ts";
import type { Told } from "./told.ts";
import type { SourceName } from "./weather.ts";

/** ms; shorter than the defaults where that only saves virtual time. */
export const POLICY: Config["policy"] = {
  ...{ mode: "sync", onExit: "keep", dryRun: false, claims: [] },
  ...{ resync: 60_000, probation: 15_000, reapAfter: 12_000, massDelete: { max: 2, percent: 20 } },
};
export const LOCK_TTL_MS = 10_000;

export interface Term {
  readonly number: number;
  readonly life: Life;
  readonly since: number;
  isOver: boolean;
}

/** From its start to its end. */
export interface Life {
  readonly node: Node;
  readonly process: Process;
  readonly stop: AbortController;
  readonly told: { readonly node: Told; readonly cluster: Told };
  /** Those that run, by scope and name. */
  readonly sources: Map<string, SimulatedSource>;
  agent: Agent | null;
  term: Term | null;
  /** Why it ended by itself; null: it has not. */
  exit: string | null;
}

/** What the simulation gives to a Muster. */
export interface Surroundings {
  readonly machine: Machine;
  source(life: Life, scope: "node" | "cluster", name: SourceName, now: () => number): SimulatedSource;
  registries(life: Life, scope: "node" | "cluster"): readonly Registry[];
  lockClient(life: Life): LockClient;
  begins(life: Life): Term;
  serves(life: Life, agent: Agent): void;
  ended(life: Life): void;
}

const SCOPES = { node: ["docker", "swarm"], cluster: ["swarm", "marathon"] } as const;

/** Starts it in a step of its own. */
export function live(life: Life, auditPath: string, auditBytes: number, surroundings: Surroundings): void {
  const { machine } = surroundings;
  machine.after(1, life.process, "starts", () => {
    const config = configOf(auditPath, auditBytes);
    void runAgent(config, partsOf(life, surroundings), life.stop.signal).then(
      () => end(null),
      (error: unknown) => end(error instanceof Error ? error.message : String(error)),
    );
  });

  function end(exit: string | null): void {
    life.exit = exit ?? "stopped";
    life.process.alive = false;
    surroundings.ended(life);
  }
}

function configOf(path: string, maxBytes: number): Config {
  const on = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, {}]));
  return {
    cluster: "sim",
    node: { id: null, address: null },
    sources: on(["docker", "swarm", "marathon"]),
    registries: on(["consul", "gateway"]),
    policy: POLICY,
    audit: { path, maxBytes, keep: 3 },
    http: { listen: { host: "127.0.0.1", port: 0 }, tokenFile: null },
    log: { level: "silent" },
    effective: {},
  };
}

function partsOf(life: Life, surroundings: Surroundings): AgentParts {
  const { node } = life;
  return {
    log: silent,
    identify: async () => ({ id: node.id, address: node.address }),
    sourceNames: (scope) => SCOPES[scope],
    async load(scope, context) {
      const sources: Source[] = SCOPES[scope].map((name) => {
        const source = surroundings.source(life, scope, name, context(name).now);
        life.sources.set(`${scope} ${name}`, source);
        return source;
      });
      const registries = surroundings.registries(life, scope);
      const isLeader = scope === "cluster";
      const level = (one: Registry) => (isLeader ? serviceLevelOf(one, new Set(["swarm"])) : one);
      return { sources, registries: registries.map(level), swarm: "swarm" };
    },
    election: async (context) => electionOf(life, context, surroundings),
    async serve(agent) {
      life.agent = agent;
      surroundings.serves(life, agent);
      return { async [Symbol.asyncDispose]() {} };
    },
  };
}

/** The real one, on a simulated Consul. */
function electionOf(life: Life, context: AdapterContext, surroundings: Surroundings): Election {
  const client = surroundings.lockClient(life);
  const election = createLockElection(client, { ttl: LOCK_TTL_MS, context, clock: monotonicClock });
  return {
    async campaign(signal) {
      const won = await election.campaign(signal);
      const term = surroundings.begins(life);
      life.term = term;
      won.signal.addEventListener("abort", () => {
        term.isOver = true;
      });
      return won;
    },
  };
}
