/** What goes wrong when: a pure function of the seed. */
import { createRandom, type Random } from "../lab/marathon/random.ts";
import { type Deed, type Fault, REGISTRIES, type Refusing, WAYS } from "./fault.ts";
import type { Trouble } from "./tcp-proxy.ts";
import { createDeeds } from "./work.ts";

/** A fault from `at` to `until`, ms since its round began. */
export interface PlannedFault {
  readonly at: number;
  readonly until: number;
  readonly fault: Fault;
}

export interface PlannedDeed {
  readonly at: number;
  readonly deed: Deed;
}

/** Faults and deeds until everything is healed and compared. */
export interface Round {
  /** From 1. */
  readonly number: number;
  readonly faults: readonly PlannedFault[];
  readonly deeds: readonly PlannedDeed[];
}

export interface PlanOptions {
  readonly seed: number;
  /** Number of nodes. @default 3 */
  readonly nodes?: number;
  /** How long faults come in a round, ms. @default 30000 */
  readonly roundMs?: number;
}

/** Faults at once, at most. */
export const AT_ONCE = 3;
/** For so long a node must be away until a swarm knows that it is dead, ms (13 to 14 s measured), and Muster's leader reaps it. */
const DEATH_MS = 21_000;

/** Round after round, for ever. What comes first does not depend on how many are taken. */
export function* planOf({ seed, nodes = 3, roundMs = 30_000 }: PlanOptions): Generator<Round, never> {
  const random = createRandom(seed);
  const nodeFaults = bag(random, nodeKinds(random, nodes));
  const otherFaults = bag(random, otherKinds(random, nodes));
  const deeds = createDeeds(random, nodes);
  for (let number = 1; ; number++) {
    const fault = nodeFaults(() => true);
    const faults = fault === null ? [] : [nodeFaultOf(fault, roundMs, random)];
    // The first lane is the node's alone: a swarm of three bears the loss of one.
    for (let lane = 1; lane < AT_ONCE; lane++) fill(faults, roundMs, otherFaults, random);
    yield {
      number,
      faults: faults.toSorted((a, b) => a.at - b.at),
      deeds: [...deeds(roundMs, number)],
    };
  }
}

/** Half of them last until the swarm takes the node for dead, if the round is long enough. */
function nodeFaultOf(fault: Fault, roundMs: number, random: Random): PlannedFault {
  const at = 500 + random.below(Math.max(1, Math.min(4000, roundMs / 5)));
  const most = roundMs - at;
  const isLong = DEATH_MS < most && random.chance(0.6);
  const least = isLong ? DEATH_MS : Math.min(2000, most / 2);
  return { at, until: Math.round(at + least + random.next() * (most - least)), fault };
}

/** One lane: one fault after the other, with pauses. */
function fill(faults: PlannedFault[], roundMs: number, draw: Draw, random: Random): void {
  let at = 300 + random.below(3000);
  for (;;) {
    const until = at + 1500 + random.below(Math.min(9000, roundMs));
    if (until > roundMs) return;
    // Two faults of one thing at a time could not be told apart, nor healed one by one.
    const now = faults.filter((other) => other.at < until && at < other.until);
    const isTaken = (fault: Fault) => now.some((other) => thingOf(other.fault) === thingOf(fault));
    const fault = draw((each) => !isTaken(each) && !isOnLostNode(each, faults));
    if (fault !== null) faults.push({ at, until, fault });
    at = until + 300 + random.below(2500);
  }
}

/** What a fault is done to. */
function thingOf(fault: Fault): string {
  if (fault.kind === "way") return `${fault.node} ${fault.way}`;
  if (fault.kind === "answers") return fault.registry;
  return "node" in fault ? `${fault.kind === "muster" ? "muster" : "node"} ${fault.node}` : fault.kind;
}

/** Where there may be no power, there is nothing to start or stop. */
function isOnLostNode(fault: Fault, faults: readonly PlannedFault[]): boolean {
  const lost = faults[0]?.fault;
  if (lost === undefined || fault.kind === "way" || !("node" in fault)) return false;
  return lost.kind === "leader" || ("node" in lost && lost.node === fault.node);
}

/** One that fits; null if none does. */
type Draw = (fits: (fault: Fault) => boolean) => Fault | null;

/** Each kind once in a changing order, and again: so none is missing in a long run. */
function bag(random: Random, kinds: readonly (() => Fault)[]): Draw {
  let left: readonly (() => Fault)[] = [];
  return (fits) => {
    if (left.length === 0) left = kinds;
    const first = random.below(left.length);
    for (const kind of [...left.slice(first), ...left.slice(0, first)]) {
      const fault = kind();
      if (!fits(fault)) continue;
      left = left.filter((other) => other !== kind);
      return fault;
    }
    return null;
  };
}

/** At most one of these at a time. */
function nodeKinds(random: Random, nodes: number): readonly (() => Fault)[] {
  const node = () => random.below(nodes);
  return [
    () => ({ kind: "dockerd", node: node(), how: "SIGKILL" }),
    () => ({ kind: "dockerd", node: node(), how: "SIGTERM" }),
    () => ({ kind: "power", node: node() }),
    () => ({ kind: "partition", node: node() }),
    () => ({ kind: "leader" }),
    () => ({ kind: "drain", node: node() }),
    () => ({ kind: "demote", node: node() }),
  ];
}

function otherKinds(random: Random, nodes: number): readonly (() => Fault)[] {
  const node = () => random.below(nodes);
  const ways = troubles(random).flatMap((trouble) => {
    const make = (): Fault => ({ kind: "way", node: node(), way: oneOf(random, WAYS), trouble: trouble() });
    return [make, () => make()];
  });
  const answers = REFUSING.flatMap((registry) => [
    (): Fault => ({ kind: "answers", registry, status: oneOf(random, [500, 503]), share: oneOf(random, [0.3, 1]) }),
    (): Fault => ({ kind: "answers", registry, status: 429, share: oneOf(random, [0.3, 0.7]) }),
  ]);
  return [
    ...ways,
    ...answers,
    () => ({ kind: "consul", how: "restart" }),
    () => ({ kind: "consul", how: "wipe" }),
    () => ({ kind: "consul", how: "away" }),
    () => ({ kind: "muster", node: node(), how: "SIGKILL" }),
    () => ({ kind: "muster", node: node(), how: "SIGTERM" }),
    () => ({ kind: "crash loop" }),
    () => ({ kind: "unhealthy", node: node() }),
    () => ({ kind: "paused", node: node() }),
  ];
}

const REFUSING: readonly Refusing[] = REGISTRIES.filter((name) => name !== "consul");

function troubles(random: Random): readonly (() => Trouble)[] {
  return [
    () => ({ kind: "delay", ms: oneOf(random, [50, 300, 1200]) }),
    () => ({ kind: "throttle", bytesPerSecond: oneOf(random, [500, 5000]) }),
    () => ({ kind: "refuse" }),
    () => ({ kind: "reset", everyMs: oneOf(random, [20, 200, 1000]) }),
    () => ({ kind: "silent" }),
    () => ({ kind: "lost", share: oneOf(random, [0.3, 1]) }),
  ];
}

function oneOf<const T>(random: Random, all: readonly T[]): T {
  const one = all[random.below(all.length)];
  if (one === undefined) throw new Error("chaos: nothing to choose from");
  return one;
}
