/** Reads the event stream as fast as it comes; waits for nobody. */
import type { Readable } from "node:stream";
import { MarathonError, unreachable } from "./errors.ts";
import type { MarathonEvent } from "./event.ts";
import { readEvent } from "./events.ts";
import { createSseReader } from "./sse.ts";

export interface FollowingOptions {
  /** Name of the source, and the server, for messages. */
  readonly name: string;
  readonly base: string;
  /** Longest silence, ms: Marathon sends a heart-beat every 10 s. */
  readonly idle: number;
  /** Longest event, in characters. */
  readonly maxEvent: number;
  onEvent(event: MarathonEvent): void;
  /** Something could not be read, so something may have been missed. */
  onGarbage(why: string): void;
}

/** Never resolves: rejects with a `MarathonError` when the stream ends, breaks or falls silent. */
export function followStream(body: Readable, options: FollowingOptions): Promise<never> {
  const { name, base, idle, maxEvent, onEvent, onGarbage } = options;
  const reader = createSseReader(
    (type, data) => {
      const event = readEvent(type, data);
      if (typeof event === "string") onGarbage(event);
      else onEvent(event);
    },
    () => onGarbage(`an event longer than ${maxEvent} characters`),
    maxEvent,
  );
  return new Promise((_resolve, reject) => {
    const silence = setTimeout(fail, idle, `no heart-beat within ${idle} ms`);
    function fail(why: string, cause?: unknown): void {
      clearTimeout(silence);
      body.destroy();
      reject(cause === undefined ? new MarathonError(`${name}: ${base}: ${why}`) : unreachable(name, base, cause));
    }
    body.on("data", (chunk: Buffer) => {
      silence.refresh();
      try {
        reader.push(chunk);
      } catch (error) {
        // A fault of ours; it must not be lost in the stream's own error handling.
        clearTimeout(silence);
        reject(error);
      }
    });
    body.on("error", (error) => fail("broken", error));
    body.once("close", () => fail("it closed the event stream – has it lost the leadership, or stopped?"));
  });
}
