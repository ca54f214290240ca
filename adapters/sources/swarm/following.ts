/** What a manager's own view says, for one listener: level-triggered, so a slow one misses steps but not where they led. */
import { createBell } from "../waiting.ts";
import type { Audience } from "./facts.ts";
import { createFeed, type Said } from "./feed.ts";
import type { Reading } from "./reading.ts";
import type { View, ViewState } from "./view.ts";

export interface FollowOptions {
  readonly audience: Audience;
  /** Period of full listings, ms; 0: none. */
  readonly resync: number;
  now(): number;
  random(): number;
  /** What has to be said although there is nothing to tell. */
  readonly fallback?: Fallback;
}

/** For a listener that can't wait for ever for a first listing. */
export interface Fallback {
  /** ms until it is due; Infinity: it is not needed (any more). */
  dueIn(): number;
  /** @returns nothing unless it is due */
  take(): readonly Said[];
}

/** Goes on until `signal` aborts; while the view has an error, what was said stays. */
export async function* follow(view: View, options: FollowOptions, signal: AbortSignal): AsyncGenerator<Said> {
  const { fallback } = options;
  const bell = createBell();
  const unsubscribe = view.subscribe(bell.ring);
  const teller = createTeller(options);
  try {
    while (!signal.aborted) {
      const state = view.state();
      yield* connection(state);
      yield* teller.tell(state);
      yield* fallback?.take() ?? [];
      await bell.wait(Math.min(teller.dueIn(), fallback?.dueIn() ?? Number.POSITIVE_INFINITY), signal);
    }
  } finally {
    await unsubscribe();
  }
}

/** Tells what is new, and everything now and then. */
function createTeller({ audience, resync, now, random }: FollowOptions) {
  const feed = createFeed(audience);
  let told: Reading | null = null;
  let isFailing = false;
  /** When the next full listing is due. */
  let due = Number.NEGATIVE_INFINITY;

  function tell({ reading, error }: ViewState): readonly Said[] {
    isFailing = reading === null || error !== null;
    if (reading === null || error !== null) return [];
    const isDue = now() >= due;
    if (isDue) due = resync === 0 ? Number.POSITIVE_INFINITY : now() + resync * (1 - 0.2 * random());
    if (!isDue && reading === told) return [];
    told = reading;
    return isDue ? feed.listing(reading) : feed.changes(reading);
  }

  return {
    tell,
    /** ms until there is something to tell that no change of the view announces. */
    dueIn: () => (isFailing ? Number.POSITIVE_INFINITY : due - now()),
  };
}

function connection({ reading, error }: ViewState): readonly Said[] {
  if (error !== null) return [{ content: { kind: "source", state: "disconnected", error }, via: "disconnected" }];
  if (reading === null) return [];
  return [{ content: { kind: "source", state: "connected", error: null }, via: "connected" }];
}
