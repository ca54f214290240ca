/** The comparison: once everything is healed and what runs has settled, each registry equals what the engines say really runs. */
import { setTimeout as delay } from "node:timers/promises";
import { type Expected, expectedOf } from "./expected.ts";
import { REGISTRIES, type RegistryName } from "./fault.ts";
import { heldIn } from "./held.ts";
import { type Endpoint, runningOn, type Service, servicesAt } from "./running.ts";
import type { Stage } from "./stage.ts";

/** Lines that one registry lacks, and those that it should not have. */
export interface Difference {
  readonly registry: RegistryName;
  readonly missing: readonly string[];
  readonly surplus: readonly string[];
}

export interface Comparison {
  readonly endpoints: number;
  /** Entries by registry. */
  readonly held: Readonly<Record<RegistryName, number>>;
  /** From the last heal until what runs changed for the last time, ms. */
  readonly settledAfter: number;
  /** From the last heal or change, whichever was later, until all were equal and every Muster ready, ms. */
  readonly equalAfter: number;
  /** What was the last to become equal, or which Muster to be ready; null if nothing was seen unequal since. */
  readonly last: string | null;
}

/** A comparison that did not hold. */
export class Unequal extends Error {
  readonly differences: readonly Difference[];

  constructor(message: string, differences: readonly Difference[]) {
    super(message);
    this.name = "Unequal";
    this.differences = differences;
  }
}

export interface CompareOptions {
  readonly stage: Stage;
  /** For so long nothing that runs may change, and all be equal, ms. @default 2000 */
  readonly quietMs?: number;
  /** What the swarm itself may take, a dead node's 15 to 30 s among it, ms. @default 180000 */
  readonly settleMs?: number;
  /** What Muster may take after that, ms. @default 90000: a full listing, which finds what all else has missed, comes every 60 s, give or take a fifth */
  readonly equalMs?: number;
  /** Called while something that should answer does not. */
  readonly onSilence: () => Promise<void>;
  readonly signal: AbortSignal;
}

/** What runs at one moment. */
interface Look {
  readonly endpoints: readonly Endpoint[];
  readonly services: readonly Service[];
  /** All engines and a manager have answered, and all nodes are up. */
  readonly isWhole: boolean;
  /** Why the swarm is not at rest yet; null if it is. */
  readonly unrest: string | null;
  /** The same text for the same state. */
  readonly text: string;
}

const EVERY_MS = 200;
/** What has not changed for so long is at rest, whatever the managers wait for, ms. */
const STILL_MS = 30_000;

/** Waits for rest and equality; throws {@link Unequal}, or an Error if the swarm itself finds no rest. */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { stage, quietMs = 2000, settleMs = 180_000, equalMs = 90_000, onSilence, signal } = options;
  const began = performance.now();
  const since: Since = { changed: began, rested: null, equal: null, text: "", last: null };
  for (;;) {
    const look = await lookAt(stage);
    if (!look.isWhole) await onSilence();
    const { differences, held, unready } = await differ(stage, look);
    const now = performance.now();
    update(since, look, [...differences.map(({ registry }) => registry), ...unready], now);
    const { changed, rested, equal } = since;
    if (rested === null) {
      if (now - began > settleMs)
        throw new Error(`harness: the swarm is not at rest ${settleMs / 1000} s after the last heal: ${look.unrest}`);
    } else if (equal === null) {
      if (now - Math.max(rested, changed) > equalMs) throw unequal(equalMs, differences, unready);
    } else if (now - Math.max(rested, equal, changed) >= quietMs) {
      const settledAfter = Math.round(changed - began);
      const equalAfter = Math.round(equal - changed);
      return { endpoints: look.endpoints.length, held, settledAfter, equalAfter, last: since.last };
    }
    await delay(EVERY_MS, undefined, { signal });
  }
}

/** Times by the steady clock, ms; null: not now. */
interface Since {
  /** When what runs changed for the last time. */
  changed: number;
  rested: number | null;
  equal: number | null;
  /** What ran at the last look. */
  text: string;
  /** What has differed last since then. */
  last: string | null;
}

