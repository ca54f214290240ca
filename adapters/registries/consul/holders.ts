/**
 * All that holds entries of ours: this node's agent, those of other hosts, and the catalog. Each entry has a home, which
 * its key tells; one that is found elsewhere, since the configuration was changed, is moved there.
 */
import type { AdapterContext, Registration } from "../../../src/model.ts";
import { createAgent } from "./agent.ts";
import { createAgents, type Listing } from "./agents.ts";
import { createCatalog } from "./catalog.ts";
import { type Holder, inTurns } from "./holder.ts";
import { type IsolatedHolder, isolate } from "./isolate.ts";
import type { ConsulOptions } from "./options.ts";
import { HOST, type Owner } from "./ownership.ts";
import type { Placement } from "./placement.ts";
import { readSpec } from "./spec.ts";

/**
 * For one request to another agent or to the catalog: a healthy one needs some ms, and nobody should wait for the
 * others. ms
 */
const TIMEOUT = 2000;

/**
 * As one holder. Its `list` rejects where this node's agent can't be read; what else can't be read gives what it last
 * held.
 * @param onNews called when a part of it that did not answer does so again
 */
export function createHolders(
  options: ConsulOptions,
  owner: Owner,
  placement: Placement,
  context: AdapterContext,
  onNews: () => void,
): Holder {
  const distant = { ...options, timeout: Math.min(options.timeout, TIMEOUT) };
  const main = inTurns(createAgent(options, owner, context));
  const inner = createCatalog(distant, owner, context);
  const catalog = isolate(inner, context, onNews);
  const agents = createAgents(distant, owner, placement, inner, context, onNews);
  /** Where the last `list` found each entry. */
  let located = new Map<string, readonly Holder[]>();
  /** Of those that are not in their homes: where they must go from. */
  let strays = new Map<string, readonly Holder[]>();
  for (const url of Object.values(typeof options.agents === "object" ? options.agents : {})) {
    if (url !== options.url) agents.at(url);
  }

  /** @param make whether an agent that is not known yet may be made known: not by what was merely found */
  function homeOf(entry: Registration, make: boolean): Holder | null {
    if (isInCatalog(entry)) return catalog;
    const host = readSpec(entry.spec).meta[HOST];
    const url = host === undefined ? options.url : placement.agentOf(host);
    if (url === null) return null;
    if (url === options.url) return main;
    return make ? agents.at(url) : agents.known(url);
  }

  function isRead(holder: Holder): boolean {
    return holder === main || ("state" in holder && (holder as IsolatedHolder).state === "answering");
  }

  async function listOthers(signal: AbortSignal): Promise<readonly Listing[]> {
    const entries = await catalog.list(signal);
    if (catalog.state === "answering") await agents.search(signal);
    return [...(await agents.listAll(signal)), { holder: catalog, entries }];
  }

  async function list(signal: AbortSignal): Promise<readonly Registration[]> {
    const [entries, others] = await Promise.all([main.list(signal), listOthers(signal)]);
    const found = byKey([{ holder: main, entries }, ...others]);
    located = new Map([...found].map(([key, finds]) => [key, finds.map(({ holder }) => holder)]));
    const before = strays;
    strays = new Map();
    return [...found].map(([key, finds]) => settle(key, finds, before.get(key) ?? []));
  }

  /**
   * Two URLs may lead to one agent, so what is found twice is left alone; but what is not in its home, or was not, must
   * go there: as an update, since its content tells where it is.
   */
  function settle(key: string, finds: readonly [Find, ...Find[]], wasStray: readonly Holder[]): Registration {
    const home = homeOf(finds[0].entry, false);
    const atHome = finds.find(({ holder }) => holder === home);
    const isAway = atHome === undefined && home !== null && isRead(home);
    const astray = finds.filter(({ holder }) => holder !== home && (isAway || wasStray.includes(holder)));
    const [stray] = astray;
    if (stray === undefined) return (atHome ?? finds[0]).entry;
    strays.set(
      key,
      astray.map(({ holder }) => holder),
    );
    return { ...stray.entry, spec: { ...readSpec(stray.entry.spec), foundAt: stray.holder.where } };
  }

  return {
    where: options.url,
    list,
    async register(before, after, signal) {
      const { key } = after;
      const from = strays.get(key) ?? [];
      const home = homeOf(after, true);
      if (home === null) throw new Error("no agent is configured for its host");
      await home.register(from.length > 0 ? null : before, after, signal);
      for (const holder of from) await holder.deregister(after, signal);
      strays.delete(key);
      located.set(key, [home]);
    },
    async deregister(entry, signal) {
      const home = homeOf(entry, false);
      for (const holder of located.get(entry.key) ?? (home === null ? [] : [home])) {
        await holder.deregister(entry, signal);
      }
      strays.delete(entry.key);
      located.delete(entry.key);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([main, catalog, agents].map((each) => each[Symbol.asyncDispose]()));
    },
  };
}

interface Find {
  readonly holder: Holder;
  readonly entry: Registration;
}

function byKey(listings: readonly Listing[]): ReadonlyMap<string, readonly [Find, ...Find[]]> {
  const found = new Map<string, [Find, ...Find[]]>();
  for (const { holder, entries } of listings) {
    for (const entry of entries) {
      const finds = found.get(entry.key);
      if (finds === undefined) found.set(entry.key, [{ holder, entry }]);
      else finds.push({ holder, entry });
    }
  }
  return found;
}

/** Nodes there, which stand for no instance, and services on them. */
function isInCatalog({ instance, key }: Registration): boolean {
  return instance === null || key.includes("@catalog:");
}
