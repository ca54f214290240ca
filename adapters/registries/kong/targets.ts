/** Targets, by the ways that are right on each version (facts/kong.md §3): never by `PUT`, never a stranger's. */

import type { Registration } from "../../../src/model.ts";
import { RequestError } from "../../failure.ts";
import { parseAnswer } from "../../http.ts";
import { TargetRow } from "./answers.ts";
import { targetBody } from "./bodies.ts";
import { missing, NotOursError, parentId, type Scene, stranger } from "./look.ts";
import { othersTags } from "./marks.ts";
import { readTargetRow } from "./readback.ts";
import type { TargetSpec } from "./spec.ts";
import { readTargets } from "./state.ts";

/** What is known of our own targets, by key: calls by id do not make Kong read all targets of the upstream. */
export type KnownTargets = Map<string, { readonly id: string; readonly others: readonly string[] }>;

/** One pass over the changes: what was read once is not read again. */
export interface TargetPass extends Scene {
  readonly known: KnownTargets;
  /** The targets of an upstream as they were at the beginning of the pass; 2.x only. */
  readonly atStart: Map<string, Promise<readonly TargetRow[]>>;
}

export async function createTarget(
  pass: TargetPass,
  wanted: Registration,
  spec: TargetSpec,
  signal: AbortSignal,
): Promise<void> {
  const { admin, dialect, settings } = pass;
  // Up to 2.8 a POST overwrites whoever's target is there.
  const present = dialect.overwrites ? await look(pass, wanted.key, spec, signal) : null;
  if (present !== null && !dialect.keepsHistory) return await patch(pass, wanted, spec, present, signal);
  const body = targetBody(spec, wanted.service, othersTags(present?.tags ?? []), settings);
  const path = await targetsPath(pass, spec, signal);
  const answer = await admin.send({ method: "POST", path, body }, [404, 409], signal);
  if (answer.status === 404) throw lost(pass, spec);
  if (answer.status === 409) return await takeOver(pass, wanted, spec, signal);
  remember(pass, wanted.key, parseAnswer(TargetRow, answer));
}

/** 3.x: what is left of ours, after a write of which nobody knew whether it was done. */
async function takeOver(pass: TargetPass, wanted: Registration, spec: TargetSpec, signal: AbortSignal): Promise<void> {
  const present = await look(pass, wanted.key, spec, signal);
  if (present === null) throw missing(wanted.key);
  await patch(pass, wanted, spec, present, signal);
}

export async function updateTarget(
  pass: TargetPass,
  wanted: Registration,
  spec: TargetSpec,
  signal: AbortSignal,
): Promise<void> {
  const known = pass.known.get(wanted.key);
  if (known === undefined || pass.dialect.keepsHistory) return await createTarget(pass, wanted, spec, signal);
  const body = targetBody(spec, wanted.service, known.others, pass.settings);
  await sendPatch(pass, wanted.key, spec, known.id, body, signal);
}

async function patch(
  pass: TargetPass,
  wanted: Registration,
  spec: TargetSpec,
  row: TargetRow,
  signal: AbortSignal,
): Promise<void> {
  const body = targetBody(spec, wanted.service, othersTags(row.tags), pass.settings);
  await sendPatch(pass, wanted.key, spec, row.id, body, signal);
}

async function sendPatch(
  pass: TargetPass,
  key: string,
  spec: TargetSpec,
  id: string,
  { weight, tags }: ReturnType<typeof targetBody>,
  signal: AbortSignal,
): Promise<void> {
  const path = `${await targetsPath(pass, spec, signal)}/${id}`;
  const answer = await pass.admin.send({ method: "PATCH", path, body: { weight, tags } }, [404], signal);
  if (answer.status === 404) throw missing(key);
  remember(pass, key, parseAnswer(TargetRow, answer));
}

/** By id: a target of somebody else at the same address has another. What is absent, or a stranger's, needs nothing. */
export async function removeTarget(
  pass: TargetPass,
  held: Registration,
  spec: TargetSpec,
  signal: AbortSignal,
): Promise<void> {
  try {
    const known = pass.dialect.keepsHistory ? undefined : pass.known.get(held.key);
    const id = known?.id ?? (await look(pass, held.key, spec, signal))?.id;
    if (id === undefined) return;
    const path = `${await targetsPath(pass, spec, signal)}/${id}`;
    await pass.admin.send({ method: "DELETE", path }, [404], signal);
    pass.known.delete(held.key);
  } catch (error) {
    if (!(error instanceof NotOursError)) throw error;
  }
}

/**
 * @returns our target as it is; null if there is none at all
 * Rejects if it is a stranger's, or if the upstream is missing.
 */
async function look(pass: TargetPass, key: string, spec: TargetSpec, signal: AbortSignal): Promise<TargetRow | null> {
  const rows = pass.dialect.overwrites ? await rowsAtStart(pass, spec, signal) : await oneRow(pass, spec, signal);
  const row = rows.find(({ target }) => target === spec.target);
  if (row === undefined) return null;
  if (readTargetRow(row, spec.upstream, pass.settings) === null) throw stranger(key);
  return row;
}

async function oneRow(pass: TargetPass, spec: TargetSpec, signal: AbortSignal): Promise<readonly TargetRow[]> {
  const path = `${await targetsPath(pass, spec, signal)}/${encodeURIComponent(spec.target)}`;
  const answer = await pass.admin.send({ method: "GET", path }, [404], signal);
  return answer.status === 404 ? [] : [parseAnswer(TargetRow, answer)];
}

/** 2.x: a GET of one target is 404 for drained ones (up to 2.5), so all are read, once a pass. */
async function rowsAtStart(pass: TargetPass, spec: TargetSpec, signal: AbortSignal): Promise<readonly TargetRow[]> {
  const id = await parentId(pass, "upstream", spec.upstream, signal);
  const read = pass.atStart.get(id) ?? readTargets(pass.admin, pass.dialect, id, signal);
  pass.atStart.set(id, read);
  try {
    return await read;
  } catch (error) {
    pass.atStart.delete(id);
    throw error instanceof RequestError && error.status === 404 ? lost(pass, spec) : error;
  }
}

function remember({ known }: TargetPass, key: string, { id, tags }: TargetRow): void {
  known.set(key, { id, others: othersTags(tags) });
}

async function targetsPath(pass: TargetPass, { upstream }: TargetSpec, signal: AbortSignal): Promise<string> {
  return `/upstreams/${await parentId(pass, "upstream", upstream, signal)}/targets`;
}

/** The upstream that was ours is not there any more. */
function lost({ parents }: TargetPass, { upstream }: TargetSpec): RequestError {
  parents.delete(`upstreams/${upstream}`);
  return missing(`upstreams/${upstream}`);
}
