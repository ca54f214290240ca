/** Plays a random world to the Marathon source's parts in virtual time, with a stream that scrambles and answers that lag. */
import type { Fact, Instance } from "../../src/model.ts";
import { createWorld } from "../../src/world.ts";
import { actAtRandom } from "../lab/marathon/acts.ts";
import { createCluster } from "../lab/marathon/cluster.ts";
import { createRandom } from "../lab/marathon/random.ts";
import { createScrambler } from "../lab/marathon/scramble.ts";
import { MARATHON_VERSIONS } from "../lab/marathon/versions.ts";
import type { MarathonEvent } from "../lab/marathon/world.ts";
import { createMarathonDrive } from "../marathon-drive.ts";
import { createMarathonParts } from "../marathon-parts.ts";
import {
  definitionsStanding,
  definitionsTrue,
  endpointsNow,
  endpointsReady,
  endpointsTrue,
  lineOf,
} from "./marathon-endpoints.ts";

export interface Play {
  readonly version: string;
  readonly acts: readonly string[];
  /** Everything the source said, in order. */
  readonly facts: readonly Fact[];
  /** What must never be: an endpoint ready after its task's end was heard, or one that its task never had. */
  readonly violations: readonly string[];
  /** Endpoints at the end, one line each, sorted. */
  readonly ready: readonly string[];
  readonly truth: readonly string[];
  /** Keys of the definitions that stand by themselves, and of those that should, sorted. */
  readonly standing: readonly string[];
  readonly existing: readonly string[];
  readonly heard: number;
  /** Tasks out of sight of a Marathon whose answers have no `state` (before 1.2): if that event is lost, nobody can tell. */
  readonly untold: ReadonlySet<string>;
  /** Whether its answers have a `state`; without it they can't tell either that a task that was lost is back. */
  readonly tellsState: boolean;
}

const START = Date.UTC(2019, 9, 22, 23, 26);
const ACTS = 25;
/** Listings after the last act, and their distance in ms: longer than any second look or grace in limits.ts. */
const HEALINGS = 4;
const HEALING_GAP = 31_000;
/** States after which a task of this id never runs again, unless the world itself says that it does. */
const ENDS = new Set(["TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_GONE", "TASK_DROPPED"]);
const BEGINNINGS = new Set(["TASK_CREATED", "TASK_STAGING", "TASK_STARTING", "TASK_RUNNING"]);

export async function play(seed: number): Promise<Play> {
  const random = createRandom(seed);
  const version = MARATHON_VERSIONS[random.below(MARATHON_VERSIONS.length)] ?? "1.8";
  const clock = { now: START };
  const now = () => clock.now;
  const stepMs = [0, 100, 5_000][random.below(3)] ?? 0;
  const cluster = createCluster({ version, seed, stepMs, now, agents: 2, nodes: 2, hostPorts: [31_000, 31_019] });
  const facts: Fact[] = [];
  const violations: string[] = [];
  /** Tasks whose end was published, with that end (a resident task has several), and of those the ones whose end was heard. */
  const ended = new Map<unknown, MarathonEvent>();
  const heardEnded = new Set<unknown>();
  const everTrue = new Set<string>();
  let flush = () => {};
  let heard = 0;

  const world = createWorld({
    sources: ["marathon"],
    schedule(later) {
      flush = later;
    },
  });
  const parts = createMarathonParts({
    now,
    random: () => random.next(),
    emit(fact) {
      facts.push(fact);
      world.join(fact);
      // As soon as it can: what is wrong for a moment only must be seen as well.
      flush();
    },
  });
  world.subscribe({
    changed(changes) {
      for (const { after } of changes) if (after?.state === "ready") judge(after);
    },
  });
  const unkind = {
    ...{ window: random.below(8), drop: random.below(3) * 0.1, repeat: random.below(3) * 0.15, late: 0.05 },
    lateBy: 20,
  };
  let scrambler = createScrambler<MarathonEvent>({ seed, ...unkind });
  let isCut = false;
  cluster.subscribe((event) => {
    note(event);
    if (cluster.traits.hasStream && !isCut) for (const each of scrambler.push(event)) hear(each);
  });
  cluster.onFailover(() => {
    // The stream ends: what was on its way is lost.
    isCut = true;
    scrambler = createScrambler({ seed: seed + heard, ...unkind });
  });

  const drive = createMarathonDrive({ cluster, parts, clock, onTheWay: lag, onStep: reconnect });
  const acts: string[] = [];
  await drive.connect();
  for (let step = 0; step < ACTS; step++) {
    acts.push(...actAtRandom(cluster, seed * 1_000 + step, 1));
    await drive.pass(random.below(4) === 0 ? random.below(20_000) : random.below(300));
  }
  for (const event of scrambler.flush()) hear(event);
  // The world comes to rest; what it still says is told in order, but may be lost.
  for (let round = 0; round < HEALINGS; round++) {
    await drive.pass(HEALING_GAP);
    for (const event of scrambler.flush()) hear(event);
    await drive.list();
  }

  const outOfSight = cluster.truth().filter(({ running }) => !running && !cluster.traits.hasTaskState);
  return {
    ...{ version, acts, facts, violations, heard, tellsState: cluster.traits.hasTaskState },
    ...{ ready: endpointsReady(world), truth: endpointsTrue(cluster) },
    ...{ standing: definitionsStanding(facts), existing: definitionsTrue(cluster) },
    untold: new Set(outOfSight.map(({ task }) => task)),
  };

  function note(event: MarathonEvent): void {
    const { eventType, taskId, taskStatus } = event;
    if (eventType !== "status_update_event") return;
    // Only with its status does a task get endpoints.
    remember();
    if (ENDS.has(String(taskStatus))) ended.set(taskId, event);
    else if (BEGINNINGS.has(String(taskStatus)) && ended.delete(taskId)) heardEnded.delete(taskId);
  }

  function hear(event: MarathonEvent): void {
    heard += 1;
    parts.hear(event.eventType, JSON.stringify(event));
    if (event.eventType !== "status_update_event" || !ENDS.has(String(event["taskStatus"]))) return;
    if (ended.get(event["taskId"]) !== event) return;
    heardEnded.add(event["taskId"]);
    for (const instance of world.instancesOfTask(String(event["taskId"])))
      if (instance.state === "ready") judge(instance);
  }

  function judge(instance: Instance): void {
    const line = lineOf(instance);
    if (heardEnded.has(instance.task)) violations.push(`ready after its end was heard: ${line}`);
    if (!everTrue.has(line)) remember();
    if (!everTrue.has(line)) violations.push(`ready, but never an endpoint of its task: ${line}`);
  }

  function remember(): void {
    for (const line of endpointsNow(cluster)) everTrue.add(line);
  }

  async function reconnect(): Promise<void> {
    if (!isCut || cluster.state.leader === null) return;
    isCut = false;
    await drive.connect();
  }

  /** An answer is on its way while the world moves on, and is heard to do so. */
  function lag(): void {
    remember();
    if (random.chance(0.5)) return;
    clock.now += 1 + random.below(50);
    cluster.tick();
  }
}
