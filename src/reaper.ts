/**
 * The leader's duty towards nodes that are gone (safety rule 7): what their Musters registered and can't take back any
 * more is removed, after a grace period, and only for nodes that are known to be down or to have left.
 */
import type { Clock } from "./clock.ts";
import type { Change, Logger, Registration, Registry } from "./model.ts";
import { createReporter, type ReportSink } from "./report.ts";
import type { World } from "./world.ts";

export interface Reaper {
  /** Looks after the dead until `signal` aborts; never rejects. */
  run(signal: AbortSignal): Promise<void>;
  /** One look: the seam for tests. */
  look(signal: AbortSignal): Promise<void>;
}

export interface ReaperOptions {
  readonly registries: readonly Registry[];
  readonly world: World;
  /** Source that knows the nodes: nothing is reaped before it has listed, or while it is away. */
  readonly source: string;
  /** How long a node must be down or gone, ms; counted from when this leader first saw it so. */
  readonly reapAfter: number;
  readonly sink: ReportSink;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Between two looks, ms. */
const PERIOD_MS = 1_000;

/** A node that this leader never knew may have left the swarm only if its id is one of a swarm: 25 letters and digits. */
const SWARM_NODE = /^[a-z0-9]{25}$/;

export function createReaper(options: ReaperOptions): Reaper {
  const { registries, world, clock, log } = options;
  /** Node → since when it is seen down or gone. */
  const dead = new Map<string, number>();
  /** What is done already, by registry: a node that is cut off and goes on registering is not fought with. */
  const reaped = new Map<string, Set<string>>();
  const listedAt = new Map<string, number>();
  /** Node → its last known address. */
  const addresses = new Map<string, string>();
  const reporters = new Map(
    registries.map((registry) => [registry, createReporter({ ...options, registry: registry.name })]),
  );

  return { run, look };

  async function run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await look(signal);
      await clock.wait(PERIOD_MS, signal).catch(() => {});
    }
  }

  async function look(signal: AbortSignal): Promise<void> {
    if (!isInformed()) return;
    const states = new Map([...world.nodes()].map(({ node, state }) => [node, state]));
    takeRoll(states);
    const candidates = registries.filter((registry) => registry.listOthers !== undefined);
    await Promise.all(candidates.map((registry) => reap(registry, states, signal)));
  }

  function takeRoll(states: ReadonlyMap<string, string>): void {
    for (const { node, address } of world.nodes()) if (address !== null) addresses.set(node, address);
    const left = [...addresses.keys()].filter((node) => !states.has(node));
    const inState = (wanted: string) => [...states].flatMap(([node, state]) => (state === wanted ? [node] : []));
    for (const node of inState("up")) revive(node);
    for (const node of [...left, ...inState("down")]) die(node);
  }

  /** A source that is away keeps its last state, which may be wrong by now (rule 3). */
  function isInformed(): boolean {
    const { syncs, state } = world.source(options.source);
    return syncs > 0 && state === "connected";
  }

  function die(node: string): void {
    if (!dead.has(node)) dead.set(node, clock.now());
  }

  function revive(node: string): void {
    dead.delete(node);
    for (const done of reaped.values()) done.delete(node);
  }

  async function reap(registry: Registry, states: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    const done = doneIn(registry);
    if (!isWorthListing(registry, done)) return;
    try {
      await removeDue(registry, states, done, signal);
    } catch (error) {
      if (!signal.aborted)
        log.warn({ registry: registry.name, err: error }, "what dead nodes left can't be removed yet");
    }
  }

  async function removeDue(
    registry: Registry,
    states: ReadonlyMap<string, string>,
    done: Set<string>,
    signal: AbortSignal,
  ): Promise<void> {
    const entries = (await registry.listOthers?.(signal)) ?? [];
    for (const { node = "" } of entries) if (!states.has(node) && SWARM_NODE.test(node)) die(node);
    for (const node of due(done)) if (await remove(registry, node, entries, signal)) done.add(node);
  }

  function doneIn({ name }: Registry): Set<string> {
    const done = reaped.get(name) ?? new Set<string>();
    reaped.set(name, done);
    return done;
  }

  /** The dead whose time has come. */
  function due(done: ReadonlySet<string>): readonly string[] {
    const isDue = ([node, since]: readonly [string, number]) =>
      !done.has(node) && clock.now() - since >= options.reapAfter;
    return [...dead].filter(isDue).map(([node]) => node);
  }

  /** A registry is asked when a dead node's time has come, and else now and then, for nodes that left unseen. */
  function isWorthListing({ name }: Registry, done: ReadonlySet<string>): boolean {
    const now = clock.now();
    const last = listedAt.get(name);
    if (due(done).length === 0 && last !== undefined && now - last < Math.max(options.reapAfter / 2, PERIOD_MS))
      return false;
    listedAt.set(name, now);
    return true;
  }

  /** Where entries bear no marks (ALB), they are a dead node's by their address, unless another node has that now. */
  function isOf(node: string, { node: marked, endpoint }: Registration): boolean {
    if (marked !== undefined) return marked === node;
    const address = /^\[?(.+?)\]?:\d+\/\w+$/.exec(endpoint ?? "")?.[1];
    if (address === undefined || addresses.get(node) !== address) return false;
    return ![...world.nodes()].some(
      (other) => other.node !== node && other.address === address && other.state !== "down",
    );
  }

  async function remove(
    registry: Registry,
    node: string,
    entries: readonly Registration[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const changes: Change[] = entries
      .filter((entry) => entry.instance !== null && isOf(node, entry))
      .map((before) => ({ op: "deregister", key: before.key, before, after: null }));
    if (changes.length === 0) return true;
    const began = clock.now();
    const outcomes = await registry.apply(changes, signal);
    const ms = clock.now() - began;
    const at = dead.get(node) ?? began;
    const cause = [{ at, kind: "node", by: options.source, text: `node ${node} is down or gone` }];
    const writes = changes.flatMap((change, index) => {
      const outcome = outcomes[index];
      return outcome === undefined ? [] : [{ change, outcome, cause, attempt: 1, ms, drift: false }];
    });
    reporters.get(registry)?.done(writes);
    log.info({ registry: registry.name, node, entries: changes.length }, "removed what a dead node left");
    return outcomes.every(({ ok }) => ok);
  }
}
