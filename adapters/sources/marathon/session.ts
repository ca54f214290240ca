/** One connection to Marathon: subscribe, list, then follow until the stream ends. */

import { setMaxListeners } from "node:events";
import type { AdapterContext, SyncedFact } from "../../../src/model.ts";
import { type Connections, openConnections, type TlsMaterial } from "../../connections.ts";
import type { Bell } from "../waiting.ts";
import { pause } from "../waiting.ts";
import type { Agenda } from "./agenda.ts";
import type { Auth } from "./auth.ts";
import { type Client, createClient, type Info } from "./client.ts";
import { MarathonError } from "./errors.ts";
import { followStream } from "./following.ts";
import type { Hearing } from "./hearing.ts";
import type { Held } from "./held.ts";
import type { Learning } from "./learning.ts";
import type { MarathonLimits } from "./limits.ts";
import type { MarathonOptions } from "./options.ts";
import { keepReading } from "./reads.ts";
import type { Saying } from "./saying.ts";
import { type EventStream, isTrusted, openStream } from "./stream.ts";
import type { Trust } from "./trust.ts";
import { atLeast, resyncPeriod } from "./versions.ts";

export interface SessionParts {
  readonly options: MarathonOptions;
  readonly context: AdapterContext;
  readonly limits: MarathonLimits;
  readonly auth: Auth;
  readonly tls: TlsMaterial;
  readonly held: Held;
  readonly hearing: Hearing;
  readonly learning: Learning;
  readonly saying: Saying;
  readonly agenda: Agenda;
  readonly trust: Trust;
  /** Rung when there is something to read, or to list. */
  readonly readBell: Bell;
  readonly listBell: Bell;
  readonly requests: Requests;
  /** Marathon answers and lists. */
  onConnected(base: string, info: Info): void;
}

/** What has been asked for, until it is taken up. */
export interface Requests {
  listing: boolean;
  /** Only to say again what is held. */
  repeat: boolean;
}

interface Session extends SessionParts {
  readonly client: Client;
  /** null: this Marathon has none (before 0.9), and is asked again and again. */
  readonly stream: EventStream | null;
  /** The Marathon that is asked; for messages. */
  readonly base: string;
  readonly signal: AbortSignal;
}

/** Listings asked for one after the other keep this distance, so that a garbled stream does not become a storm; ms. */
const LISTING_GAP = 250;
/** Listings that may fail in a row before another Marathon is tried. */
const MAX_FAILURES = 3;

/** Never resolves: rejects with a `MarathonError` when the connection is of no more use, or on abort. */
export async function runSession(parts: SessionParts, url: string, signal: AbortSignal): Promise<never> {
  const { options, context, auth, tls } = parts;
  const { name } = context;
  const { timeout, urls } = options;
  const scope = new AbortController();
  // One listener per request under way.
  setMaxListeners(0, scope.signal);
  const stop = () => scope.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  const connections = openConnections({ tls, keepIdle: 0 });
  try {
    const stream = await subscribe(parts, connections, url, scope.signal);
    // A leader that must not see the credentials is asked through the Marathon that may: it hands requests on.
    const base = stream !== null && (auth.isNone || isTrusted({ urls }, stream.base)) ? stream.base : url;
    await using client = createClient({ name, url: base, auth, timeout, tls });
    try {
      return await follow({ ...parts, client, stream, base, signal: scope.signal });
    } finally {
      // Before the client is closed, so that what is under way ends as aborted, and not as failed.
      scope.abort(new Error("the marathon session is over"));
    }
  } finally {
    signal.removeEventListener("abort", stop);
    connections.close();
  }
}

async function subscribe(
  { options, context: { name }, auth, tls }: SessionParts,
  connections: Connections,
  url: string,
  signal: AbortSignal,
): Promise<EventStream | null> {
  const { urls, timeout } = options;
  try {
    return await openStream({ name, urls, auth, connections, timeout }, url, signal);
  } catch (error) {
    if (!(error instanceof MarathonError) || (error.status !== 404 && error.status !== 405)) throw error;
    await using client = createClient({ name, url, auth, timeout, tls });
    const { version } = await client.info(signal);
    if (version === null || atLeast(version, 0, 9)) throw error;
    return null;
  }
}

