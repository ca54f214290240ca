import type { Clock } from "../../../src/clock.ts";
import type { Term } from "../../../src/leadership.ts";
import type { Logger } from "../../../src/model.ts";
import { messageOf } from "../../failure.ts";
import type { Watch } from "./standing.ts";

/** Between two looks, ms. */
export const LOOK_MS = 1_000;

export interface TermOptions {
  readonly watch: Watch;
  readonly clock: Clock;
  /** How long after the last proof the term lasts, ms. */
  readonly lease: number;
  /** When the proof that it leads was asked for, by the clock. */
  readonly provenAt: number;
  readonly log: Logger;
}

/** The swarm's leader as long as that can be proven. Disposing of it closes the watch. */
export function holdTerm({ watch, clock, lease, provenAt, log }: TermOptions): Term {
  const over = new AbortController();
  const resigned = new AbortController();
  let cancel = expireAfter(provenAt);
  const watching = keepWatching();

  function expireAfter(proof: number): () => void {
    const why = `leadership of the swarm could not be proven for ${lease} ms`;
    return clock.after(Math.max(0, proof + lease - clock.now()), () => over.abort(new Error(why)));
  }

  async function keepWatching(): Promise<void> {
    while (await isNextDue(clock, resigned.signal)) {
      const asked = clock.now();
      const verdict = await prove(watch, log, resigned.signal);
      if (over.signal.aborted) return;
      if (verdict === "lost") over.abort(new Error("another node is the swarm's leader now"));
      if (verdict !== "proven") continue;
      cancel();
      cancel = expireAfter(asked);
    }
  }

  return {
    signal: over.signal,
    async [Symbol.asyncDispose]() {
      resigned.abort(new Error("the term is over"));
      await watching;
      cancel();
      watch.close();
      over.abort(new Error("resigned"));
    },
  };
}

/** What another election gave while this engine was in no swarm; over when it has joined one. */
export function holdOutside(watch: Watch, term: Term, clock: Clock, log: Logger): Term {
  const over = new AbortController();
  const resigned = new AbortController();
  const forward = () => over.abort(term.signal.reason);
  term.signal.addEventListener("abort", forward, { once: true });
  if (term.signal.aborted) forward();
  const watching = keepWatching();

  async function keepWatching(): Promise<void> {
    while (await isNextDue(clock, resigned.signal)) {
      const standing = await standingOf(watch, log, resigned.signal);
      // An engine that does not answer is no sign of anything.
      if (standing !== null && standing !== "outside") over.abort(new Error("this engine has joined a swarm"));
    }
  }

  return {
    signal: over.signal,
    async [Symbol.asyncDispose]() {
      resigned.abort(new Error("the term is over"));
      await watching;
      watch.close();
      term.signal.removeEventListener("abort", forward);
      await term[Symbol.asyncDispose]();
      over.abort(new Error("resigned"));
    },
  };
}

async function isNextDue(clock: Clock, signal: AbortSignal): Promise<boolean> {
  await clock.wait(LOOK_MS, signal).catch(() => {});
  return !signal.aborted;
}

async function prove(watch: Watch, log: Logger, signal: AbortSignal): Promise<"proven" | "unproven" | "lost"> {
  const standing = await standingOf(watch, log, signal);
  if (standing === "leader") return "proven";
  return standing === null || standing === "cut off" ? "unproven" : "lost";
}

/** @returns null without an answer */
async function standingOf(watch: Watch, log: Logger, signal: AbortSignal) {
  try {
    return (await watch.look(signal)).standing;
  } catch (error) {
    if (!signal.aborted) log.debug({ error: messageOf(error) }, "leadership not proven");
    return null;
  }
}
