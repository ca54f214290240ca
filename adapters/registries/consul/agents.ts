/** The agents of other hosts: those that are configured, or those that a template leads to. */
import type { AdapterContext, Registration } from "../../../src/model.ts";
import { messageOf } from "../../failure.ts";
import { createAgent } from "./agent.ts";
import type { Catalog, Sighting } from "./catalog.ts";
import type { Holder } from "./holder.ts";
import { type IsolatedHolder, isolate } from "./isolate.ts";
import type { ConsulOptions } from "./options.ts";
import type { Owner } from "./ownership.ts";
import { inParallel } from "./parallel.ts";
import type { Placement } from "./placement.ts";

export interface Agents extends AsyncDisposable {
  /** Makes it known where it isn't. */
  at(url: string): IsolatedHolder;
  known(url: string): IsolatedHolder | null;
  /** Never rejects but with `signal.reason`. */
  listAll(signal: AbortSignal): Promise<readonly Listing[]>;
  /**
   * Looks through the catalog, now and then: for agents that hold entries of an earlier run, where only a template says
   * which there are, and for entries that nobody sees any more, since the node of an agent that is away has left.
   */
  search(signal: AbortSignal): Promise<void>;
}

export interface Listing {
  readonly holder: Holder;
  readonly entries: readonly Registration[];
}

/** Agents asked at a time. */
const READS = 32;
/** Between searches of the catalog. ms */
const PERIOD = 60_000;

export function createAgents(
  options: ConsulOptions,
  owner: Owner,
  placement: Placement,
  catalog: Pick<Catalog, "find">,
  context: AdapterContext,
  onNews: () => void,
): Agents {
  const { name, log, now } = context;
  const isTemplate = typeof options.agents === "string";
  const agents = new Map<string, IsolatedHolder>();
  let searchedAt = Number.NEGATIVE_INFINITY;
  let hasFailed = false;

  function at(url: string): IsolatedHolder {
    const agent = agents.get(url) ?? isolate(createAgent({ ...options, url }, owner, context), context, onNews);
    agents.set(url, agent);
    return agent;
  }

  /**
   * A URL is made of what the catalog says of a node, which takes `node:write`, and not only of what somebody wrote into
   * a service's meta: our token is sent there.
   */
  function follow({ host, node, address }: Sighting): void {
    const url = host === null ? null : placement.agentOf(host);
    if (url === null || url === options.url || agents.has(url)) return;
    const sure = host === node || host === address ? url : placement.agentOf(address);
    if (sure !== null && sure !== options.url) at(sure);
  }

  async function search(signal: AbortSignal): Promise<void> {
    const isNeeded = isTemplate || [...agents.values()].some(({ state }) => state === "away");
    if (!isNeeded || now() - searchedAt < PERIOD) return;
    try {
      learn(await catalog.find(signal));
      searchedAt = now();
      hasFailed = false;
    } catch (error) {
      signal.throwIfAborted();
      if (!hasFailed)
        log.warn({ registry: name, error: messageOf(error) }, "the catalog can't be searched for entries");
      hasFailed = true;
    }
  }

  function learn(sightings: readonly Sighting[]): void {
    if (isTemplate) for (const sighting of sightings) follow(sighting);
    const seen = new Set(sightings.map(({ id }) => id));
    for (const agent of agents.values()) agent.forget((key) => !seen.has(key));
  }

  /** Hosts come and go: an agent that holds nothing of ours, and is not about to, need not be asked for ever. */
  async function dropIdle(): Promise<void> {
    for (const [url, agent] of agents) {
      if (agent.wasWritten() || agent.size > 0 || agent.state === "unsure") continue;
      agents.delete(url);
      await agent[Symbol.asyncDispose]();
    }
  }

  return {
    at,
    known: (url) => agents.get(url) ?? null,
    search,
    async listAll(signal) {
      const listings = await inParallel(agents.values(), READS, async (holder) => {
        return { holder, entries: await holder.list(signal) };
      });
      if (isTemplate) await dropIdle();
      return listings;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...agents.values()].map((agent) => agent[Symbol.asyncDispose]()));
    },
  };
}
