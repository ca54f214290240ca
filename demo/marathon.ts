/** The demo's second act: the Mesos showcase's story on a simulated Marathon, told to a Muster of its own. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import type { ConsulHost } from "../test/lab/host.ts";
import type { Cluster } from "../test/lab/marathon/cluster.ts";
import { type Marathon, startMarathon } from "../test/lab/marathon/marathon.ts";
import type { TrueTask } from "../test/lab/marathon/truth.ts";
import type { MarathonEvent } from "../test/lab/marathon/world.ts";
import { type MusterProcess, startMusterProcess } from "../test/lab/muster-process.ts";
import { until } from "../test/lab/wait.ts";
import { ask } from "./ask.ts";
import { type Board, createBoard } from "./board.ts";
import { differences, type Expected } from "./compare.ts";
import { messageOf } from "./environment.ts";
import { apiPort } from "./live.ts";
import { APP, playMarathonStory, SERVICE_PORT, STEPS } from "./marathon-story.ts";
import { consulApi, consulView, embeddedView, type RegistryView } from "./registry.ts";
import type { Screen } from "./screen.ts";
import { sightingText } from "./table.ts";
import { watch } from "./watch.ts";

export interface MarathonParts {
  readonly screen: Screen;
  readonly consul: ConsulHost | null;
  /** A temporary folder. */
  readonly folder: string;
  /** What follows when the story is over, while all is still up. */
  stay(running: AbortSignal): Promise<void>;
}

/** Muster's `cluster` in this act: that of the first one is another's. */
const CLUSTER = "muster-demo-marathon";
/** Where the leader's lock is in Consul's KV store. */
const LOCK = `muster/${CLUSTER}/leader`;

/** From one step in a task's life to the next, ms: some 1 s from the order to TASK_RUNNING. */
const STEP_MS = 200;
/** Between two looks into the registry, during the story and later on, ms. */
const LOOK_OFTEN = 2;
const LOOK_SELDOM = 50;
/** What a demo that was killed leaves of its lock is waited out, ms. */
const LEADS_WITHIN_MS = 25_000;

/** @returns whether what was registered was, after each step, what ran */
export async function playMarathon(parts: MarathonParts, signal: AbortSignal): Promise<boolean> {
  const { screen, consul } = parts;
  screen.say(
    "Next: Marathon. It is simulated: real HTTP and server-sent events, over a virtual cluster of three agents.",
  );
  await using marathon = await startMarathon({ now: Date.now, stepMs: STEP_MS });
  let hasLed = false;
  await using _cleanup = lockCleanup(consul, screen, () => hasLed);
  await using muster = await startMuster(parts, marathon, signal);
  const running = AbortSignal.any([signal, muster.ended]);
  await listening(muster, running);
  hasLed = true;
  screen.say(`Look: ${muster.url}/ is the status page of Marathon's Muster, live.`);
  screen.say(
    `Explore: simulated Marathon ${marathon.urls[0]}/v2/apps   its Muster ${muster.url}/v1/instances   audit log ${join(parts.folder, "marathon", "audit.jsonl")}`,
  );
  try {
    return await tell(parts, marathon, muster, running);
  } finally {
    if (muster.ended.aborted) screen.problem(`Marathon's Muster has ended; its log: ${muster.logFile}`);
  }
}

async function startMuster(
  { consul, folder }: MarathonParts,
  marathon: Marathon,
  signal: AbortSignal,
): Promise<MusterProcess> {
  const own = join(folder, "marathon");
  await mkdir(own);
  const config = {
    cluster: CLUSTER,
    node: { address: "127.0.0.1" },
    sources: { marathon: { urls: marathon.urls } },
    // In Consul it also elects the leader, since Marathon is of no node.
    registries: { embedded: {}, ...(consul === null ? {} : { consul: { url: consul.url } }) },
    policy: { onExit: consul?.ours === false ? "deregister" : "keep" },
  };
  return startMusterProcess({ config, folder: own, port: await apiPort(), signal });
}

const Sources = v.object({ sources: v.array(v.object({ name: v.string(), state: v.string() })) });

/** Waits until Muster leads and hears Marathon. */
async function listening({ url }: MusterProcess, signal: AbortSignal): Promise<void> {
  let state = "unknown";
  const isHeard = async (): Promise<boolean> => {
    const { sources } = v.parse(Sources, JSON.parse((await ask(`${url}/v1/sources`, signal)).text));
    state = sources.find(({ name }) => name === "marathon")?.state ?? "unknown";
    return state === "connected";
  };
  const options = { timeoutMs: LEADS_WITHIN_MS, everyMs: 20, what: "Muster to hear Marathon", signal };
  await until(isHeard, options).catch((cause: unknown) => {
    signal.throwIfAborted();
    const advice = `end any other demo that uses this Consul, or let the token write ${LOCK} and sessions`;
    throw new Error(`Muster does not listen to Marathon (state: ${state}): ${advice}`, { cause });
  });
}