/** @param wrong what is not as it should be */
function update(since: Since, look: Look, wrong: readonly string[], now: number): void {
  if (look.text !== since.text) {
    since.changed = now;
    since.text = look.text;
    since.equal = null;
    since.last = null;
  }
  // Engines have been seen to keep a healthy task in `starting` for ever: what does not change any more is at rest.
  const isStill = look.isWhole && now - since.changed >= STILL_MS;
  since.rested = look.unrest === null || isStill ? (since.rested ?? now) : null;
  since.equal = wrong.length === 0 ? (since.equal ?? now) : null;
  since.last = wrong[0] ?? since.last;
}

async function lookAt(stage: Stage): Promise<Look> {
  try {
    const rows = await stage.swarm.rows();
    const [manager] = stage.places;
    if (manager === undefined) throw new Error("no node");
    const [services, ...found] = await Promise.all([servicesAt(manager), ...stage.places.map(runningOn)]);
    const endpoints = found.flat();
    const tired = rows.find(({ state, availability }) => state !== "ready" || availability !== "active");
    const unrest =
      tired === undefined ? unrestOf(services, endpoints) : `node ${tired.id} is ${tired.state}, ${tired.availability}`;
    return { endpoints, services, isWhole: tired === undefined, unrest, text: textOf(endpoints, services) };
  } catch (error) {
    const unrest = error instanceof Error ? error.message : String(error);
    return { endpoints: [], services: [], isWhole: false, unrest, text: unrest };
  }
}

/** Labels count as well: a change of them is one of what should be registered. */
function textOf(endpoints: readonly Endpoint[], services: readonly Service[]): string {
  const ends = endpoints.map(({ task, at }) => `${task} ${at}`).sort();
  const labels = services.map(({ name, labels: all }) => `${name} ${JSON.stringify(all)}`).sort();
  return [...ends, ...labels].join("\n");
}

function unrestOf(services: readonly Service[], endpoints: readonly Endpoint[]): string | null {
  for (const { name, wanted, isUpdating } of services) {
    if (isUpdating) return `${name} is being updated`;
    const tasks = new Set(endpoints.flatMap(({ service, task }) => (service === name ? [task] : []))).size;
    if (tasks !== wanted) return `${name} should have ${wanted} tasks, and has ${tasks}`;
  }
  return null;
}

async function differ(stage: Stage, { endpoints, services, unrest }: Look) {
  const unready: string[] = [];
  for (const { number, muster } of stage.places) {
    if (!(await muster.isReady().catch(() => false))) unready.push(`the Muster of node ${number} is not ready`);
  }
  const expected = expectedOf(endpoints, services);
  const held: Record<RegistryName, number> = { consul: 0, kong: 0, vulcand: 0, alb: 0 };
  const differences: Difference[] = [];
  for (const registry of REGISTRIES) {
    const lines = await heldIn(registry, stage).catch((): readonly string[] => [`unreadable: ${unrest}`]);
    held[registry] = lines.length;
    differences.push(...difference(registry, expected[registry], lines));
  }
  return { differences, held, unready };
}

/** None if equal. Lines count as often as they come. */
export function difference(registry: RegistryName, { must, may }: Expected, held: readonly string[]): Difference[] {
  const missing = without(must, held);
  const isAllowed = (line: string) =>
    may.some((one) => one === line || (one.endsWith("*") && line.startsWith(one.slice(0, -1))));
  const surplus = without(held, must).filter((line) => !isAllowed(line) || must.includes(line));
  return missing.length + surplus.length === 0 ? [] : [{ registry, missing, surplus }];
}

function without(lines: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others];
  return lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

function unequal(equalMs: number, differences: readonly Difference[], unready: readonly string[]): Unequal {
  const [first] = differences;
  const parts =
    first === undefined
      ? unready
      : [`${first.registry} lacks ${text(first.missing)}; has besides ${text(first.surplus)}`, ...unready];
  return new Unequal(`not equal ${equalMs / 1000} s after what runs was at rest: ${parts.join("; ")}`, differences);
}

function text(lines: readonly string[]): string {
  return lines.length === 0 ? "nothing" : lines.map((line) => `"${line}"`).join(", ");
}
