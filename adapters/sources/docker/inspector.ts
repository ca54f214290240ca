/** Inspects containers: a bounded number at a time, one per container at a time, with retries. */
import PQueue from "p-queue";
import type { Logger } from "../../../src/model.ts";
import type { Stamps } from "../stamps.ts";
import { pause, retryDelay } from "../waiting.ts";
import type { Engine } from "./client.ts";
import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";
import { EngineError } from "./errors.ts";
import { type Snapshot, type SnapshotContext, snapshotOf } from "./facts.ts";
import { createIngress } from "./ingress.ts";
import { readInspect } from "./inspect.ts";
import { isStopping } from "./kills.ts";
import type { Networks } from "./networks.ts";

export type Outcome =
  /** Taken in, or the container is no more. */
  | "done"
  /** The answer made no sense; a notice has been given. */
  | "malformed"
  /** No answer now; it is tried again later by itself. */
  | "failed";

export interface Inspector {
  /**
   * Inspects soon. Resolves when an inspect that was *requested* after this call has been taken in, or given up.
   * Never rejects.
   * @param via what led to it; live events overtake listings
   */
  refresh(container: Container, via: string): Promise<Outcome>;
  /** Resolves when not many inspects wait for their turn. */
  room(): Promise<void>;
}

export interface InspectorOptions {
  readonly engine: Engine;
  readonly networks: Networks;
  readonly containers: Containers;
  readonly stamps: Stamps;
  readonly snapshot: Pick<SnapshotContext, "node" | "expose">;
  /** How many inspects at a time. */
  readonly concurrency: number;
  readonly log: Logger;
  random(): number;
}

interface Flight {
  requested: boolean;
  landed: Promise<Outcome>;
  next: Promise<Outcome> | null;
}

const ATTEMPTS = 3;

/** @param signal ends everything: what is under way, what waits, and the retries */
export function createInspector(options: InspectorOptions, signal: AbortSignal): Inspector {
  const { engine, networks, containers, stamps, log, random } = options;
  const pool = new PQueue({ concurrency: options.concurrency });
  const flights = new Map<string, Flight>();
  const failing = new Set<string>();
  const ingress = createIngress(
    {
      ...{ engine, log },
      isOver: (container) => !containers.holds(container) || container.ended !== null || isStopping(container),
      onNews: (container) => void refresh(container, "ingress"),
    },
    signal,
  );

  return { refresh, room: () => pool.onSizeLessThan(options.concurrency) };

  function refresh(container: Container, via: string): Promise<Outcome> {
    const flight = flights.get(container.id);
    if (flight === undefined) return launch(container, via);
    if (!flight.requested) return flight.landed;
    // Its answer may be older than what led to this call; one more will do for all calls that come until then.
    flight.next ??= flight.landed.then(() => refresh(container, via));
    return flight.next;
  }

  function launch(container: Container, via: string): Promise<Outcome> {
    const flight: Flight = { requested: false, landed: Promise.resolve("done"), next: null };
    flights.set(container.id, flight);
    flight.landed = fly(container, via, flight);
    return flight.landed;
  }

  async function fly(container: Container, via: string, flight: Flight): Promise<Outcome> {
    const outcome = await attempts(container, via, flight);
    flights.delete(container.id);
    if (outcome === "failed") void retryLater(container);
    else failing.delete(container.id);
    return outcome;
  }

  async function attempts(container: Container, via: string, flight: Flight): Promise<Outcome> {
    for (let attempt = 1; ; attempt++) {
      const answer = await pool.add(() => attemptOnce(container, via, flight), { priority: via === "list" ? 0 : 1 });
      if (!(answer instanceof EngineError)) return answer;
      // Without an answer in time it is locked by the engine; asking at once again would only take up room.
      if (attempt === ATTEMPTS || answer.timedOut) return giveUp(container, answer);
      await pause(retryDelay(attempt, random), signal);
    }
  }

  async function attemptOnce(container: Container, via: string, flight: Flight): Promise<Outcome | EngineError> {
    // It may have ended while it waited for its turn.
    if (signal.aborted || !containers.holds(container) || container.ended !== null) return "done";
    flight.requested = true;
    const stamp = stamps.next(via);
    const answer = await ask(container);
    if (!("json" in answer)) return answer.failure;
    const snapshot = await read(container, answer.json);
    if (snapshot === null) return "malformed";
    if (containers.inspected(container, snapshot, stamp)) void refresh(container, via);
    return "done";
  }

  async function ask(container: Container): Promise<{ json: unknown } | { failure: Outcome | EngineError }> {
    try {
      return { json: await engine.inspect(container.id, signal) };
    } catch (error) {
      if (!(error instanceof EngineError)) return { failure: "done" };
      if (error.status !== 404) return { failure: error };
      containers.missing(container);
      return { failure: "done" };
    }
  }

  async function read(container: Container, json: unknown): Promise<Snapshot | null> {
    try {
      const inspect = readInspect(json);
      const kinds = await networks.of(inspect);
      const mesh = await ingress.of(container, inspect, kinds);
      return snapshotOf(inspect, { ...options.snapshot, networks: kinds, task: container.task, ingress: mesh });
    } catch (error) {
      containers.complain(container, `can't be read, its last known state is kept: ${messageOf(error)}`);
      return null;
    }
  }

  function giveUp(container: Container, error: EngineError): Outcome {
    const fields = { container: container.id, error: error.message };
    if (failing.has(container.id)) log.debug(fields, "container still not inspected");
    else log.warn(fields, "container not inspected, its last known state is kept");
    failing.add(container.id);
    return "failed";
  }

  async function retryLater(container: Container): Promise<void> {
    await pause(retryDelay(ATTEMPTS + 3, random), signal);
    if (!signal.aborted && containers.holds(container)) await refresh(container, "retry");
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
