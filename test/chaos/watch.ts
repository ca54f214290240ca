/** What must hold at all times: nobody touches a stranger's entry, and nothing that lives is taken out of a registry. */
import { setTimeout as delay } from "node:timers/promises";
import { type Blink, blinksIn, type Look } from "./blinks.ts";
import { REGISTRIES, type RegistryName } from "./fault.ts";
import { heldIn } from "./held.ts";
import { runningOn } from "./running.ts";
import type { Stage } from "./stage.ts";
import { strangersIn, touched } from "./strangers.ts";

export interface Watch extends AsyncDisposable {
  /** Entries of a node may go from now on, in all registries or in one. @returns the end of that, after which a while is excused still */
  excuse(node: number, registry?: RegistryName): () => void;
  /** Consul loses everything, strangers as well; looks at it count again after `until`. */
  whileWiped(work: () => Promise<void>): Promise<void>;
}

export interface WatchOptions {
  readonly stage: Stage;
  readonly onViolation: (what: string) => void;
  /** ms since the beginning, for messages. */
  readonly clock: () => number;
}

const EVERY_MS = 400;
/** See {@link blinksIn}; more than measured, since a busy machine takes longer for everything. */
const GRACE_MS = 15_000;
/** A removal at once of more than this many living entries is a mass removal. */
const MASS = 5;
/** Until a Vulcand entry without heart-beats is gone, and a dead node's Muster is in order again, ms. */
const AFTERMATH_MS = 45_000;

export async function startWatch({ stage, onViolation, clock }: WatchOptions): Promise<Watch> {
  const planted = new Map<RegistryName, unknown>();
  for (const registry of REGISTRIES) planted.set(registry, await strangersIn(registry, stage));
  /** What is excused, and until when; null: for as long as it lasts. */
  const excuses = new Set<{ readonly key: string; until: number | null }>();
  const told = new Set<string>();
  const stop = new AbortController();
  let wiped = 0;
  let looks: Look[] = [];

  function say(key: string, what: string): void {
    if (told.has(key)) return;
    told.add(key);
    onViolation(what);
  }

  async function look(): Promise<void> {
    const wipes = wiped;
    const running = new Map<number, ReadonlySet<string>>();
    const lookAt = async (place: Stage["places"][number]) => {
      const endpoints = await runningOn(place).catch(() => null);
      if (endpoints !== null) running.set(place.number, new Set(endpoints.map(({ task, at }) => `${task} ${at}`)));
    };
    await Promise.all(stage.places.map(lookAt));
    const held = new Map<RegistryName, ReadonlySet<string>>();
    for (const registry of REGISTRIES) {
      const lines = await heldIn(registry, stage).catch(() => null);
      await checkStrangers(registry, () => registry !== "consul" || (wipes === wiped && wiped % 2 === 0));
      if (lines !== null && (registry !== "consul" || (wipes === wiped && wiped % 2 === 0)))
        held.set(registry, new Set(lines.flatMap((line) => /\d+\.\d+\.\d+\.\d+:\d+/.exec(line)?.[0] ?? [])));
    }
    const now = clock();
    const excused = [...excuses].filter(({ until }) => until === null || until > now).map(({ key }) => key);
    looks.push({ at: now, running, held, excused: new Set(excused) });
    report(blinksIn(looks, { graceMs: GRACE_MS }));
    looks = looks.filter(({ at }) => at > now - 2 * GRACE_MS);
  }

  function report(blinks: readonly Blink[]): void {
    for (const { registry, endpoint, at } of blinks) {
      const together = blinks.filter((other) => other.registry === registry && other.at === at).length;
      const what = together > MASS ? `mass removal: ${together} living entries` : "a living entry";
      say(
        `${registry} ${endpoint} ${at}`,
        `${registry} at ${seconds(at)}: ${what} gone, ${endpoint}, whose task runs on for ${GRACE_MS / 1000} s and more`,
      );
    }
  }

  async function checkStrangers(registry: RegistryName, counts: () => boolean): Promise<void> {
    if (!counts()) return;
    const now = await strangersIn(registry, stage).catch(() => undefined);
    if (now === undefined || !counts()) return;
    const change = touched(planted.get(registry), now);
    if (change !== null)
      say(`stranger ${registry}`, `${registry} at ${seconds(clock())}: a stranger's entry was touched: ${change}`);
  }

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      await look();
      await delay(EVERY_MS, undefined, { signal: stop.signal }).catch(() => {});
    }
  }

  const running = run();
  return {
    excuse(node, registry) {
      const excuse = { key: registry === undefined ? `${node}` : `${node} ${registry}`, until: null as number | null };
      excuses.add(excuse);
      return () => {
        excuse.until = clock() + AFTERMATH_MS;
      };
    },
    async whileWiped(work) {
      wiped++;
      await work();
      looks = looks.map(({ held, ...rest }) => ({
        ...rest,
        held: new Map([...held].filter(([name]) => name !== "consul")),
      }));
      wiped++;
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("over"));
      await running;
    },
  };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
