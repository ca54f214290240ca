/** What can go wrong between a client and Marathon's REST, and when. */
import type { Cluster } from "./cluster.ts";
import { matchesPath } from "./hits.ts";
import type { State } from "./state.ts";
import type { StreamFaults } from "./streams.ts";

export interface Only {
  /** Of this pathname (without prefix), or of those that match. @default all */
  readonly path?: string | RegExp;
  /** Of the next so many. @default 1 for `fail`, else all */
  readonly times?: number;
}

/** Stops an answer half-way: it is made up when the request comes, and sent at `release`. */
export interface Hold {
  /** Resolves when a request has come and its answer is made up. */
  readonly reached: Promise<void>;
  release(): void;
}

export interface Faults extends StreamFaults {
  /** GETs fail with this status. */
  fail(status: number, only?: Only): void;
  /** GETs are answered so many ms later. */
  slow(ms: number, only?: Only): void;
  /** Holds the next GET back. */
  hold(path?: string | RegExp): Hold;
  /** REST answers are as they were so many events ago, beginning with the state of now; 0: as they are. */
  stale(events: number): void;
  /** Lists (apps, tasks, pods' statuses, groups) are whole, empty, or lack the later half of the apps and pods. */
  listing(extent: "whole" | "empty" | "halved"): void;
  /** A definition's version answers before `/v2/apps` shows it, by so many ms of the cluster's time. */
  delayRoot(ms: number): void;
  /** A master that is not active: it grants the stream and ends it at once. @param node index into `urls` */
  inactive(node: number, isInactive: boolean): void;
  /** A master refuses connections and breaks those that it has. */
  down(node: number): Promise<void>;
  up(node: number): Promise<void>;
  /** Everything is well again, but for masters that are down. */
  clear(): void;
}

/** What the server asks before it answers. */
export interface FaultPlan {
  /** undefined: answer. */
  failure(path: string): number | undefined;
  /** Resolves when the answer may be sent. */
  gate(path: string): Promise<void>;
  /** What to answer from: `state`, and for lists `listed`, which may be less. */
  states(): { readonly state: State; readonly listed: State };
  isInactive(node: number): boolean;
}

interface Rule {
  readonly only: Only;
  left: number;
  readonly value: number;
}

export type RestFaults = Omit<Faults, keyof StreamFaults | "down" | "up">;

export function createFaults(cluster: Cluster): { readonly faults: RestFaults; readonly plan: FaultPlan } {
  let failures: Rule[] = [];
  let delays: Rule[] = [];
  let holds: { readonly path: string | RegExp | undefined; reach(): Promise<void> }[] = [];
  let extent: "whole" | "empty" | "halved" = "whole";
  const inactive = new Set<number>();
  let past: State[] | null = null;
  let unsubscribe = (): void => {};

  const rule = (value: number, only: Only, times: number): Rule => ({ only, left: only.times ?? times, value });

  function take(rules: readonly Rule[], path: string): number | undefined {
    const found = rules.find(({ only, left }) => left > 0 && matchesPath(only.path, path));
    if (found === undefined) return undefined;
    found.left -= 1;
    return found.value;
  }

  function stale(events: number): void {
    unsubscribe();
    unsubscribe = () => {};
    past = null;
    if (events === 0) return;
    const states = [structuredClone(cluster.state)];
    past = states;
    unsubscribe = cluster.subscribe(() => {
      states.push(structuredClone(cluster.state));
      if (states.length > events + 1) states.shift();
    });
  }

  function hold(path?: string | RegExp): Hold {
    const [reached, reach] = deferred();
    const [released, release] = deferred();
    const entry = {
      path,
      reach() {
        holds = holds.filter((other) => other !== entry);
        reach();
        return released;
      },
    };
    holds.push(entry);
    return { reached, release };
  }

  return {
    faults: {
      fail: (status, only = {}) => void failures.push(rule(status, only, 1)),
      slow: (ms, only = {}) => void delays.push(rule(ms, only, Number.POSITIVE_INFINITY)),
      hold,
      stale,
      listing(value) {
        extent = value;
      },
      delayRoot: (ms) => cluster.delayRoot(ms),
      inactive: (node, isInactive) => void (isInactive ? inactive.add(node) : inactive.delete(node)),
      clear() {
        failures = [];
        delays = [];
        extent = "whole";
        inactive.clear();
        cluster.delayRoot(0);
        stale(0);
      },
    },
    plan: {
      failure: (path) => take(failures, path),
      async gate(path) {
        const ms = take(delays, path);
        if (ms !== undefined) await new Promise((resolve) => setTimeout(resolve, ms));
        await holds.find((entry) => matchesPath(entry.path, path))?.reach();
      },
      states() {
        const state = past?.[0] ?? cluster.state;
        return { state, listed: lessened(state, extent) };
      },
      isInactive: (node) => inactive.has(node),
    },
  };
}

function deferred(): readonly [Promise<void>, () => void] {
  let settle = (): void => {};
  const promise = new Promise<void>((resolve) => {
    settle = resolve;
  });
  return [promise, settle];
}

function lessened(state: State, extent: "whole" | "empty" | "halved"): State {
  if (extent === "whole") return state;
  const shown = [...state.specs].filter(([, { visible }]) => visible !== null);
  const kept = extent === "empty" ? [] : shown.slice(0, Math.ceil(shown.length / 2));
  return { ...state, specs: new Map(kept) };
}
