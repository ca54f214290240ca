/** The demo on a real engine. */
import { once } from "node:events";
import { join } from "node:path";
import { watchEngine } from "../test/lab/engine-events.ts";
import type { ConsulHost, DockerHost } from "../test/lab/host.ts";
import { type MusterProcess, startMusterProcess } from "../test/lab/muster-process.ts";
import { freePorts } from "../test/lab/ports.ts";
import { until } from "../test/lab/wait.ts";
import { type Board, createBoard } from "./board.ts";
import { differences, expectedOf } from "./compare.ts";
import { createContainers, LABEL, removeLeftovers } from "./containers.ts";
import { addressOf } from "./environment.ts";
import { provideImage } from "./image.ts";
import { record } from "./record.ts";
import { CLUSTER, consulView, embeddedView, type RegistryView } from "./registry.ts";
import type { Screen } from "./screen.ts";
import { play } from "./story.ts";
import { registerStranger, type Stranger } from "./stranger.ts";
import { watch } from "./watch.ts";

/**
 * What follows when a story is over, while all of it is up. Calls `stay` at its end, to wait for whoever wants to look round.
 * @returns whether it went as it should
 */
export type NextAct = (stay: () => Promise<void>, running: AbortSignal) => Promise<boolean>;

export interface LiveParts {
  readonly engine: DockerHost;
  readonly consul: ConsulHost | null;
  readonly screen: Screen;
  /** A temporary folder. */
  readonly folder: string;
  /** Ends when the story is over, in place of staying up. */
  readonly isOnce: boolean;
  /** Where to record the engine's facts; null: nowhere. */
  readonly recordTo: string | null;
  readonly next: NextAct;
}

/** During the story, and later on, ms. */
const LOOK_OFTEN = 2;
const LOOK_SELDOM = 50;

/** @returns whether all came to be as it should */
export async function playLive(parts: LiveParts, signal: AbortSignal): Promise<boolean> {
  const { engine, consul, screen, folder } = parts;
  const address = await addressOf(engine);
  await removeLeftovers(engine);
  screen.say("Next: an image for the sample services, somebody else's service in Consul, and Muster.");
  await using stranger = consul === null ? null : await registerStranger(consul, "web", signal);
  await using muster = await startMusterProcess({
    config: configOf(parts, address),
    folder,
    port: await apiPort(),
    signal,
  });
  const image = await provideImage(engine, signal);
  const containers = createContainers(engine, image, signal);
  await using _cleanup = cleanup(parts, image.ours ? image.name : null, containers.removeAll);
  screen.say(addresses(muster, parts));
  if (consul === null) screen.say("Without a Consul, the table shows what Muster's embedded registry has.");

  const view = consul === null ? embeddedView(muster.url) : consulView(consul);
  screen.registry = view.name;
  const board = createBoard();
  const isOver = new AbortController();
  const running = AbortSignal.any([signal, muster.ended, isOver.signal]);
  using _events = await watchEngine(engine.host, LABEL, board.onEvent);
  const recording = parts.recordTo === null ? null : record(engine.host, parts.recordTo, running);
  let period = LOOK_OFTEN;
  const watching = watch({ view, board, screen, period: () => period }, running);
  try {
    const isFine = await tell({ ...parts, muster, address, view, board, stranger, containers }, running);
    period = LOOK_SELDOM;
    const stay = async (): Promise<void> => {
      if (!parts.isOnce) await stayUp(screen, running);
    };
    return (await parts.next(stay, running)) && isFine;
  } finally {
    if (muster.ended.aborted) screen.problem(`Muster has ended; its log: ${muster.logFile}`);
    isOver.abort(new Error("the demo is over"));
    await Promise.all([watching, recording]);
    screen.close();
  }
}

interface Stage extends LiveParts {
  readonly muster: MusterProcess;
  readonly address: string;
  readonly view: RegistryView;
  readonly board: Board;
  readonly stranger: Stranger | null;
  readonly containers: ReturnType<typeof createContainers>;
}

