/**
 * Vulcand: every instance is a server of its service's backend, alive as long as its heart-beat; what is routed gets a host
 * and a frontend besides (docs/vulcand.md). The facts behind this adapter: facts/vulcand.md, measured on 0.8.0-beta.3 and
 * 0.9.2. It never asks which version there is: it does what is right on all of them.
 */
import PQueue from "p-queue";
import { type Clock, systemClock } from "../../../src/clock.ts";
import type { AdapterContext, Change, Outcome, Registration, Registry } from "../../../src/model.ts";
import { applyInOrder } from "../../apply.ts";
import { failed, messageOf, RequestError } from "../../failure.ts";
import { createNews } from "../../news.ts";
import { returns } from "../../presence.ts";
import { createVulcandClient } from "./client.ts";
import { create, explained } from "./creation.ts";
import { diagnose } from "./diagnose.ts";
import { createHeartbeat } from "./heartbeat.ts";
import { createIds } from "./ids.ts";
import type { VulcandOptions } from "./options.ts";
import { project } from "./project.ts";
import { readBack } from "./readback.ts";
import { createReads, type Reads } from "./reads.ts";
import { remove } from "./removal.ts";
import { readSpec, type ServerSpec } from "./spec.ts";

const CONCURRENCY = 8;

/**
 * Throws an Error that names the file if a TLS file can't be used. An Authorization file is first read by a request.
 * @param clock for the heart-beats
 */
export function createVulcandRegistry(
  options: VulcandOptions,
  context: AdapterContext,
  clock: Pick<Clock, "after"> = systemClock,
): Registry {
  const { name, log, random } = context;
  const { ttl, passHost } = options;
  const ids = createIds(context.cluster, context.node.id);
  const client = createVulcandClient(options);
  const news = createNews();
  const heartbeat = createHeartbeat({
    ...{ name, log, random, ttl },
    after: (ms, callback) => clock.after(ms, callback),
    beat: putServer,
    doubt: news.tell,
  });
  // Only looked at: a beat is a write.
  if (context.readOnly === true) heartbeat.stop();

  async function putServer({ backend, id, url }: ServerSpec, signal: AbortSignal): Promise<void> {
    const body = { Server: { Id: id, URL: url }, TTL: `${Math.round(ttl / 1000)}s` };
    await client.put(["backends", backend, "servers"], body, signal);
  }

  async function list(signal: AbortSignal): Promise<readonly Registration[]> {
    const [hosts, listeners, frontends, all] = await Promise.all([
      client.hosts(signal),
      client.listeners(signal),
      client.frontends(signal),
      client.backends(signal),
    ]);
    const queue = new PQueue({ concurrency: CONCURRENCY });
    const ours = all.filter(({ Id }) => ids.serviceOf(Id, "backend") !== null);
    const backends = await Promise.all(
      ours.map((backend) => queue.add(async () => ({ backend, servers: await client.servers(backend.Id, signal) }))),
    );
    const entries = readBack(ids, { hosts, listeners, frontends, backends }, passHost);
    heartbeat.found(new Map(entries.flatMap(({ key, spec }) => serverIn(key, readSpec(spec)))));
    return entries;
  }

  async function applyOne(change: Change, reads: Reads, signal: AbortSignal): Promise<Outcome> {
    const { op, key } = change;
    try {
      if (change.op === "deregister") await deregister(change.before, reads, signal);
      else await register(change.after, change.before, reads, signal);
      return { ok: true };
    } catch (error) {
      signal.throwIfAborted();
      return failed(`${name}: ${op} ${key}`, error);
    }
  }

  async function deregister({ key, spec }: Registration, reads: Reads, signal: AbortSignal): Promise<void> {
    await heartbeat.end(key, signal);
    await remove(readSpec(spec), { client, ids, reads, signal });
  }

  async function register(
    after: Registration,
    before: Registration | null,
    reads: Reads,
    signal: AbortSignal,
  ): Promise<void> {
    const spec = readSpec(after.spec);
    if (spec.kind !== "server") return await create(after, spec, { client, ids, reads, signal });
    // A beat under way with what was before could come after.
    await heartbeat.pause(after.key, signal);
    try {
      await putServer(spec, signal);
      heartbeat.follow(after.key, spec, false);
    } catch (error) {
      const held = before === null ? null : readSpec(before.spec);
      if (held?.kind === "server") heartbeat.follow(after.key, held, false);
      throw explained(error);
    }
  }

  return {
    name,
    diagnose: (signal) => diagnose(options, context, signal),
    returns: (signal) => news.with(returns(options.url, signal), signal),
    project: (instance) => project(instance, { name, ids, options }),
    async list(signal) {
      try {
        return await list(signal);
      } catch (error) {
        signal.throwIfAborted();
        throw new RequestError(`${name}: list: ${messageOf(error)}`, { retry: true, ambiguous: false, cause: error });
      }
    },
    async apply(changes, signal) {
      const reads = new Map<string, Reads>();
      const readsFor = (change: Change): Reads => {
        const kind = `${change.op === "deregister"} ${(change.after ?? change.before)?.rank}`;
        const made = reads.get(kind) ?? createReads(client, signal);
        reads.set(kind, made);
        return made;
      };
      const apply = (change: Change) => applyOne(change, readsFor(change), signal);
      return await applyInOrder(changes, apply, { concurrency: CONCURRENCY }, signal);
    },
    async [Symbol.asyncDispose]() {
      heartbeat.stop();
      await client[Symbol.asyncDispose]();
    },
  };
}

function serverIn(key: string, spec: ReturnType<typeof readSpec>): readonly (readonly [string, ServerSpec])[] {
  return spec.kind === "server" ? [[key, spec]] : [];
}
