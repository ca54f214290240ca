/**
 * Keeps the store equal to what Muster knows, as Muster does with its own sources: subscribe first, then list, then
 * apply changes; list again after each reconnect, and when a registry may have changed without a word.
 */
import type { InstanceView } from "../../../src/http/view.ts";
import { get, open, TokenError } from "./api.ts";
import { messageOf, pause } from "./pause.ts";
import { createPolls, type Polls } from "./polls.ts";
import { createParser, type ServerEvent } from "./sse.ts";
import type { Store } from "./store.ts";

/** The server sends something every 15 s. */
const SILENCE_MS = 40_000;
const RETRY_MS = { least: 500, most: 10_000 };

/** Runs until `signal` aborts, or the API wants a token that it is not given. */
export async function follow(store: Store, signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      await connect(store, signal, () => {
        failures = 0;
      });
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof TokenError) return store.set({ connection: "locked", error: error.message });
      store.set({ connection: "lost", error: messageOf(error) });
    }
    await pause(Math.min(RETRY_MS.most, RETRY_MS.least * 2 ** failures), signal);
  }
}

/** Rejects when the connection ends, for whatever reason. */
async function connect(store: Store, signal: AbortSignal, onLive: () => void): Promise<void> {
  const end = new AbortController();
  const running = AbortSignal.any([signal, end.signal]);
  const watchdog = createWatchdog(() => end.abort(new Error("Muster has been silent for too long")));
  try {
    const stream = await open("/v1/events", running);
    const polls = createPolls(store, running);
    const relist = () => polls.ask(() => list(store, running));
    const ended = read(stream, watchdog.feed, (event) => take(event, store, polls, relist));
    await Promise.race([ended, Promise.all([list(store, running), polls.now()])]);
    store.set({ connection: "live", error: null });
    onLive();
    await Promise.race([ended, polls.run(relist)]);
  } finally {
    watchdog.stop();
    end.abort();
  }
}

async function list(store: Store, signal: AbortSignal): Promise<void> {
  await store.list(async () => {
    const { instances } = await get<{ readonly instances: readonly InstanceView[] }>("/v1/instances", signal);
    return instances;
  });
}

function take({ event, data }: ServerEvent, store: Store, polls: Polls, relist: () => void): void {
  if (event === "instance") store.change(JSON.parse(data) as InstanceView);
  // A registry that fails, or is back, may have changed any of its entries.
  if (event === "registry") relist();
  polls.wake();
}

async function read(stream: Response, feed: () => void, take: (event: ServerEvent) => void): Promise<never> {
  const parse = createParser();
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const piece = await reader?.read();
    if (piece === undefined || piece.done) throw new Error("Muster has ended the connection");
    feed();
    for (const event of parse(piece.value)) take(event);
  }
}

function createWatchdog(bark: () => void): { feed(): void; stop(): void } {
  let timer = setTimeout(bark, SILENCE_MS);
  return {
    feed() {
      clearTimeout(timer);
      timer = setTimeout(bark, SILENCE_MS);
    },
    stop: () => clearTimeout(timer),
  };
}
