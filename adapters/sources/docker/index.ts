/** What the local Docker engine runs. Events are hints; listings and inspects are the truth (facts/docker-swarm.md). */
import type { AdapterContext, Source, SourceStateFact } from "../../../src/model.ts";
import { createStamps } from "../stamps.ts";
import { createBell, pause, retryDelay } from "../waiting.ts";
import { type Containers, createContainers } from "./containers.ts";
import { diagnose } from "./diagnose.ts";
import { endContainer } from "./end-container.ts";
import type { EngineInfo } from "./inspect.ts";
import type { DockerOptions } from "./options.ts";
import { createOutbox } from "./outbox.ts";
import { runSession, type SessionParts } from "./session.ts";

/** For tests; the defaults are right. */
export interface DockerLimits {
  /** Facts held for a slow consumer, before they are dropped for a new listing. */
  readonly queue: number;
  /** Inspects at a time. */
  readonly inspects: number;
  /** How long beyond its stop time a container may take to stop before it counts as running again, ms. */
  readonly survivalGrace: number;
}

const LIMITS: DockerLimits = { queue: 10_000, inspects: 16, survivalGrace: 30_000 };

/** Repeats of one failure are logged this seldom. */
const LOG_EVERY = 20;

export function createDockerSource(
  options: DockerOptions,
  context: AdapterContext,
  limits: Partial<DockerLimits> = {},
): Source {
  const bell = createBell();
  let requested = false;

  function requestListing(): void {
    requested = true;
    bell.ring();
  }

  function takeRequest(): boolean {
    const wanted = requested;
    requested = false;
    return wanted;
  }

  let known: Containers | null = null;

  return {
    name: context.name,
    resync: requestListing,
    async endTask(task, name, abort) {
      const container = known?.stopping(task) ?? null;
      return container === null ? null : await endContainer(container, name, options, abort);
    },
    diagnose: (signal) => diagnose(options, context, signal),
    async *events(signal) {
      const scope = new AbortController();
      const stop = () => scope.abort(signal.reason);
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
      const { queue, inspects, survivalGrace } = { ...LIMITS, ...limits };
      const outbox = createOutbox(queue, requestListing);
      const stamps = createStamps(context.name, context.now);
      const containers = createContainers({
        ...{ stamps, survivalGrace, node: context.node.id, now: context.now },
        emit: (facts) => outbox.push(facts),
      });
      known = containers;
      const parts = {
        options,
        context,
        containers,
        stamps,
        outbox,
        bell,
        inspectConcurrency: inspects,
        takeRequest,
        requestListing,
      };
      const following = keepConnected(parts, scope.signal);
      try {
        yield* outbox.facts(scope.signal);
      } finally {
        signal.removeEventListener("abort", stop);
        scope.abort(new Error("nobody listens to the docker source"));
        await following;
      }
    },
  };
}

/** Connects for ever; resolves on abort only. */
async function keepConnected(
  parts: Omit<SessionParts, "onConnected" | "onListed">,
  signal: AbortSignal,
): Promise<void> {
  const { context, outbox, stamps } = parts;
  let failures = 0;
  let said: Pick<SourceStateFact, "state" | "error"> | null = null;
  let engineId: string | null = null;

  function say(state: SourceStateFact["state"], error: string | null): void {
    if (said?.state === state && said.error === error) return;
    said = { state, error };
    outbox.push([stamps.fact({ kind: "source", state, error }, stamps.next(state))]);
  }

  function onConnected({ id }: EngineInfo): void {
    const { host } = parts.options;
    if (engineId !== null && engineId !== id)
      context.log.warn({ host, before: engineId, now: id }, "another engine, or node id: restart Muster to take it on");
    if (said?.state !== "connected") context.log.info({ host }, "docker connected");
    engineId = id;
    say("connected", null);
  }

  function failed(error: unknown): void {
    failures += 1;
    const message = error instanceof Error ? error.message : String(error);
    say("disconnected", message);
    const fields = { error: message, failures };
    if (failures % LOG_EVERY === 1) context.log.warn(fields, "docker not reachable, trying on");
    else context.log.debug(fields, "docker still not reachable");
  }

  const onListed = () => {
    failures = 0;
  };
  while (!signal.aborted) {
    try {
      await runSession({ ...parts, onConnected, onListed }, signal);
    } catch (error) {
      if (signal.aborted) return;
      failed(error);
    }
    await pause(retryDelay(failures, context.random), signal);
  }
}
