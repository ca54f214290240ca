/** The virtual cluster: its state, its time and its voice. Everything that changes goes through here. */
import type { Json } from "../../../src/model.ts";
import { type Agenda, createAgenda } from "./agenda.ts";
import { createRandom, type Random } from "./random.ts";
import type { UnreachableStrategy } from "./spec.ts";
import type { Agent, RunSpec, State } from "./state.ts";
import { type MarathonVersion, type Traits, traitsOf } from "./versions.ts";

/** One event, as the JSON behind `data:` on the stream. */
export interface MarathonEvent {
  readonly eventType: string;
  /** The leader's clock, ISO 8601 with ms. */
  readonly timestamp: string;
  readonly [field: string]: Json;
}

export interface Settings {
  readonly version: MarathonVersion;
  /** @default 1 */
  readonly seed: number;
  /** Masters. */
  readonly nodes: number;
  /** Hosts of the agents. */
  readonly agents: readonly string[];
  readonly frameworkId: string | null;
  /** ms since the epoch. */
  readonly now: () => number;
  /** About how long each step of a task's life takes, ms; 0: all happens at once. */
  readonly stepMs: number;
  /** Whether checks pass by themselves, as they do for an app in order. */
  readonly health: "automatic" | "manual";
  /** Of definitions that name none. */
  readonly unreachableStrategy: UnreachableStrategy;
  /** First and last host port that agents offer. */
  readonly hostPorts: readonly [number, number];
  /** First and last service port that Marathon assigns. */
  readonly servicePorts: readonly [number, number];
  /** Whether TASK_KILLING is reported. @default by version */
  readonly hasKilling: boolean | null;
}

export interface World {
  readonly settings: Settings;
  readonly traits: Traits;
  readonly random: Random;
  readonly agents: readonly Agent[];
  readonly agenda: Agenda;
  readonly state: State;
  readonly listeners: Set<(event: MarathonEvent) => void>;
  readonly clock: { offset: number; skew: number; lastEvent: number; lastVersion: number };
  /** How long after the deployment's start `/v2/apps` shows its result, ms. */
  rootDelay: number;
}

export function createWorld(settings: Settings): World {
  const random = createRandom(settings.seed);
  const start = settings.now();
  return {
    settings,
    traits: traitsOf(settings.version),
    random,
    agents: settings.agents.map((host, index) => ({
      id: `14ac45bf-9a40-42cf-94ec-695130865592-S${index}`,
      host,
      index,
      taken: new Set(),
    })),
    agenda: createAgenda(),
    state: {
      specs: new Map(),
      deployments: [],
      rootVersion: iso(start),
      frameworkId: settings.frameworkId ?? `${random.uuid()}-0000`,
      leader: 0,
    },
    listeners: new Set(),
    clock: { offset: 0, skew: 0, lastEvent: start, lastVersion: start },
    rootDelay: 0,
  };
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export function time(world: World): number {
  return world.settings.now() + world.clock.offset;
}

/** Now by the leader's clock, and later than every other stamp of this leader. */
export function stamp(world: World): string {
  const { clock } = world;
  clock.lastEvent = Math.max(time(world) + clock.skew, clock.lastEvent + 1);
  return iso(clock.lastEvent);
}

/** A new version: unlike event times never older than another, also under a new leader whose clock is behind. */
export function newVersion(world: World): string {
  const { clock } = world;
  clock.lastVersion = Math.max(Date.parse(stamp(world)), clock.lastVersion + 1);
  return iso(clock.lastVersion);
}

export function emit(world: World, eventType: string, fields: Readonly<Record<string, Json>>): void {
  const event = { ...fields, eventType, timestamp: stamp(world) };
  for (const listener of world.listeners) listener(event);
}

/** Plans a step of a life that takes about `settings.stepMs`. */
export function soon(world: World, step: () => void): void {
  const { stepMs } = world.settings;
  later(world, stepMs === 0 ? 0 : stepMs * (0.5 + world.random.next()), step);
}

export function later(world: World, ms: number, step: () => void): void {
  world.agenda.add(time(world) + ms, step);
}

/** Does all that is due. */
export function run(world: World): void {
  for (let step = world.agenda.take(time(world)); step !== undefined; step = world.agenda.take(time(world))) step();
}

export function specOf(world: World, id: string): RunSpec {
  const spec = world.state.specs.get(id);
  if (spec === undefined) throw new Error(`marathon simulator: there is no app or pod ${id}; create it first`);
  return spec;
}
