/**
 * Kong without a database: the whole configuration is posted to every node, made of the operator's base file, of our part and
 * of other Musters' parts. Between reading and posting somebody else's post is lost, until that Muster lists again.
 */
import { isDeepStrictEqual } from "node:util";
import * as v from "valibot";
import type { Change, Logger, Outcome, Registration } from "../../../src/model.ts";
import { failed, messageOf, RequestError, statusError } from "../../failure.ts";
import type { AdminClient } from "./admin.ts";
import { FlattenedErrors } from "./answers.ts";
import { type Base, readBase } from "./base.ts";
import { type Dialect, readNode } from "./dialect.ts";
import type { Holder } from "./holder.ts";
import { marksIn } from "./marks.ts";
import { objectName } from "./names.ts";
import { othersIn } from "./owned.ts";
import { alter, compose, type Parts, partsOf, strangersIn } from "./parts.ts";
import type { Settings } from "./settings.ts";
import { type KongState, readState } from "./state.ts";

export interface DblessOptions {
  /** The operator's part; null: there is none. */
  readonly base: string | null;
  readonly concurrency: number;
  readonly log: Logger;
}

interface NodeState {
  readonly admin: AdminClient;
  readonly dialect: Dialect;
  readonly state: KongState;
}

/** What became of changes that failed. */
type Errors = Map<Change, unknown>;

/** How often what a node refuses is taken out and the rest is tried again. */
const MAX_ROUNDS = 5;

export function createDblessHolder(
  admins: readonly AdminClient[],
  settings: Settings,
  { base: file, concurrency, log }: DblessOptions,
): Holder {
  const { name } = settings;

  /** Rejects if no node can be read. */
  async function readNodes(signal: AbortSignal): Promise<{ nodes: readonly NodeState[]; away: readonly Error[] }> {
    const read = await Promise.allSettled(admins.map((admin) => readOne(admin, signal)));
    signal.throwIfAborted();
    const nodes = read.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const away = read.flatMap((result) => (result.status === "rejected" ? [result.reason as Error] : []));
    const [first] = away;
    if (nodes.length === 0 && first !== undefined) throw first;
    for (const error of away) log.warn({ registry: name, error: messageOf(error) }, "a Kong node can't be read");
    return { nodes, away };
  }

  async function readOne(admin: AdminClient, signal: AbortSignal): Promise<NodeState> {
    const { dialect } = await readNode(admin, true, signal);
    return { admin, dialect, state: await readState(admin, dialect, null, concurrency, signal) };
  }

  async function apply(changes: readonly Change[], signal: AbortSignal): Promise<readonly Outcome[]> {
    signal.throwIfAborted();
    const errors: Errors = new Map();
    try {
      const { nodes, away } = await readNodes(signal);
      await carryOut(changes, nodes, errors, signal);
      // The others have it; this one is listed when it is back.
      const [first] = away;
      if (first !== undefined) failRest(changes, errors, elsewhere(first));
    } catch (error) {
      signal.throwIfAborted();
      failRest(changes, errors, error);
    }
    return changes.map((change) => outcomeOf(change, errors));
  }

  function outcomeOf(change: Change, errors: Errors): Outcome {
    if (!errors.has(change)) return { ok: true };
    return failed(`${name}: ${change.op} ${change.key}`, errors.get(change));
  }

  /** Puts into `errors` what is refused; rejects if posting fails as a whole. */
  async function carryOut(
    changes: readonly Change[],
    nodes: readonly NodeState[],
    errors: Errors,
    signal: AbortSignal,
  ): Promise<void> {
    const [first] = nodes;
    if (first === undefined) return;
    const base = await readBase(file, first.dialect);
    for (const { admin, state } of nodes) refuseStrangers(admin, state, base, file);
    for (let round = 1; ; round += 1) {
      const parts = altered(changes, nodes, base, errors);
      const refusals = await postToAll(nodes, compose(base, parts), signal);
      if (refusals.size === 0) return;
      if (!blame(changes, refusals, errors) || round === MAX_ROUNDS) throw refusal([...refusals.values()].join("; "));
    }
  }

  function altered(changes: readonly Change[], nodes: readonly NodeState[], base: Base, errors: Errors): Parts {
    const parts = united(nodes, settings);
    for (const change of changes.filter((each) => !errors.has(each))) {
      try {
        alter(parts, change, base, settings);
      } catch (error) {
        errors.set(change, error);
      }
    }
    return parts;
  }

  return {
    async list(signal) {
      const { nodes } = await readNodes(signal);
      return merged(nodes.map(({ state }) => ownIn(state, settings)));
    },
    async listOthers(signal) {
      const { nodes } = await readNodes(signal);
      const found = nodes.flatMap(({ state }) => othersIn(state, settings));
      return [...new Map(found.map((entry) => [entry.key, entry])).values()];
    },
    apply,
  };
}