async function tell(
  { screen, consul, stay }: MarathonParts,
  { cluster }: Marathon,
  { url }: MusterProcess,
  signal: AbortSignal,
): Promise<boolean> {
  const view = consul === null ? embeddedView(url) : consulView(consul, CLUSTER);
  const board = createBoard("scheduled");
  const stopListening = cluster.subscribe(teller(board));
  const isOver = new AbortController();
  const running = AbortSignal.any([signal, isOver.signal]);
  let period = LOOK_OFTEN;
  const watching = watch({ view, board, screen: inLines(screen, view.name), period: () => period }, running);
  try {
    const found = await playMarathonStory(
      {
        cluster,
        screen,
        pause: screen.isTerminal ? 1500 : 0,
        differences: (during) => differencesOf({ cluster, board, view, url }, during),
      },
      running,
    );
    for (const failure of found) screen.problem(`differs: ${failure}`);
    if (found.length === 0) screen.say(verdict(board, view));
    period = LOOK_SELDOM;
    await stay(running);
    return found.length === 0;
  } finally {
    stopListening();
    isOver.abort(new Error("the demo is over"));
    await watching;
  }
}

interface Compared {
  readonly cluster: Cluster;
  readonly board: Board;
  readonly view: RegistryView;
  /** Of Muster's API. */
  readonly url: string;
}

const Instances = v.object({
  instances: v.array(v.object({ task: v.string(), servicePort: v.nullable(v.number()) })),
});

/** The registry is asked itself; Muster only for the service ports, which Consul has no place for. */
async function differencesOf({ cluster, board, view, url }: Compared, signal: AbortSignal): Promise<readonly string[]> {
  const [entries, answer] = await Promise.all([view.entries(signal), ask(`${url}/v1/instances`, signal)]);
  const { instances } = v.parse(Instances, JSON.parse(answer.text));
  const expected = expectedOf(cluster.truth());
  // What is shown must have been seen as well: the next step's lines follow this one's.
  const unseen = board.rows().filter(({ place }) => place !== null).length !== expected.length;
  return [
    ...differences(expected, entries, view.name),
    ...expected.flatMap(({ task }) => {
      const port = instances.find((instance) => instance.task === task)?.servicePort ?? null;
      return port === SERVICE_PORT ? [] : [`Muster has service port ${port} for ${task}, but it is ${SERVICE_PORT}`];
    }),
    ...(unseen ? [`${view.name} was not seen to change`] : []),
  ];
}

function expectedOf(truth: readonly TrueTask[]): readonly Expected[] {
  return truth
    .filter(({ running, app }) => running && app === APP)
    .flatMap(({ task, endpoints }) =>
      endpoints.map(({ address, port }) => ({ task, name: task, service: APP.slice(1), address, port })),
    );
}

/** Tells the board of status events, under names that people can follow: web-1, web-2 … in the order of their coming. */
function teller(board: Board): (event: MarathonEvent) => void {
  const names = new Map<string, string>();
  return ({ eventType, taskId: id, taskStatus: action, appId }) => {
    if (eventType !== "status_update_event") return;
    if (typeof id !== "string" || typeof action !== "string" || typeof appId !== "string") return;
    const service = appId.slice(1);
    const name = names.get(id) ?? `${service}-${names.size + 1}`;
    names.set(id, name);
    const at = performance.timeOrigin + performance.now();
    board.onEvent({ at, action, id, name, labels: { "muster.name": service } });
  };
}

/** The table, where there is one, is the first act's: this one tells everything in lines. */
function inLines(screen: Screen, registry: string): Screen {
  return {
    ...screen,
    sighted: (sighting) => screen.say(`  ${sightingText(sighting, registry)}`),
    draw() {},
  };
}

function verdict(board: Board, view: RegistryView): string {
  const slowest = (way: "came" | "went"): number =>
    Math.round(Math.max(0, ...board.rows().map((row) => row[way]?.ms ?? 0)));
  return `Equal: after each of the ${STEPS} steps ${view.name} had exactly what ran on the simulated Marathon, with service port ${SERVICE_PORT}. In after at most ${slowest("came")} ms, out after at most ${slowest("went")} ms.`;
}

/** On somebody's Consul nothing is left behind. A lock that was never ours is another demo's. */
function lockCleanup(consul: ConsulHost | null, screen: Screen, isOurs: () => boolean): AsyncDisposable {
  return {
    async [Symbol.asyncDispose]() {
      if (consul === null || consul.ours || !isOurs()) return;
      const request = consulApi(consul, { method: "DELETE", path: `/v1/kv/${LOCK}` }, AbortSignal.timeout(2000));
      await request.catch((error: unknown) => screen.problem(`The key ${LOCK} stays in Consul: ${messageOf(error)}`));
    },
  };
}
