/** A Kong with a database: every object is written for itself. */
import type { Change, Outcome, Registration } from "../../../src/model.ts";
import { applyInOrder } from "../../apply.ts";
import { failed, messageOf, RequestError } from "../../failure.ts";
import { parseAnswer } from "../../http.ts";
import type { AdminClient } from "./admin.ts";
import { Status } from "./answers.ts";
import { type Dialect, readNode } from "./dialect.ts";
import type { Holder } from "./holder.ts";
import { clusterTag, othersTags } from "./marks.ts";
import { createObject, removeObject, updateObject } from "./objects.ts";
import { othersIn, registrationsIn } from "./owned.ts";
import type { Settings } from "./settings.ts";
import { readSpec } from "./spec.ts";
import { type KongState, readState } from "./state.ts";
import { createTarget, type KnownTargets, removeTarget, type TargetPass, updateTarget } from "./targets.ts";

/** @param concurrency of reads and of writes */
export function createLiveHolder(admin: AdminClient, settings: Settings, concurrency: number): Holder {
  const { name } = settings;
  let dialect: Dialect | null = null;
  let known: KnownTargets = new Map();
  let parents = new Map<string, string>();

  async function read(signal: AbortSignal): Promise<KongState> {
    try {
      dialect = (await readNode(admin, false, signal)).dialect;
      return await readState(admin, dialect, clusterTag(settings.cluster), concurrency, signal);
    } catch (error) {
      throw await explained(admin, error, signal);
    }
  }

  async function list(signal: AbortSignal): Promise<readonly Registration[]> {
    const { registrations, targets, parents: found } = registrationsIn(await read(signal), settings);
    parents = new Map(found);
    known = new Map([...targets].map(([key, { id, tags }]) => [key, { id, others: othersTags(tags) }]));
    return registrations;
  }

  async function apply(changes: readonly Change[], signal: AbortSignal): Promise<readonly Outcome[]> {
    signal.throwIfAborted();
    try {
      dialect ??= (await readNode(admin, false, signal)).dialect;
    } catch (error) {
      signal.throwIfAborted();
      return changes.map(({ op, key }) => failed(`${name}: ${op} ${key}`, error));
    }
    const pass: TargetPass = { admin, dialect, settings, parents, known, atStart: new Map() };
    return await applyInOrder(changes, (change, each) => applyOne(pass, change, each), { concurrency }, signal);
  }

  return { list, listOthers: async (signal) => othersIn(await read(signal), settings), apply };
}

async function applyOne(pass: TargetPass, change: Change, signal: AbortSignal): Promise<Outcome> {
  const { op, key } = change;
  try {
    await carryOut(passFor(pass, change), change, signal);
    return { ok: true };
  } catch (error) {
    signal.throwIfAborted();
    return failed(`${pass.settings.name}: ${op} ${key}`, error);
  }
}

/** What a dead node has left is removed in its name, and looked at before. */
function passFor(pass: TargetPass, { before }: Change): TargetPass {
  const node = before?.node;
  return node === undefined ? pass : { ...pass, settings: { ...pass.settings, node }, known: new Map() };
}

async function carryOut(pass: TargetPass, { op, before, after }: Change, signal: AbortSignal): Promise<void> {
  const registration = after ?? before;
  const spec = readSpec(registration.spec);
  if (spec.kind === "target") {
    const write = { register: createTarget, update: updateTarget, deregister: removeTarget }[op];
    return await write(pass, registration, spec, signal);
  }
  const write = { register: createObject, update: updateObject, deregister: removeObject }[op];
  await write(pass, registration, spec, signal);
}

/** "Unexpected error" is what Kong says when its database is away; it knows better (facts/kong.md §2). */
async function explained(admin: AdminClient, error: unknown, signal: AbortSignal): Promise<unknown> {
  if (!(error instanceof RequestError) || error.status !== 500) return error;
  try {
    const { database } = parseAnswer(
      Status,
      await admin.send({ method: "GET", path: "/status", global: true }, [], signal),
    );
    if (database?.reachable !== false) return error;
    const message = `Kong is up, but can't reach its database (${messageOf(error)})`;
    return new RequestError(message, { status: 500, retry: true, ambiguous: false, cause: error });
  } catch {
    return error;
  }
}
