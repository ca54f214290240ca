/**
 * What a Marathon runs. Its event stream is a hint and loses events; its REST API is the truth, but late at times
 * (facts/marathon.md). Both are merged into one table, and facts say what is held there.
 */
import type { AdapterContext, Source, SourceStateFact } from "../../../src/model.ts";
import { readTls } from "../../http.ts";
import { createOutbox, type Outbox } from "../docker/outbox.ts";
import { createStamps, type Stamps } from "../stamps.ts";
import { createBell, pause } from "../waiting.ts";
import { createAgenda } from "./agenda.ts";
import type { Asks } from "./asks.ts";
import { createAuth } from "./auth.ts";
import { diagnose } from "./diagnose.ts";
import { createHearing, type Hearing } from "./hearing.ts";
import { createHeld } from "./held.ts";
import { createLearning } from "./learning.ts";
import { LIMITS, type MarathonLimits } from "./limits.ts";
import type { MarathonOptions } from "./options.ts";
import { createParking } from "./parking.ts";
import { createSaying } from "./saying.ts";
import { type Requests, runSession, type SessionParts } from "./session.ts";
import { createTrust } from "./trust.ts";

/** Repeats of one failure are logged this seldom. */
const LOG_EVERY = 20;

export function createMarathonSource(
  options: MarathonOptions,
  context: AdapterContext,
  limits: Partial<MarathonLimits> = {},
): Source {
  // Read at once, so that a wrong file is told at start.
  const tls = readTls(options);
  const all = { ...LIMITS, ...limits };
  const readBell = createBell();
  const listBell = createBell();
  const requests: Requests = { listing: false, repeat: false };
  let current: Hearing | null = null;

  function requestListing(): void {
    requests.listing = true;
    listBell.ring();
  }

  function requestRepeat(): void {
    requests.repeat = true;
    listBell.ring();
  }

  function open(outbox: Outbox): Omit<SessionParts, "onConnected"> & { readonly stamps: Stamps } {
    const { name, now, random } = context;
    const stamps = createStamps(name, now);
    const held = createHeld({
      ...{ stamps, now, expose: options.expose, limits: all },
      emit: (facts) => outbox.push(facts),
    });
    const agenda = createAgenda({
      ...{ limits: all, now, random },
      isMissing: ({ subject, version }) =>
        version !== null &&
        held.ofApp(subject.app).some((task) => task.version === version && held.definitionOf(task) === null),
    });
    const asks: Asks = {
      definition(subject, version) {
        agenda.wish({ subject, version });
        readBell.ring();
      },
      tasks(subject, wish) {
        agenda.wish({ subject, version: null }, wish);
        readBell.ring();
      },
      listing: requestListing,
      repeat: requestRepeat,
    };
    const parking = createParking({ ttl: all.parkedTtl, max: all.maxParked }, now);
    const { hintDelay, readinessPoll } = all;
    const hearing = createHearing({ held, asks, parking, hintDelay, readinessPoll, now });
    current = hearing;
    return {
      ...{ options, context, limits: all, tls, stamps, held, hearing, agenda, readBell, listBell, requests },
      auth: createAuth(options, { tls, now }),
      learning: createLearning({ held, asks, limits: all, now }),
      saying: createSaying({ held, outbox, stamps }),
      trust: createTrust(now),
    };
  }

  return {
    name: context.name,
    resync: requestListing,
    diagnose: (signal) => diagnose(options, context, signal),
    resolve: (task) => current?.resolve(task),
    async *events(signal) {
      const scope = new AbortController();
      const stop = () => scope.abort(signal.reason);
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
      const outbox = createOutbox(all.queue, requestRepeat);
      const following = keepConnected({ ...open(outbox), outbox }, scope.signal);
      try {
        yield* outbox.facts(scope.signal);
      } finally {
        signal.removeEventListener("abort", stop);
        scope.abort(new Error("nobody listens to the marathon source"));
        await following;
      }
    },
  };
}

interface Connection extends Omit<SessionParts, "onConnected"> {
  readonly outbox: Outbox;
  readonly stamps: Stamps;
}

/** Connects for ever, to one URL after the other; resolves on abort only. */
async function keepConnected(parts: Connection, signal: AbortSignal): Promise<void> {
  const { context, outbox, stamps, options, limits } = parts;
  const { name, log, now, random } = context;
  const { urls } = options;
  let failures = 0;
  let said: Pick<SourceStateFact, "state" | "error"> | null = null;

  function say(state: SourceStateFact["state"], error: string | null): void {
    if (said?.state === state && said.error === error) return;
    said = { state, error };
    outbox.push([stamps.fact({ kind: "source", state, error }, stamps.next(state))]);
  }

  function onConnected(base: string, { version, frameworkId }: { version: string | null; frameworkId: string | null }) {
    if (said?.state !== "connected") log.info({ source: name, url: base, version, frameworkId }, "marathon connected");
    say("connected", null);
  }

  function failed(url: string, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    say("disconnected", message.startsWith(`${name}: `) ? message : `${name}: ${message}`);
    const fields = { source: name, url, error: message, failures };
    if (failures % LOG_EVERY === 1) log.warn(fields, "marathon not reachable, trying on");
    else log.debug(fields, "marathon still not reachable");
  }

  for (let attempt = 0; !signal.aborted; attempt++) {
    const url = urls[attempt % urls.length] ?? "";
    const started = now();
    try {
      await runSession({ ...parts, onConnected }, url, signal);
    } catch (error) {
      if (signal.aborted) return;
      failures = now() - started >= limits.goodConnection ? 1 : failures + 1;
      failed(url, error);
    }
    await pause(reconnectDelay(failures, urls.length, limits, random), signal);
  }
}

/** Every URL is tried at once; after each round of all of them there is a longer and longer rest, with full jitter. */
function reconnectDelay(
  failures: number,
  urls: number,
  { minBackoff, maxBackoff }: MarathonLimits,
  random: () => number,
): number {
  if (failures % urls !== 0) return 0;
  return random() * Math.min(maxBackoff, minBackoff * 2 ** Math.min(failures / urls - 1, 20));
}
