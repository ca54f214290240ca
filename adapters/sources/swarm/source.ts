/**
 * What a node's Muster is told of the swarm: by its own engine where that is a manager, else by a manager's Muster over
 * HTTP, and nothing outside a swarm. One source over all changes of role: each of them leads to a new listing, stamped
 * with this Muster's own clock. So the clocks of two managers are never compared, and a listing of the one does away
 * with what only the other had said.
 */

import type { DefinedFact, Source } from "../../../src/model.ts";
import type { Connections } from "../../connections.ts";
import type { Secret } from "../../secret.ts";
import { createStamps } from "../stamps.ts";
import { pause } from "../waiting.ts";
import { bracketed, type Said } from "./feed.ts";
import { type Fallback, follow } from "./following.ts";
import { managerUrls } from "./managers.ts";
import type { SwarmContext } from "./options.ts";
import { createStamper } from "./stamper.ts";
import type { View, ViewState } from "./view.ts";
import { fromManagers } from "./worker.ts";

export interface SwarmSourceOptions {
  readonly view: View;
  readonly context: SwarmContext;
  /** `node`: what this node needs; `cluster`: everything of all nodes, for the leader. */
  readonly scope: "node" | "cluster";
  readonly expose: DefinedFact["expose"];
  /** null: none is configured. */
  readonly secret: Secret | null;
  readonly connections: Connections;
  /** As configured; undefined: those that the engine names. */
  readonly managers: readonly string[] | undefined;
  /** Where this Muster listens, and so the others. */
  readonly port: number;
  /** How long to wait for a first listing before a worker goes on without one, ms. */
  readonly patience: number;
}

export function createSwarmSource(options: SwarmSourceOptions): Source {
  const { view, context } = options;
  let restart = () => {};

  return {
    name: context.name,
    resync() {
      view.refresh();
      restart();
    },
    async *events(signal) {
      const stamp = createStamper(createStamps(context.name, context.now));
      const fallback = createFallback(options);
      const phases = createPhases(view, signal);
      restart = phases.restart;
      try {
        while (!signal.aborted) {
          for await (const said of saidIn(options, fallback, phases.next())) {
            const fact = stamp(said);
            if (fact?.kind === "synced") fallback.listed(fact.trust);
            if (fact !== null) yield fact;
          }
        }
      } finally {
        await phases.close();
      }
    },
  };
}

/** The times between changes of this node's role. */
function createPhases(view: View, signal: AbortSignal) {
  let phase = "";
  let scope = new AbortController();
  const stop = () => scope.abort(signal.reason);
  const unsubscribe = view.subscribe(() => {
    if (phaseOf(view.state()) !== phase) scope.abort(new Error("this node's role has changed"));
  });
  signal.addEventListener("abort", stop, { once: true });

  return {
    /** @returns the signal at which the phase that begins now ends */
    next() {
      phase = phaseOf(view.state());
      scope = new AbortController();
      if (signal.aborted) stop();
      return scope.signal;
    },
    restart: () => scope.abort(new Error("a new listing is wanted")),
    async close() {
      signal.removeEventListener("abort", stop);
      await unsubscribe();
    },
  };
}

/** What, when it changes, means that it has to be begun anew. */
function phaseOf({ role, error }: ViewState): string {
  if (role === null) return `unknown: ${error}`;
  return role.kind === "outside" ? "outside" : `${role.kind} ${role.node}`;
}

async function* saidIn(options: SwarmSourceOptions, fallback: Fallback, signal: AbortSignal): AsyncGenerator<Said> {
  const { view, context, scope, expose, secret, connections, managers, port } = options;
  const { role, error } = view.state();
  if (role === null) return yield* unknown(error, signal);
  if (role.kind === "outside") return yield* outside(options, signal);
  const node = scope === "node" ? role.node : null;
  if (role.kind === "manager") return yield* follow(view, { ...context, audience: { node, expose }, fallback }, signal);
  const known = () => {
    const now = view.state().role;
    return now?.kind === "worker" ? now.managers : [];
  };
  const urls = () => managerUrls({ configured: managers, known: known(), port });
  yield* fromManagers({ node, secret, connections, managers: urls, fallback, random: context.random }, signal);
}

async function* unknown(error: string | null, signal: AbortSignal): AsyncGenerator<Said> {
  if (error !== null) yield connection("disconnected", error);
  await pause(Number.POSITIVE_INFINITY, signal);
}

/** Nothing there to say, and for this node that is the whole truth. A leader must not take it for a swarm without nodes. */
async function* outside({ context, scope }: SwarmSourceOptions, signal: AbortSignal): AsyncGenerator<Said> {
  if (scope === "node") yield connection("connected", null);
  else yield connection("disconnected", "swarm: this engine is part of no swarm");
  while (!signal.aborted) {
    yield* bracketed([], scope === "node" ? "node" : "doubtful");
    await pause(periodOf(context), signal);
  }
}

function connection(state: "connected" | "disconnected", error: string | null): Said {
  return { content: { kind: "source", state, error }, via: state };
}

function periodOf({ resync, random }: SwarmContext): number {
  return resync === 0 ? Number.POSITIVE_INFINITY : resync * (1 - 0.2 * random());
}

/**
 * Nothing is removed before every source has listed (rule 1), so a worker that reaches no manager lists nothing, after a
 * while, rather than wait for ever: it has its own engine to go by. `doubtful`, since services there may be all the same;
 * the first true listing ends the doubt. The leader never goes by nothing.
 */
function createFallback({ context, scope, patience }: SwarmSourceOptions): Fallback & { listed(trust: string): void } {
  let due = scope === "node" ? context.now() + patience : Number.POSITIVE_INFINITY;
  return {
    dueIn: () => Math.max(0, due - context.now()),
    take() {
      if (context.now() < due) return [];
      due = context.now() + periodOf(context);
      return bracketed([], "doubtful");
    },
    listed(trust) {
      if (trust !== "doubtful") due = Number.POSITIVE_INFINITY;
    },
  };
}
