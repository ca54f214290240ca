/** The demo without an engine: a recorded trace, told again to a real Muster that has only its embedded registry. */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { startMusterProcess } from "../test/lab/muster-process.ts";
import { until } from "../test/lab/wait.ts";
import { createBoard } from "./board.ts";
import { differences } from "./compare.ts";
import { apiPort, type NextAct } from "./live.ts";
import { embeddedView } from "./registry.ts";
import type { Screen } from "./screen.ts";
import { readTrace } from "./trace.ts";
import { watch } from "./watch.ts";

export interface ReplayParts {
  readonly screen: Screen;
  /** A temporary folder. */
  readonly folder: string;
  readonly isOnce: boolean;
  readonly next: NextAct;
}

/** Beside the source, two folders up from the build. */
const file = fileURLToPath(new URL("../../demo/trace.jsonl", import.meta.url));

/** Of the recording's own; 1 lets people follow. */
const SPEED = 1;
/** On top of the recording's own length, ms. */
const PATIENCE_MS = 10_000;

/** @returns whether the embedded registry has, at the end, what the trace ends with */
export async function playTrace({ screen, folder, isOnce, next }: ReplayParts, signal: AbortSignal): Promise<boolean> {
  const trace = readTrace(await readFile(file, "utf8"));
  const config = {
    sources: { replay: { file, speed: SPEED } },
    registries: { embedded: {} },
    node: { id: "demo", address: "192.0.2.1" },
  };
  await using muster = await startMusterProcess({ config, folder, port: await apiPort(), signal });
  screen.say(`Look: ${muster.url}/ is Muster's status page, live.`);
  screen.say(`Explore: Muster ${muster.url}/v1/instances`);
  screen.say(
    `This is a recording, and no engine: next, ${Math.round(trace.length / SPEED / 1000)} s of demo/trace.jsonl.`,
  );
  const view = embeddedView(muster.url);
  screen.registry = view.name;
  const board = createBoard("recorded");
  for (const { task, service } of trace.tasks)
    board.onEvent({ at: 0, action: "recorded", id: task, name: task.slice(0, 12), labels: { "muster.name": service } });
  const isOver = new AbortController();
  const running = AbortSignal.any([signal, muster.ended, isOver.signal]);
  const watching = watch({ view, board, screen, period: () => 20 }, running);
  try {
    let found: readonly string[] = [];
    const isEqual = async (): Promise<boolean> => {
      found = differences(trace.atEnd, await view.entries(running), view.name);
      return found.length === 0 && (await isTold(muster.url, trace.facts, running));
    };
    const timeoutMs = trace.length / SPEED + PATIENCE_MS;
    await until(isEqual, { timeoutMs, everyMs: 100, what: "the end of the trace", signal: running }).catch(() => {
      running.throwIfAborted();
    });
    for (const failure of found) screen.problem(`differs: ${failure}`);
    if (found.length === 0)
      screen.say(`Equal: ${view.name} has the ${trace.atEnd.length} containers that the trace ends with.`);
    const stay = async (): Promise<void> => {
      if (isOnce) return;
      screen.say("Muster stays up to explore. Next: Ctrl-C ends it.");
      if (!running.aborted) await once(running, "abort");
    };
    return (await next(stay, running)) && found.length === 0;
  } finally {
    isOver.abort(new Error("the demo is over"));
    await watching;
    screen.close();
  }
}

const Sources = v.object({ sources: v.array(v.object({ facts: v.number() })) });

/** Whether the replay source has told all: the registry could be right for a moment in the middle as well. */
async function isTold(url: string, facts: number, signal: AbortSignal): Promise<boolean> {
  const { sources } = v.parse(Sources, await (await fetch(`${url}/v1/sources`, { signal })).json());
  return sources.some((source) => source.facts >= facts);
}
