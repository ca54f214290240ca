/** What a worker is told: by one manager's Muster at a time, the next one when that ends. */
import type { Connections } from "../../connections.ts";
import { messageOf } from "../../failure.ts";
import type { Secret } from "../../secret.ts";
import { pause, retryDelay } from "../waiting.ts";
import type { Said } from "./feed.ts";
import type { Fallback } from "./following.ts";
import { ManagerError, remoteFacts } from "./remote.ts";

export interface WorkerOptions {
  /** Whose facts: this node's id in the swarm; null: everybody's. */
  readonly node: string | null;
  /** null: none is configured, so that nobody can be asked. */
  readonly secret: Secret | null;
  readonly connections: Connections;
  /** Base URLs of the managers' Musters as known at present. */
  managers(): Promise<readonly string[]>;
  readonly fallback: Fallback;
  /** In [0, 1). */
  random(): number;
}

const NO_SECRET =
  "swarm: a worker is told service labels and what is about to stop by a manager's Muster: set sources.swarm.secretFile on all of them";

/** Goes on until `signal` aborts; while nobody answers, what was said stays. */
export async function* fromManagers(options: WorkerOptions, signal: AbortSignal): AsyncGenerator<Said> {
  const { fallback, random } = options;
  let last: string | null = null;
  let failures = 0;
  while (!signal.aborted) {
    const errors: string[] = [];
    const urls = shuffled(await managersOf(options, errors), random);
    // The one that just ended is asked last.
    const told = yield* fromFirst([...urls.filter((url) => url !== last), ...urls.filter((url) => url === last)]);
    if (signal.aborted) return;
    last = told;
    failures = told === null ? failures + 1 : 0;
    if (told === null) yield disconnected(errors);
    yield* fallback.take();
    await pause(Math.min(retryDelay(Math.max(failures, 1), random), fallback.dueIn()), signal);
    yield* fallback.take();

    /** @returns the one that told something, until it ended; null: none did */
    async function* fromFirst(candidates: readonly string[]): AsyncGenerator<Said, string | null> {
      for (const url of candidates) {
        if ((yield* fromOne(url, options, errors, signal)) === "told") return url;
        if (signal.aborted) return null;
        yield* fallback.take();
      }
      return null;
    }
  }
}

async function managersOf({ secret, managers }: WorkerOptions, errors: string[]): Promise<readonly string[]> {
  if (secret === null) {
    errors.push(NO_SECRET);
    return [];
  }
  const urls = await managers();
  if (urls.length === 0) errors.push("swarm: the engine names no manager: set sources.swarm.managers");
  return urls;
}

async function* fromOne(
  url: string,
  { node, secret, connections }: WorkerOptions,
  errors: string[],
  signal: AbortSignal,
): AsyncGenerator<Said, "told" | "failed"> {
  let outcome: "told" | "failed" = "failed";
  try {
    const value = secret?.read() ?? "";
    for await (const said of remoteFacts({ url, node, secret: value, connections }, signal)) {
      yield said;
      if (said.content.kind === "synced") outcome = "told";
    }
  } catch (error) {
    if (!signal.aborted) errors.push(reasonOf(error, secret));
  }
  return outcome;
}

function reasonOf(error: unknown, secret: Secret | null): string {
  try {
    // It may have been replaced in a way that its file does not show.
    if (error instanceof ManagerError && error.isRefused) secret?.read({ fresh: true });
  } catch {
    // That is said at the next attempt.
  }
  return messageOf(error);
}

function disconnected(errors: readonly string[]): Said {
  const all = errors.slice(0, 3).join("; ");
  const error = all.startsWith("swarm: ") ? all : `swarm: no manager's Muster gives its facts: ${all}`;
  return { content: { kind: "source", state: "disconnected", error }, via: "disconnected" };
}

/** So that not all workers ask one manager. */
function shuffled<T>(items: readonly T[], random: () => number): readonly T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
