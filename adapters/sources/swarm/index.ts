/** What the managers know of a swarm: service labels, ingress ports, node states, and which tasks are about to stop. */

import type { Election } from "../../../src/leadership.ts";
import type { Fact, Source } from "../../../src/model.ts";
import { openConnections } from "../../connections.ts";
import { openSecret } from "../../secret.ts";
import type { DockerOptions } from "../docker/options.ts";
import { createStamps } from "../stamps.ts";
import { createSwarmElection } from "./election.ts";
import { follow } from "./following.ts";
import { PACE } from "./manager.ts";
import type { SwarmContext, SwarmOptions } from "./options.ts";
import { createSwarmSource } from "./source.ts";
import { createStamper } from "./stamper.ts";
import { openWatch, type Standing } from "./standing.ts";
import { createView, type View } from "./view.ts";

/** One per process: all that it gives shares one look at the engine. */
export interface Swarm extends AsyncDisposable {
  /** For the node's own world: services, nodes, and this node's tasks that are about to stop. */
  readonly node: Source;
  /** For the leader's world: everything of all nodes. */
  readonly cluster: Source;
  /** For the HTTP API; null without a secret. Tells something only while `node` or `cluster` is listened to. */
  readonly feed: SwarmFeed | null;
  /**
   * Leadership of whoever is on the swarm's leader.
   * @param outside who leads while this engine is in no swarm
   */
  election(outside: Election): Election;
  /** What this engine is in the election now; rejects with one line where that can't be told. */
  standing(signal: AbortSignal): Promise<Standing>;
}

/** A manager's facts for other Musters. */
export interface SwarmFeed {
  /** Rejects with one line that names the file. */
  secret(): Promise<string>;
  /**
   * A full listing, then changes. Ends without an error on abort, and when this node has nothing true to tell any more.
   * @param node whose facts; null: everything of all nodes
   * @returns null if this node is no manager, or its swarm has had no leader for a while
   */
  facts(node: string | null, signal: AbortSignal): AsyncIterable<Fact> | null;
}

export interface SwarmSettings {
  readonly swarm: SwarmOptions;
  /** Whose engine it is, and what of its services is exposed. */
  readonly docker: DockerOptions;
  /** Where this Muster's API listens, and so the other ones'. */
  readonly port: number;
}

/** ms. For tests; the defaults are right. */
export interface SwarmLimits {
  /** See `ViewOptions`. @default 5000 */
  readonly rolePeriod: number;
  /** See `SwarmSourceOptions`. @default 3000 */
  readonly patience: number;
  /** For how long a manager whose swarm does not answer is still worth listening to; an election takes 12 s. @default 20000 */
  readonly staleAfter: number;
}

const LIMITS: SwarmLimits = { rolePeriod: 5_000, patience: 3_000, staleAfter: 20_000 };

/** @param context its name is what the facts' source is called */
export function openSwarm(
  { swarm, docker, port }: SwarmSettings,
  context: SwarmContext,
  limits: Partial<SwarmLimits> = {},
): Swarm {
  const { rolePeriod, patience, staleAfter } = { ...LIMITS, ...limits };
  const view = createView({ docker, context, rolePeriod, pace: PACE });
  const secret = swarm.secretFile === undefined ? null : openSecret(swarm.secretFile, "swarm secret");
  const connections = openConnections({ keepIdle: 0 });
  const { expose } = docker;
  const options = { view, context, expose, secret, connections, port, patience, managers: swarm.managers };
  const facts = (node: string | null, signal: AbortSignal) => {
    const audience = { node, expose };
    return isTelling(view, staleAfter, context) ? served({ view, audience, context, staleAfter }, signal) : null;
  };
  return {
    node: createSwarmSource({ ...options, scope: "node" }),
    cluster: createSwarmSource({ ...options, scope: "cluster" }),
    feed: secret === null ? null : { secret: async () => secret.read(), facts },
    election: (outside) => createSwarmElection({ docker, context, outside }),
    async standing(signal) {
      const watch = await openWatch(docker);
      try {
        return (await watch.look(signal)).standing;
      } finally {
        watch.close();
      }
    },
    async [Symbol.asyncDispose]() {
      connections.close();
    },
  };
}

function isTelling(view: View, staleAfter: number, { now }: SwarmContext): boolean {
  const { role, reading, failingSince } = view.state();
  if (role?.kind !== "manager" || reading === null) return false;
  return failingSince === null || now() - failingSince < staleAfter;
}

interface Served {
  readonly view: View;
  readonly audience: Parameters<typeof follow>[1]["audience"];
  readonly context: SwarmContext;
  readonly staleAfter: number;
}

/** Ends when there is nothing true to tell any more, so that the listener finds another manager. */
async function* served({ view, audience, context, staleAfter }: Served, signal: AbortSignal): AsyncGenerator<Fact> {
  const stamp = createStamper(createStamps(context.name, context.now));
  const over = new AbortController();
  const end = () => over.abort(new Error("nothing more to tell"));
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    clearTimeout(timer);
    if (!isTelling(view, staleAfter, context)) return end();
    const { failingSince } = view.state();
    if (failingSince !== null) timer = setTimeout(look, failingSince + staleAfter - context.now());
  };
  const unsubscribe = view.subscribe(look);
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  try {
    look();
    for await (const said of follow(view, { ...context, audience }, over.signal)) {
      const fact = stamp(said);
      if (fact !== null) yield fact;
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", end);
    await unsubscribe();
  }
}
