/**
 * Consul: every instance is a service of the local agent, which checks it and tells the catalog.
 * The facts behind this adapter: facts/consul.md, measured on 1.8.7.
 */
import type { AdapterContext, Change, Outcome, Registration, Registry } from "../../../src/model.ts";
import { applyInOrder } from "../../apply.ts";
import { failed, messageOf, RequestError } from "../../failure.ts";
import { returns } from "../../presence.ts";
import { type ConsulClient, createConsulClient } from "./client.ts";
import { createHeartbeat } from "./heartbeat.ts";
import type { ConsulOptions } from "./options.ts";
import { idFilter, ownerOf } from "./ownership.ts";
import { project } from "./project.ts";
import { readBack } from "./readback.ts";
import { readSpec, type ServiceSpec, serviceBody, ttlChecks } from "./spec.ts";

/**
 * At a time. An agent does them one after the other: 16 at a time end no sooner than 4, and on a busy machine each waits
 * up to five times as long, close to its time limit (1.8.7: 500 writes, slowest 320 to 740 ms, with 4 at a time 160).
 */
const WRITES = 4;

/** Throws an Error that names the file if a TLS file can't be used. A token file is first read by a request. */
export function createConsulRegistry(options: ConsulOptions, context: AdapterContext): Registry {
  const { name, log, random } = context;
  const owner = ownerOf(context.cluster, context.node.id);
  const settings = { name, owner, enableTagOverride: options.enableTagOverride };
  const client = createConsulClient(options);
  const heartbeat = createHeartbeat({ name, log, random, pass: client.pass });
  /** Ids of ours that the last `list` found in the hands of others, each with the name of their service. */
  let taken: ReadonlyMap<string, string> = new Map();

  async function list(signal: AbortSignal): Promise<readonly Registration[]> {
    const [services, checks] = await Promise.all([
      client.services(idFilter("ID", owner), signal),
      client.checks(idFilter("ServiceID", owner), signal),
    ]);
    const found = readBack(owner, services, checks);
    reportTaken(found.taken);
    taken = found.taken;
    heartbeat.retain(new Set(found.ours.map(({ key }) => key)));
    for (const { key, spec } of found.ours) heartbeat.follow(key, ttlChecks(readSpec(spec)), true);
    for (const { ServiceID, CheckID, Status } of checks) if (Status !== "passing") heartbeat.hurry(ServiceID, CheckID);
    return found.ours;
  }

  function reportTaken(now: ReadonlyMap<string, string>): void {
    for (const [id, service] of now) {
      if (!taken.has(id)) log.warn({ registry: name, id, service }, "another owner's service sits on an id of ours");
    }
  }

  async function applyOne(change: Change, signal: AbortSignal): Promise<Outcome> {
    const { op, key } = change;
    try {
      if (change.op === "deregister") await deregister(key, signal);
      else await register(change.before, change.after, signal);
      return { ok: true };
    } catch (error) {
      signal.throwIfAborted();
      return failed(`${name}: ${op} ${key}`, error);
    }
  }

  async function register(before: Registration | null, after: Registration, signal: AbortSignal): Promise<void> {
    const { key } = after;
    const service = taken.get(key);
    if (service !== undefined) {
      throw new Error(
        `its id is taken by a service ${JSON.stringify(service)} without our owner mark; deregister that first`,
      );
    }
    const spec = readSpec(after.spec);
    const held = before === null ? null : readSpec(before.spec);
    const body = { ...spec, tags: await tagsToSend(client, key, held, spec, signal) };
    // Replacing the checks would end a maintenance as well, so an update removes what it drops one by one.
    await client.register(serviceBody(key, body), held === null, signal);
    heartbeat.follow(key, ttlChecks(spec), false);
    for (const check of dropped(held, spec)) await client.deregisterCheck(check, signal);
  }

  /** What others have put on our id is not ours to remove; our own entry is gone then. */
  async function deregister(key: string, signal: AbortSignal): Promise<void> {
    heartbeat.forget(key);
    if (!taken.has(key)) await client.deregister(key, signal);
  }

  return {
    name,
    returns: (signal) => returns(options.url, signal),
    project: (instance) => [project(instance, settings)],
    async list(signal) {
      try {
        return await list(signal);
      } catch (error) {
        signal.throwIfAborted();
        throw new RequestError(`${name}: list: ${messageOf(error)}`, { retry: true, ambiguous: false, cause: error });
      }
    },
    apply: (changes, signal) => applyInOrder(changes, applyOne, { concurrency: WRITES }, signal),
    async [Symbol.asyncDispose]() {
      heartbeat.stop();
      await client[Symbol.asyncDispose]();
    },
  };
}

/**
 * Where others may change the tags, an update that is about something else must not take theirs away: the one write
 * that needs a read.
 */
async function tagsToSend(
  client: ConsulClient,
  key: string,
  before: ServiceSpec | null,
  after: ServiceSpec,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (!after.enableTagOverride || before === null || !sameTags(before.tags, after.tags)) return after.tags;
  const current = await client.service(key, signal);
  return current?.Tags ?? after.tags;
}

function sameTags(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((tag, index) => tag === b[index]);
}

function dropped(before: ServiceSpec | null, after: ServiceSpec): readonly string[] {
  const kept = new Set(after.checks.map(({ id }) => id));
  return (before?.checks ?? []).map(({ id }) => id).filter((id) => !kept.has(id));
}
