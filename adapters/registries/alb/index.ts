/**
 * ALB target groups: every instance is a target, known by its port and this machine's instance id or address, as ECS does it
 * for its tasks. The facts behind this adapter: facts/alb.md.
 */
import { setMaxListeners } from "node:events";
import type { AdapterContext, Change, Instance, Json, Outcome, Registration, Registry } from "../../../src/model.ts";
import { messageOf, RequestError } from "../../failure.ts";
import { createBook } from "./book.ts";
import { diagnose } from "./diagnose.ts";
import { createElb } from "./elb.ts";
import { regionOf } from "./group-ref.ts";
import { createGroups } from "./groups.ts";
import { createImds } from "./imds.ts";
import { createListing } from "./listing.ts";
import { createMade } from "./made.ts";
import { createMadeApi } from "./made-api.ts";
import { isMade, madeName, madeRegistration } from "./made-spec.ts";
import { createMemory } from "./memory.ts";
import type { AlbOptions } from "./options.ts";
import { listOthers } from "./others.ts";
import { createOwnership } from "./ownership.ts";
import { realTiming, type Timing } from "./pace.ts";
import { project } from "./project.ts";
import { isRule, rulesOf } from "./routes.ts";
import { createRules } from "./rules.ts";
import { createRulesApi } from "./rules-api.ts";
import { createSender } from "./sender.ts";
import { createWatch } from "./watch.ts";
import { write } from "./writes.ts";

/** With what the core may show of each registration. */
export interface AlbRegistry extends Registry {
  /**
   * How the target behind a registration's key is, as last seen; also for a while after it was deregistered: it is out of
   * service once its state is `unused`. null if nothing is known.
   */
  detail(key: string): Json | null;
}

