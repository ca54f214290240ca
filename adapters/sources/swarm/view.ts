/**
 * What this node's engine knows of the swarm: its own role, and, as long as it is a manager, everything. One for all
 * that ask; it looks for as long as somebody does.
 */
import type { AdapterContext } from "../../../src/model.ts";
import { messageOf } from "../../failure.ts";
import { openEngine } from "../docker/client.ts";
import type { DockerOptions } from "../docker/options.ts";
import { createBell, pause, retryDelay } from "../waiting.ts";
import { followManager, type Pace } from "./manager.ts";
import type { Reading } from "./reading.ts";
import { type Role, readRole } from "./shapes.ts";

export interface ViewState {
  /** null: the engine has not told yet. */
  readonly role: Role | null;
  /** The last look at the swarm; null without one since this node is a manager. */
  readonly reading: Reading | null;
  /** Why the engine, or the swarm behind it, does not answer at present; null: it does. */
  readonly error: string | null;
  /** Since when there has been an error, ms since the epoch; null: there is none. */
  readonly failingSince: number | null;
}

export interface View {
  state(): ViewState;
  /**
   * Calls back after each change. The first subscriber starts it.
   * @returns ends the subscription; resolves, for the last one, when nothing is open any more
   */
  subscribe(listener: () => void): () => Promise<void>;
  /** Looks at everything soon. */
  refresh(): void;
}

export interface ViewOptions {
  readonly docker: DockerOptions;
  readonly context: Pick<AdapterContext, "now" | "random" | "log">;
  readonly pace: Pace;
  /** Between two looks at the role of a node that is no manager: no event tells of a promotion; ms. */
  readonly rolePeriod: number;
}

const INITIAL: ViewState = { role: null, reading: null, error: null, failingSince: null };
/** Without a leader a manager does not answer at all for a while: then it is asked anew, since there may be one now. ms */
const ANSWER_MS = 5_000;
/** Repeats of one failure are logged this seldom. */
const LOG_EVERY = 20;

export function createView(options: ViewOptions): View {
  const { now, random, log } = options.context;
  const listeners = new Set<() => void>();
  const wanted = createBell();
  let state = INITIAL;
  let running: { readonly stop: AbortController; readonly ended: Promise<void> } | null = null;

  return {
    state: () => state,
    subscribe(listener) {
      // Each subscription is one of its own, also of one listener.
      const own = () => listener();
      listeners.add(own);
      running ??= start();
      return () => unsubscribe(own);
    },
    refresh: () => wanted.ring(),
  };

  function start() {
    const stop = new AbortController();
    return { stop, ended: run(stop.signal) };
  }

  async function unsubscribe(listener: () => void): Promise<void> {
    listeners.delete(listener);
    if (listeners.size > 0 || running === null) return;
    const { stop, ended } = running;
    running = null;
    stop.abort(new Error("nobody asks for the swarm"));
    await ended;
    if (running === null) state = INITIAL;
  }

  function publish(next: Partial<ViewState>): void {
    state = { ...state, ...next };
    for (const listener of [...listeners]) listener();
  }

  async function run(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      try {
        await look(signal, () => {
          failures = 0;
        });
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        failed(error, failures);
        await pause(retryDelay(failures, random), signal);
      }
    }
  }

  function failed(error: unknown, failures: number): void {
    const message = `swarm: ${messageOf(error).replace(/^(?:docker|swarm): /, "")}`;
    const fields = { error: message, failures };
    if (failures % LOG_EVERY === 1) log.warn(fields, "swarm not read, trying on");
    else log.debug(fields, "swarm still not read");
    publish({ error: message, failingSince: state.failingSince ?? now() });
  }

  /** One connection: until it fails, or a while later if there is nothing to follow. */
  async function look(signal: AbortSignal, onAnswer: () => void): Promise<void> {
    const engine = await openEngine({
      ...options.docker,
      timeout: Math.min(options.docker.timeout || ANSWER_MS, ANSWER_MS),
    });
    try {
      const role = readRole(await engine.info(signal));
      takeRole(role);
      if (role.kind !== "manager") {
        onAnswer();
        // Shortened by up to 20 %, so that many Musters spread out.
        return await wanted.wait(options.rolePeriod * (1 - 0.2 * random()), signal);
      }
      await followManager(
        {
          ...{ engine, wanted, now, pace: options.pace, host: options.docker.host },
          onReading(reading, isNew) {
            onAnswer();
            if (isNew || state.error !== null || state.reading === null)
              publish({ reading, error: null, failingSince: null });
          },
        },
        signal,
      );
    } finally {
      engine.close();
    }
  }

  function takeRole(role: Role): void {
    const isKnown = JSON.stringify(role) === JSON.stringify(state.role);
    // What a manager knew is kept over a fault, but not over a change of its role.
    if (role.kind === "manager") {
      if (!isKnown) publish({ role, reading: null });
    } else if (!isKnown || state.error !== null) publish({ role, reading: null, error: null, failingSince: null });
  }
}
