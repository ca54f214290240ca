/** One connection to the engine: subscribe, list, then follow until the stream ends. */
import { setMaxListeners } from "node:events";
import type { Readable } from "node:stream";
import type { AdapterContext } from "../../../src/model.ts";
import type { Stamps } from "../stamps.ts";
import { type Bell, pause } from "../waiting.ts";
import { type Engine, openEngine } from "./client.ts";
import type { Containers } from "./containers.ts";
import { EngineError, toEngineError } from "./errors.ts";
import { recallKills } from "./history.ts";
import { type EngineInfo, readInfo } from "./inspect.ts";
import { createInspector, type Inspector } from "./inspector.ts";
import { list } from "./listing.ts";
import { createNetworks, type Networks } from "./networks.ts";
import type { DockerOptions } from "./options.ts";
import type { Outbox } from "./outbox.ts";
import { createEventReader } from "./stream.ts";

export interface SessionParts {
  readonly options: DockerOptions;
  readonly context: AdapterContext;
  readonly containers: Containers;
  readonly stamps: Stamps;
  readonly outbox: Outbox;
  /** Rung for whatever the session should look at: a listing asked for, a deadline set. */
  readonly bell: Bell;
  readonly inspectConcurrency: number;
  /** @returns whether a new listing has been asked for since the last call */
  takeRequest(): boolean;
  requestListing(): void;
  /** The engine answers and lists. */
  onConnected(engine: EngineInfo): void;
  /** A listing is complete. */
  onListed(): void;
}

/** What serves one connection. */
export interface Session extends SessionParts {
  readonly engine: Engine;
  readonly info: EngineInfo;
  readonly networks: Networks;
  readonly inspector: Inspector;
  readonly signal: AbortSignal;
}

/** Listings asked for one after the other keep this distance, so that a garbled stream does not become a storm; ms. */
const LISTING_GAP = 250;

/** Never resolves: rejects with an `EngineError` when the connection is of no more use, or on abort. */
export async function runSession(parts: SessionParts, signal: AbortSignal): Promise<never> {
  const engine = await openEngine(parts.options);
  const scope = new AbortController();
  // One listener per request under way.
  setMaxListeners(0, scope.signal);
  const stop = () => scope.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await follow(parts, engine, scope.signal);
  } finally {
    signal.removeEventListener("abort", stop);
    scope.abort(new Error("the docker session is over"));
    engine.close();
  }
}

async function follow(parts: SessionParts, engine: Engine, signal: AbortSignal): Promise<never> {
  const { containers, stamps, context, inspectConcurrency, options } = parts;
  const info = readInfo(await engine.info(signal));
  // The engine answers before it subscribes; replaying from the time just read closes that gap.
  for (const kill of await recallKills(engine, info.time, context, signal)) containers.recall(kill);
  const stream = await engine.events(info.time, signal);
  const networks = createNetworks(engine, context.log, signal);
  const inspector = createInspector(
    {
      ...{ engine, networks, containers, stamps, log: context.log, concurrency: inspectConcurrency },
      snapshot: { node: context.node.id, expose: options.expose },
      random: context.random,
    },
    signal,
  );
  const session: Session = { ...parts, engine, info, networks, inspector, signal };
  return await Promise.race([readEvents(session, stream), keepListing(session)]);
}

/** Reads without ever waiting for anything: the engine drops events for a reader that takes longer than 100 ms. */
function readEvents(session: Session, stream: Readable): Promise<never> {
  const { containers, inspector, bell, options } = session;
  const reader = createEventReader(
    (event) => {
      const container = containers.event(event);
      if (container !== null) void inspector.refresh(container, event.action);
      if (event.action === "kill") bell.ring();
    },
    (why) => {
      notice(session, `docker: ${options.host} sent ${why}; skipped, everything is listed again`);
      session.requestListing();
    },
  );
  return new Promise((_resolve, reject) => {
    stream.on("data", (chunk: Buffer) => reader.push(chunk));
    stream.on("error", (error) => reject(toEngineError(error, options.host)));
    stream.once("close", () => {
      reader.end();
      reject(new EngineError(`docker: ${options.host} closed the event stream – did the engine stop?`));
    });
  });
}

function notice({ outbox, stamps }: Session, message: string): void {
  outbox.push([stamps.fact({ kind: "notice", task: null, message }, stamps.next("stream"))]);
}

async function keepListing(session: Session): Promise<never> {
  for (let isFirst = true; ; isFirst = false) {
    session.takeRequest();
    if (await list(session, isFirst)) session.onListed();
    else session.requestListing();
    await pause(LISTING_GAP, session.signal);
    await untilListingIsDue(session);
  }
}

async function untilListingIsDue({
  context,
  containers,
  inspector,
  bell,
  signal,
  takeRequest,
}: Session): Promise<void> {
  const { now, random, resync } = context;
  // Shortened by up to 20 %, so that many Musters spread out.
  const due = resync === 0 ? Number.POSITIVE_INFINITY : now() + resync * (1 - 0.2 * random());
  while (!takeRequest() && now() < due) {
    signal.throwIfAborted();
    for (const container of containers.survivors()) void inspector.refresh(container, "survived");
    await bell.wait(Math.min(due, containers.nextDeadline()) - now(), signal);
  }
}
