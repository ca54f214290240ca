/**
 * One connection to a manager's engine. Events only say that something has changed, so that neither copies from other
 * managers nor old ones replayed after a restart matter; what holds is read. Tasks have no events, so they are polled:
 * often while something changes, since a task that must stop gets its signal 1 to 3 s after it was decided
 * (facts/docker-swarm.md §2), else seldom.
 */
import type { Readable } from "node:stream";
import type { Engine } from "../docker/client.ts";
import { EngineError, toEngineError } from "../docker/errors.ts";
import { type Bell, pause } from "../waiting.ts";
import { isUpdating, type Reading, readAll, readTasksOnly, signatureOf } from "./reading.ts";

/** ms. For tests; the defaults are right. */
export interface Pace {
  /** Between two looks at the tasks while something changes. @default 300 */
  readonly busy: number;
  /** Between two looks at everything when nothing does. @default 5000 */
  readonly idle: number;
  /** How long after the last change it counts as changing. @default 20000 */
  readonly calm: number;
  /** From an event to the look that it leads to, so that events that come together cost one. @default 20 */
  readonly gather: number;
  /** Between two looks that events lead to, at least. @default 100 */
  readonly gap: number;
}

export const PACE: Pace = { busy: 300, idle: 5_000, calm: 20_000, gather: 20, gap: 100 };

export interface Following {
  readonly engine: Engine;
  readonly host: string;
  readonly pace: Pace;
  /** Rung when a look is wanted at once. */
  readonly wanted: Bell;
  now(): number;
  /** Told of each look; `isNew` if it differs from the one before. */
  onReading(reading: Reading, isNew: boolean): void;
}

/** Never resolves: rejects with an `EngineError` when the connection is of no more use, or on abort. */
export async function followManager(following: Following, signal: AbortSignal): Promise<never> {
  const scope = new AbortController();
  const stop = () => scope.abort(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    const stream = await following.engine.swarmEvents(scope.signal);
    const news = createNews(following);
    return await Promise.race([hear(stream, following, news), keepReading(following, news, scope.signal)]);
  } finally {
    signal.removeEventListener("abort", stop);
    scope.abort(new Error("the manager's session is over"));
  }
}

/** Whether something has happened since it was last looked at. */
interface News {
  heard(): void;
  /** @returns whether there are any; none are left */
  take(): boolean;
}

function createNews({ wanted }: Following): News {
  // The engine answers before it subscribes: a second look soon after the first closes that gap.
  let count = 2;
  return {
    heard() {
      count = 1;
      wanted.ring();
    },
    take() {
      const some = count > 0;
      count = Math.max(0, count - 1);
      return some;
    },
  };
}

/** What an event says is not even read: any byte means that something has changed. */
function hear(stream: Readable, { host }: Following, news: News): Promise<never> {
  return new Promise((_resolve, reject) => {
    stream.on("data", news.heard);
    stream.on("error", (error) => reject(toEngineError(error, host)));
    stream.once("close", () =>
      reject(new EngineError(`docker: ${host} closed the event stream – did the engine stop?`)),
    );
  });
}

async function keepReading(following: Following, news: News, signal: AbortSignal): Promise<never> {
  const { engine, pace, wanted, now, onReading } = following;
  let held: { reading: Reading; signature: string } | null = null;
  let changedAt = now();
  let wholeAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    const began = now();
    const hasNews = news.take();
    const isWhole = held === null || hasNews || began - wholeAt >= pace.idle;
    const reading: Reading =
      held === null || isWhole ? await readAll(engine, signal) : await readTasksOnly(engine, held.reading, signal);
    signal.throwIfAborted();
    if (isWhole) wholeAt = began;
    const signature = signatureOf(reading);
    const isNew = signature !== held?.signature;
    held = { reading, signature };
    if (isNew || hasNews) changedAt = began;
    onReading(reading, isNew);
    const isBusy = isUpdating(reading) || now() - changedAt < pace.calm;
    // A swarm so large that reading it takes long is not read all the time.
    const rest = Math.max(pace.busy, 3 * (now() - began));
    await wanted.wait(isBusy ? rest : wholeAt + pace.idle - now(), signal);
    await pause(Math.max(pace.gather, began + pace.gap - now()), signal);
  }
}
