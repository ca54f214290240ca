/**
 * Consul: every instance is a service of the local agent, which checks it and tells the catalog; instances of other
 * hosts (Marathon) go to their own agents or into the catalog (docs/consul.md).
 * The facts behind this adapter: facts/consul.md, measured on 1.8.7.
 */
import type { AdapterContext, Change, Outcome, Registration, Registry } from "../../../src/model.ts";
import { applyInOrder } from "../../apply.ts";
import { failed, messageOf, RequestError } from "../../failure.ts";
import { createNews } from "../../news.ts";
import { returns } from "../../presence.ts";
import { createAgent } from "./agent.ts";
import { diagnose } from "./diagnose.ts";
import { inTurns } from "./holder.ts";
import { createHolders } from "./holders.ts";
import type { ConsulOptions } from "./options.ts";
import { createOthers } from "./others.ts";
import { ownerOf } from "./ownership.ts";
import { createPlacement } from "./placement.ts";
import { project } from "./project.ts";

/** Throws an Error that names the file if a TLS file can't be used. A token file is first read by a request. */
export function createConsulRegistry(options: ConsulOptions, context: AdapterContext): Registry {
  const { name } = context;
  const owner = ownerOf(context.cluster, context.node.id);
  const placement = createPlacement(options, context.node.id);
  const settings = { name, owner, enableTagOverride: options.enableTagOverride, placement };
  const isLocalOnly = options.agents === undefined && !options.catalog;
  const news = createNews();
  const holder = isLocalOnly
    ? inTurns(createAgent(options, owner, context))
    : createHolders(options, owner, placement, context, news.tell);
  const others = createOthers(options, context);

  async function applyOne(change: Change, signal: AbortSignal): Promise<Outcome> {
    const { op, key } = change;
    try {
      if (change.op === "deregister" && change.before.node !== undefined)
        await others.deregister(change.before, signal);
      else if (change.op === "deregister") await holder.deregister(change.before, signal);
      else await holder.register(change.before, change.after, signal);
      return { ok: true };
    } catch (error) {
      signal.throwIfAborted();
      return failed(`${name}: ${op} ${key}`, error);
    }
  }

  async function listed(
    found: Promise<readonly Registration[]>,
    signal: AbortSignal,
  ): Promise<readonly Registration[]> {
    try {
      return await found;
    } catch (error) {
      signal.throwIfAborted();
      throw new RequestError(`${name}: list: ${messageOf(error)}`, { retry: true, ambiguous: false, cause: error });
    }
  }

  return {
    name,
    drains: true,
    // One agent does each write for itself; what moves between holders is one entry in two places.
    concurrent: isLocalOnly,
    returns: (signal) => news.with(returns(options.url, signal), signal),
    project: (instance) => [project(instance, settings)],
    list: (signal) => listed(holder.list(signal), signal),
    listOthers: (signal) => listed(others.list(signal), signal),
    diagnose: (signal) => diagnose(options, context, signal),
    // Each holder has a limit of its own, so that none waits for another.
    apply: (changes, signal) => applyInOrder(changes, applyOne, { concurrency: Number.POSITIVE_INFINITY }, signal),
    async [Symbol.asyncDispose]() {
      await holder[Symbol.asyncDispose]();
      await others[Symbol.asyncDispose]();
    },
  };
}
