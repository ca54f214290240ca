/** One open event stream as Jetty writes it: CR LF, one-line JSON, a heart-beat in two segments (facts/marathon.md §1). */
import type { ServerResponse } from "node:http";
import { setImmediate } from "node:timers/promises";

export interface EventStream {
  /** Events that wait for the reader. */
  readonly held: number;
  /** @param frame one event with its empty line, or anything else to be written whole */
  send(frame: string): void;
  /** Ends it, after `last` if given. */
  end(last?: string): void;
  /** Breaks the connection. */
  reset(): void;
}

export interface StreamOptions {
  /** ms between heart-beats */
  readonly heartbeatMs: number;
  /** Events held for a reader that takes nothing. */
  readonly buffer: number;
  /** What becomes of it when they are more. */
  readonly slowReader: "drop" | "close";
  /** Bytes per write; null: an event at once. Asked for each event. */
  readonly chunkBytes: () => number | null;
  /** While true nothing is written, heart-beats neither, and what is sent is lost. */
  readonly isStalled: () => boolean;
}

/** Splits only what is on its way, never CR from LF by chance: a fault asks for that. */
function pieces(frame: string, bytes: number | null): readonly Uint8Array[] {
  const all = Buffer.from(frame);
  if (bytes === null) return [all];
  const count = Math.ceil(all.length / bytes);
  return Array.from({ length: count }, (_, index) => all.subarray(index * bytes, (index + 1) * bytes));
}

/** How long a reader may take nothing before its buffer is bounded, ms. */
const PATIENCE = 50;

const HEARTBEAT = [Buffer.from("\r"), Buffer.from("\n")] as const;

export function openStream(response: ServerResponse, options: StreamOptions): EventStream {
  let queue: (readonly Uint8Array[])[] = [];
  let isPumping = false;
  let isStuck = false;
  let isClosed = false;
  const beat = setInterval(() => enqueue(HEARTBEAT), options.heartbeatMs);

  // No Content-Length and no chunks: the body ends with the connection.
  response.removeHeader("transfer-encoding");
  response.writeHead(200, { "content-type": "text/event-stream;charset=utf-8", connection: "close" });
  response.flushHeaders();
  response.socket?.setNoDelay(true);
  response.on("close", close);

  function close(): void {
    isClosed = true;
    clearInterval(beat);
    queue = [];
  }

  function enqueue(frame: readonly Uint8Array[]): void {
    if (isClosed || options.isStalled()) return;
    queue.push(frame);
    if (isStuck) overflow();
    if (!isPumping) void pump();
  }

  function overflow(): void {
    if (queue.length <= options.buffer) return;
    if (options.slowReader === "close") response.destroy();
    else queue.length = options.buffer;
  }

  async function pump(): Promise<void> {
    isPumping = true;
    try {
      for (let frame = queue.shift(); frame !== undefined && !isClosed; frame = queue.shift()) await write(frame);
    } finally {
      isPumping = false;
    }
  }

  async function write(frame: readonly Uint8Array[]): Promise<void> {
    for (const [index, piece] of frame.entries()) {
      // A turn of the loop between two writes makes them two segments.
      if (index > 0) await setImmediate();
      if (isClosed) return;
      if (!response.write(piece)) await drained();
    }
  }

  /** Only a reader that takes nothing for a while is slow: a burst at one moment is no fault of its. */
  async function drained(): Promise<void> {
    const patience = setTimeout(() => {
      isStuck = true;
      overflow();
    }, PATIENCE);
    await new Promise<void>((resolve) => {
      const done = (): void => {
        response.off("drain", done).off("close", done);
        resolve();
      };
      response.on("drain", done).on("close", done);
    });
    clearTimeout(patience);
    isStuck = false;
  }

  return {
    get held() {
      return queue.length;
    },
    send: (frame) => enqueue(pieces(frame, options.chunkBytes())),
    end(last) {
      clearInterval(beat);
      isClosed = true;
      response.end(last);
    },
    reset: () => void response.destroy(),
  };
}

export function frameOf(eventType: string, data: string): string {
  return `event: ${eventType}\r\ndata: ${data}\r\n\r\n`;
}