/** Asks nobody anything yet. */
export function createAlbRegistry(
  options: AlbOptions,
  context: AdapterContext,
  timing: Timing = realTiming,
): AlbRegistry {
  const { name, cluster, node, log, random, nodeSource = null } = context;
  const { targetGroups, musters, healthPoll: period } = options;
  const imds = createImds();
  const { endpoint, timeout } = options;
  const sender = createSender({ region: regionFor(options), endpoint, timeout, musters }, timing, random);
  const elb = createElb(sender);
  const named = Object.values(targetGroups);
  const makes = options.rules?.groups ?? null;
  const { discover } = options;
  const groups = createGroups(elb, { cluster, named, discover, makes: makes !== null }, timing, log);
  const ownership = createOwnership(node, options.hosts);
  const memory = createMemory();
  const book = createBook(timing.now);
  let zone: string | null = null;

  async function instanceId(signal: AbortSignal): Promise<string | null> {
    if (!ownership.hasMachine) return null;
    if (options.instanceId !== undefined) return options.instanceId;
    const machine = await imds.machine(signal);
    zone = machine.zone;
    return machine.instanceId;
  }

  const zones = () => ["all", ...(zone === null ? [] : [zone])];
  const parts = { name, elb, groups, book, memory, ownership, instanceId, zones, musters, timing, random, log };
  const listing = createListing(parts);
  const { listeners = [], from = 0 } = options.rules ?? {};
  const api = createRulesApi(sender);
  const rules = createRules({ ...parts, cluster, api, listeners, from });
  const madeApi = createMadeApi(sender);
  const made = createMade({ ...parts, cluster, made: madeApi, makes });
  const watch = createWatch({ ...parts, period });
  const looked = { where: endpoint ?? "the ELBv2 API", named, listeners, discover, made: madeApi, makes };
  const madeFor = ({ service, routes }: Instance) =>
    makes === null || routes.length === 0 ? null : madeName(cluster, service);
  const isNodes = ({ source }: Instance) => source === nodeSource;
  // An address learned from what nodes register would make their targets this Muster's.
  const foreign = (address: string, instance: Instance) => (isNodes(instance) ? null : ownership.foreign(address));
  const settings = { name, targetGroups, foreign, madeFor };

  return {
    name,
    checksHealth: true,
    project(instance) {
      const projected = project(instance, settings);
      if (!isNodes(instance)) for (const each of projected) memory.keep(each, instance);
      const targets = projected.map(({ registration }) => registration);
      const [first] = projected;
      if (first === undefined) return targets;
      const isMadeHere = makes !== null && first.group.name === madeName(cluster, instance.service);
      const needed = isMadeHere ? [madeRegistration(instance, cluster, makes)] : [];
      return [...targets, ...rulesFor(instance, first.group.name), ...needed];
    },
    async list(signal) {
      // Each call under way listens to it: many listeners are no leak here.
      setMaxListeners(0, signal);
      try {
        return [...(await listing.list(signal)), ...(await rules.list(signal)), ...(await made.list(signal))];
      } catch (error) {
        signal.throwIfAborted();
        throw new RequestError(`${name}: list: ${messageOf(error)}`, { retry: true, ambiguous: false, cause: error });
      } finally {
        watch.wake();
      }
    },
    async listOthers(signal) {
      try {
        return await listOthers(parts, signal);
      } catch (error) {
        signal.throwIfAborted();
        throw new RequestError(`${name}: list: ${messageOf(error)}`, { retry: true, ambiguous: false, cause: error });
      }
    },
    async apply(changes, signal) {
      setMaxListeners(0, signal);
      try {
        return await inOrder(changes, signal);
      } finally {
        watch.wake();
      }
    },
    detail: (key) => book.detail(key) as Json | null,
    diagnose: (signal) => diagnose({ ...parts, ...looked, sender, api, now: context.now }, signal),
    async [Symbol.asyncDispose]() {
      watch.stop();
      elb.dispose();
    },
  };

  /** An instance that no rule can send traffic to is refused as a whole: it would look as if it were served. */
  function rulesFor(instance: Instance, group: string): readonly Registration[] {
    try {
      const wanted = rulesOf(instance, group, listeners);
      rules.expect(wanted);
      return wanted;
    } catch (error) {
      throw new Error(`${name}: ${JSON.stringify(instance.id)}: ${messageOf(error)}`, { cause: error });
    }
  }

  /** Groups, rules, targets where they are made; the other way round where they go. Groups and rules one by one: they are few. */
  async function inOrder(changes: readonly Change[], signal: AbortSignal): Promise<readonly Outcome[]> {
    signal.throwIfAborted();
    const outcomes = new Map<Change, Outcome>();
    const ofGroups = changes.filter(({ after, before }) => isMade(after ?? before));
    const ofRules = changes.filter(({ after, before }) => isRule(after ?? before));
    const ofTargets = changes.filter((change) => !ofRules.includes(change) && !ofGroups.includes(change));
    const each = async (some: readonly Change[], { apply }: Pick<typeof rules, "apply">, comes: boolean) => {
      for (const change of some)
        if ((change.after !== null) === comes) outcomes.set(change, await apply(change, signal));
    };
    await each(ofGroups, made, true);
    await each(ofRules, rules, true);
    const written = ofTargets.length === 0 ? [] : await write(ofTargets, parts, signal);
    for (const [index, change] of ofTargets.entries()) outcomes.set(change, written[index] as Outcome);
    await each(ofRules, rules, false);
    await each(ofGroups, made, false);
    return changes.map((change) => outcomes.get(change) as Outcome);
  }

  /** The SDK asks the metadata service for credentials, but never for the region. */
  function regionFor({ region, targetGroups: refs }: AlbOptions): string | (() => Promise<string>) | undefined {
    const known =
      region ??
      Object.values(refs)
        .map(regionOf)
        .find((one) => one !== null);
    const { AWS_REGION, AWS_DEFAULT_REGION, AWS_PROFILE } = process.env;
    const configured = known ?? (AWS_REGION || AWS_DEFAULT_REGION || null);
    if (configured !== null) return configured;
    // A profile may name one: the SDK reads it.
    if (AWS_PROFILE !== undefined) return undefined;
    return async () => {
      try {
        return (await imds.machine(new AbortController().signal)).region;
      } catch (cause) {
        const message = `no region is known: set registries.alb.region or AWS_REGION (${messageOf(cause)})`;
        throw new RequestError(message, { retry: true, ambiguous: false, cause });
      }
    };
  }
}