/** @returns whether any of the changes is to blame */
function blame(changes: readonly Change[], refusals: ReadonlyMap<string, string>, errors: Errors): boolean {
  const culprits = changes.filter((change) => !errors.has(change) && refusals.has(change.key));
  for (const change of culprits) errors.set(change, refusal(refusals.get(change.key) ?? ""));
  return culprits.length > 0;
}

function failRest(changes: readonly Change[], errors: Errors, error: unknown): void {
  for (const change of changes) if (!errors.has(change)) errors.set(change, error);
}

function ownIn(state: KongState, settings: Settings): ReadonlyMap<string, Registration> {
  const own = [...partsOf(state, settings)].flatMap(([key, { registration }]): [string, Registration][] =>
    registration === null ? [] : [[key, registration]],
  );
  return new Map(own);
}

/** What is not the same on all nodes, one that was restarted empty for instance, is drift. */
function merged(nodes: readonly ReadonlyMap<string, Registration>[]): readonly Registration[] {
  const first = new Map(nodes.toReversed().flatMap((node) => [...node]));
  return [...first].map(([key, entry]) => {
    const isSame = nodes.every((node) => isDeepStrictEqual(node.get(key)?.spec, entry.spec));
    if (isSame || typeof entry.spec !== "object" || entry.spec === null) return entry;
    return { ...entry, spec: { ...entry.spec, isOnAllNodes: false } };
  });
}

function united(nodes: readonly NodeState[], settings: Settings): Parts {
  return new Map(nodes.toReversed().flatMap(({ state }) => [...partsOf(state, settings)]));
}

function refuseStrangers({ where }: AdminClient, state: KongState, base: Base, file: string | null): void {
  const [first, ...more] = strangersIn(state, base);
  if (first === undefined) return;
  const others = more.length === 0 ? "" : ` and ${more.length} more`;
  const place = file === null ? "a file, and name that as dbless.base" : file;
  throw refusal(
    `${where} holds ${first}${others}, made neither by Muster nor by a base file: posting a configuration would remove it; put it into ${place}`,
  );
}

/**
 * @returns what is refused, by key, or by what Kong calls it where that is no key; empty if all nodes have taken it
 * Rejects with the first failure that is no refusal.
 */
async function postToAll(
  nodes: readonly NodeState[],
  config: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const posts = await Promise.allSettled(nodes.map(({ admin }) => post(admin, config, signal)));
  signal.throwIfAborted();
  const refused = new Map<string, string>();
  for (const result of posts) {
    if (result.status === "rejected") throw result.reason;
    for (const [key, reason] of result.value) refused.set(key, reason);
  }
  return refused;
}

/** In a field of its own: only then has it a hash, and an unchanged one is answered 304 without a reload (facts/kong.md §6). */
async function post(admin: AdminClient, config: string, signal: AbortSignal): Promise<readonly [string, string][]> {
  const query = { check_hash: "1", flatten_errors: "1" };
  const request = { method: "POST" as const, path: "/config", query, body: { config }, global: true };
  const answer = await admin.send(request, [304, 400], signal);
  if (answer.status !== 400) return [];
  const details = v.safeParse(FlattenedErrors, parsed(answer.text));
  if (!details.success || details.output.flattened_errors.length === 0) throw statusError(400, answer.text, false);
  return details.output.flattened_errors.map(({ entity_type, entity_name, entity_tags, errors }) => {
    const target = entity_type === "target" ? targetKey(entity_tags ?? []) : null;
    const reasons = errors
      .map(
        ({ field, message }) => `${field ?? "it"}: ${typeof message === "string" ? message : JSON.stringify(message)}`,
      )
      .join(", ");
    return [target ?? `${entity_type}s/${entity_name}`, reasons];
  });
}

/** A target has no name, but says where it belongs. */
function targetKey(tags: readonly string[]): string | null {
  const marks = marksIn(tags);
  return marks === null ? null : `upstreams/${objectName(marks.cluster, marks.service)}/targets/${marks.target}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function refusal(reason: string): RequestError {
  return new RequestError(reason, { status: 400, retry: false, ambiguous: false });
}

/** One node is away: the others have it. */
function elsewhere(error: Error): Error {
  return new RequestError(messageOf(error), { retry: true, ambiguous: false, isolated: true, cause: error });
}