async function tell(stage: Stage, signal: AbortSignal): Promise<boolean> {
  const { screen, containers, board, view } = stage;
  const pause = screen.isTerminal ? 1500 : 0;
  const failures = await play({ containers, board, screen, pause }, signal);
  screen.say(`Next: compare what runs (docker ps, docker inspect) with what ${view.name} has.`);
  const found = [...failures, ...(await compared(stage, signal))];
  for (const failure of found) screen.problem(`differs: ${failure}`);
  if (found.length === 0) screen.say(await verdict(stage, signal));
  return found.length === 0;
}

/** What still differs when it has had time to become equal. */
async function compared({ engine, view, address, stranger }: Stage, signal: AbortSignal): Promise<readonly string[]> {
  let found: readonly string[] = [];
  const isEqual = async (): Promise<boolean> => {
    const [expected, entries] = await Promise.all([expectedOf(engine, address, signal), view.entries(signal)]);
    const touched = stranger === null ? null : await stranger.difference(signal);
    found = [...differences(expected, entries, view.name), ...(touched === null ? [] : [touched])];
    return found.length === 0;
  };
  await until(isEqual, { timeoutMs: 5000, everyMs: 100, what: "equality", signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    // It could not even be compared.
    if (found.length === 0) throw error;
  });
  return found;
}

async function verdict({ view, board, stranger }: Stage, signal: AbortSignal): Promise<string> {
  const count = (await view.entries(signal)).length;
  const slowest = (passages: readonly ({ readonly ms: number } | null)[]): number =>
    Math.round(Math.max(0, ...passages.flatMap((passage) => passage?.ms ?? [])));
  const came = slowest(board.rows().map((row) => row.came));
  const went = slowest(board.rows().map((row) => row.went));
  const untouched = stranger === null ? "" : ` Somebody else's service (${stranger.id}) is untouched.`;
  return `Equal: ${count} containers are fit for traffic, and ${view.name} has exactly these. In after at most ${came} ms, out after at most ${went} ms.${untouched}`;
}

async function stayUp(screen: Screen, running: AbortSignal): Promise<void> {
  screen.say(
    "All stays up to explore: docker stop demo-web-3, say. Next: Ctrl-C removes everything the demo has started.",
  );
  if (!running.aborted) await once(running, "abort");
}

function configOf({ engine, consul }: LiveParts, address: string): Readonly<Record<string, unknown>> {
  return {
    cluster: CLUSTER,
    node: { address },
    // Only what has a muster.name: on somebody's own engine there may be other containers.
    sources: { docker: { host: engine.host, expose: "labelled" } },
    registries: { embedded: {}, ...(consul === null ? {} : { consul: { url: consul.url } }) },
    policy: { onExit: consul?.ours === false ? "deregister" : "keep" },
  };
}

function addresses(muster: MusterProcess, { engine, consul, folder }: LiveParts): string {
  const servers = consul === null ? "" : `   Consul ${consul.url}/ui (${consul.why})`;
  return [
    `Look: ${muster.url}/ is Muster's status page, live.`,
    `Explore: Muster ${muster.url}/v1/instances${servers}   DOCKER_HOST=${engine.host} (${engine.ours ? engine.why : "yours"})`,
    `Muster's configuration, log and audit log are in ${join(folder, "/")}`,
  ].join("\n");
}

/** Muster's usual port if it is free. */
export async function apiPort(): Promise<number> {
  const usual = 8590;
  const isTaken = await fetch(`http://127.0.0.1:${usual}/healthz`).then(
    () => true,
    () => false,
  );
  const [spare = usual] = isTaken ? await freePorts(1) : [];
  return spare;
}

function cleanup({ engine, screen }: LiveParts, image: string | null, removeAll: () => Promise<void>): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      screen.say("Next: all that the demo has started is stopped and removed.");
      // An engine of our own takes everything with it.
      if (engine.ours) return;
      await removeAll();
      if (image !== null) await engine.docker(["rmi", image]);
    },
  };
}
