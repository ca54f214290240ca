/** All open event streams: who gets which event in which form, and the faults on the way. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Cluster } from "./cluster.ts";
import { createScrambler, type Scrambler, type Scrambling } from "./scramble.ts";
import { type EventStream, frameOf, openStream } from "./stream.ts";
import type { MarathonEvent } from "./world.ts";

export interface StreamFaults {
  /** Ends all streams. `half`: each after half an event. `reset`: by breaking the connection. @default end */
  cut(how?: "end" | "half" | "reset"): void;
  /** Events are published, and no stream gets them, as with a full buffer. */
  lose(isLosing: boolean): void;
  /** Streams stay open and say nothing, as of a peer that is gone; what is published meanwhile is lost. */
  stall(isStalled: boolean): void;
  /** Writes everything in pieces of so many bytes, so that CR and LF come apart; null: not at all. */
  chunk(bytes: number | null): void;
  /** Writes text to all streams as it is. */
  write(text: string): void;
  /** An event of a type that nobody knows. */
  unknownEvent(): void;
  /** An event with a message of so many bytes. */
  hugeEvent(bytes: number): void;
  /** Reorders, loses, repeats and delays what is sent from now on; null: not any more. */
  scramble(scrambling: Scrambling | null): void;
}

export interface Streams extends StreamFaults, Disposable {
  attach(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): void;
  /** Open ones. */
  count(): number;
  /** Events that wait for readers that do not keep up. */
  held(): number;
}

export interface StreamsOptions {
  readonly heartbeatMs: number;
  readonly buffer: number;
  readonly slowReader: "drop" | "close";
}

interface Reader {
  readonly stream: EventStream;
  readonly wants: (eventType: string) => boolean;
  readonly isLight: boolean;
}

/** How long a scrambler may hold what it has when nothing more is published, ms. */
const HOLD = 20;

export function createStreams(cluster: Cluster, options: StreamsOptions): Streams {
  const readers = new Set<Reader>();
  let isLosing = false;
  let isStalled = false;
  let chunkBytes: number | null = null;
  let scrambler: Scrambler<MarathonEvent> | null = null;
  let flushing: NodeJS.Timeout | undefined;

  const unsubscribe = cluster.subscribe((event) => {
    if (isLosing) return;
    if (scrambler === null) return deliver([event]);
    deliver(scrambler.push(event));
    clearTimeout(flushing);
    flushing = setTimeout(() => deliver(scrambler?.flush() ?? []), HOLD);
  });
  const unsubscribeFailover = cluster.onFailover(() => each((stream) => stream.end()));

  function deliver(events: readonly MarathonEvent[]): void {
    for (const event of events) deliverOne(event);
  }

  function deliverOne(event: MarathonEvent): void {
    let [heavy, light]: (string | undefined)[] = [];
    for (const { stream, wants, isLight } of readers) {
      if (!wants(event.eventType)) continue;
      if (isLight) light ??= frameOf(event.eventType, JSON.stringify(lightened(event)));
      else heavy ??= frameOf(event.eventType, JSON.stringify(event));
      stream.send((isLight ? light : heavy) ?? "");
    }
  }

  function each(act: (stream: EventStream) => void): void {
    for (const { stream } of readers) act(stream);
  }

  return {
    attach(request, response, query) {
      const types = new Set(cluster.traits.filtersEvents ? query.getAll("event_type") : []);
      const stream = openStream(response, {
        ...options,
        chunkBytes: () => chunkBytes,
        isStalled: () => isStalled,
      });
      const reader: Reader = {
        stream,
        wants: (eventType) => types.size === 0 || types.has(eventType),
        isLight: cluster.traits.lightPlans === "on request" && query.get("plan-format") === "light",
      };
      const remoteAddress = request.socket.remoteAddress ?? "";
      readers.add(reader);
      response.on("close", () => {
        if (!readers.delete(reader)) return;
        cluster.publish("event_stream_detached", { remoteAddress });
      });
      cluster.publish("event_stream_attached", { remoteAddress });
    },
    count: () => readers.size,
    held: () => [...readers].reduce((sum, { stream }) => sum + stream.held, 0),
    cut(how = "end") {
      const event = frameOf("status_update_event", JSON.stringify({ eventType: "status_update_event", taskId: "cut" }));
      if (how === "reset") each((stream) => stream.reset());
      else each((stream) => stream.end(how === "half" ? event.slice(0, event.length / 2) : undefined));
    },
    lose(value) {
      isLosing = value;
    },
    stall(value) {
      isStalled = value;
    },
    chunk(bytes) {
      chunkBytes = bytes;
    },
    write: (text) => each((stream) => stream.send(text)),
    unknownEvent: () => cluster.publish("event_of_tomorrow", { appId: "/tomorrow", nested: { of: ["any", "shape"] } }),
    hugeEvent: (bytes) =>
      cluster.publish("framework_message_event", {
        executorId: "huge",
        slaveId: "huge",
        message: Array.from({ length: Math.ceil(bytes / 4) }, () => 104),
      }),
    scramble(scrambling) {
      const late = scrambler?.flush() ?? [];
      scrambler = scrambling && createScrambler(scrambling);
      deliver(late);
    },
    [Symbol.dispose]() {
      clearTimeout(flushing);
      unsubscribe();
      unsubscribeFailover();
      each((stream) => stream.reset());
      readers.clear();
    },
  };
}

/** Without the whole root group twice. */
function lightened(event: MarathonEvent): object {
  const plan = event["plan"];
  if (typeof plan !== "object" || plan === null || Array.isArray(plan)) return event;
  const light = Object.fromEntries(Object.entries(plan).filter(([key]) => key !== "original" && key !== "target"));
  return { ...event, plan: light };
}