async function follow(session: Session): Promise<never> {
  const { context, options, limits, stream, hearing, held, requests, listBell } = session;
  hearing.attached();
  if (stream === null) return await listAndRead(session);
  const following = followStream(stream.body, {
    ...{ name: context.name, base: stream.base, idle: options.idle, maxEvent: limits.maxEvent },
    onEvent: (event) => hearing.hear(event),
    onGarbage: (why) => {
      held.notice(`${stream.base} sent ${why}; skipped, everything is listed again`);
      requests.listing = true;
      listBell.ring();
    },
  });
  return await Promise.race([following, listAndRead(session)]);
}

async function listAndRead(session: Session): Promise<never> {
  const { client, signal, context, stream, base, held, hearing, trust, options, limits } = session;
  const info = await client.info(signal);
  held.setFramework(info.frameworkId ?? context.name);
  hearing.setTrustsPosts(atLeast(info.version, 0, 11));
  trust.attached(stream?.leader ?? info.leader ?? base);
  const hasPods = atLeast(info.version, 1, 4);
  const list = (withPods: boolean) => listOnce(session, { hasPods, withPods: hasPods && withPods });
  session.requests.listing = false;
  await list(true);
  session.onConnected(base, info);
  const { now, log } = context;
  const reads = { ...session, log, now, list, hasPods, bell: session.readBell, look: () => hearing.look() };
  const period = stream === null ? limits.poll : resyncPeriod(info.version, options.resync, context.resync);
  return await Promise.race([keepReading(reads, signal), keepSaying(session, list, period, limits.guardedLook)]);
}

async function listOnce(
  { client, signal, hearing, learning, agenda }: Session,
  { hasPods, withPods }: { readonly hasPods: boolean; readonly withPods: boolean },
): Promise<void> {
  const look = hearing.look();
  const [apps, pods] = await Promise.all([client.apps(true, signal), withPods ? client.pods(signal) : null]);
  signal.throwIfAborted();
  learning.listed(apps, pods, look);
  if (!apps.isPartial && withPods === hasPods) hearing.listed(look);
  agenda.listed(look.at, { withTasks: true, withPods });
}

/** Says everything now and whenever it is asked for; lists before that when it is time, or asked for. */
async function keepSaying(
  session: Session,
  list: (withPods: boolean) => Promise<void>,
  period: number,
  settleAfter: number,
): Promise<never> {
  const { saying, trust, requests, signal, context, listBell } = session;
  const { now, random } = context;
  for (let due = next(); ; ) {
    requests.repeat = false;
    if (!(await saying.everything(trustOf(trust), signal))) requests.repeat = true;
    await pause(LISTING_GAP, signal);
    while (!requests.listing && !requests.repeat && now() < due) {
      signal.throwIfAborted();
      await listBell.wait(due - now(), signal);
    }
    signal.throwIfAborted();
    if (!requests.listing && now() < due) continue;
    requests.listing = false;
    await untilListed(session, list);
    trust.listed(now(), settleAfter);
    due = next();
  }

  /** Shortened by up to 20 %, so that many Musters spread out. */
  function next(): number {
    return period === 0 ? Number.POSITIVE_INFINITY : now() + period * (1 - 0.2 * random());
  }
}

function trustOf(trust: Trust): SyncedFact["trust"] {
  return trust.isDoubtful() ? "doubtful" : "whole";
}

/** An answer that fails freezes what is held; after a few the connection is given up for another. */
async function untilListed({ signal, context }: Session, list: (withPods: boolean) => Promise<void>): Promise<void> {
  for (let failures = 1; ; failures++) {
    try {
      return await list(true);
    } catch (error) {
      if (signal.aborted || !(error instanceof MarathonError) || failures === MAX_FAILURES) throw error;
      context.log.warn({ error: error.message }, "marathon not listed, its last known state is kept");
      await pause(1_000 * failures, signal);
      signal.throwIfAborted();
    }
  }
}
