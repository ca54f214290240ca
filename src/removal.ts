/**
 * What may be removed from a registry, and how surely that is known (safety rules 1, 3 and 4). Pure but for the world
 * that it asks.
 */
import type { Desired } from "./desired.ts";
import type { Registration } from "./model.ts";
import { areKnown } from "./users.ts";
import type { World } from "./world.ts";

export interface RemovalRules {
  /** Whether an entry that is not desired may be removed. */
  mayRemove(entry: Registration): boolean;
  /** Whether its removal is concluded from absence in a listing that might be wrong. */
  isInferred(entry: Registration): boolean;
  /** Service-level objects only: it is (or was, until just now) wanted here, so that its end will have been seen. */
  wanted(entry: Registration): void;
  /** It is no longer in the registry. */
  removed(entry: Registration): void;
  /** Keys of the service-level objects that stay only because their service exists: to be looked at when that may have ended. */
  kept(): Iterable<string>;
  /** The registry has just been listed: what others need is judged anew. */
  listed(): void;
  /** Whether something stays only because, when the registry was last listed, other nodes' instances still needed it. */
  readonly waitsForOthers: boolean;
}

export interface RemovalOptions {
  readonly world: World;
  readonly desired: Desired;
  /** For how long a doubtful listing removes nothing, ms. */
  readonly probation: number;
  /** Whether a service that this world has never known is over for good: nobody else can know it. */
  isServiceOver(service: string): boolean;
  /** See `ReconcilerOptions`. */
  readonly nodeSource: string | null;
}

export function createRemovalRules(options: RemovalOptions): RemovalRules {
  const { world, desired, probation, isServiceOver, nodeSource } = options;
  /** Keys of service-level objects that were wanted once since the start. */
  const seen = new Set<string>();
  const kept = new Set<string>();
  const neededByOthers = new Set<string>();

  return {
    mayRemove(entry) {
      if (entry.instance !== null) return mayRemoveInstance(entry);
      const isOver = isServiceLevelOver(entry);
      const mayGo = isOver && (entry.inUse !== true || isNeededByNone(entry));
      if (mayGo) kept.delete(entry.key);
      else kept.add(entry.key);
      if (isOver && !mayGo) neededByOthers.add(entry.key);
      else neededByOthers.delete(entry.key);
      return mayGo;
    },
    isInferred(entry) {
      if (entry.instance === null && desired.hasService(entry.service)) return false;
      if (world.fate(entry) !== "absent") return false;
      return ownSources(entry.source).some(({ trust }) => trust !== "node");
    },
    wanted({ instance, key }) {
      if (instance !== null) return;
      seen.add(key);
      forget(key);
    },
    removed({ key }) {
      seen.delete(key);
      forget(key);
    },
    kept: () => kept,
    listed: () => neededByOthers.clear(),
    get waitsForOthers() {
      return neededByOthers.size > 0;
    },
  };

  function forget(key: string): void {
    kept.delete(key);
    neededByOthers.delete(key);
  }

  function mayRemoveInstance(entry: Registration): boolean {
    switch (world.fate(entry)) {
      case "unsettled":
        return false;
      case "withdrawn":
      case "gone":
        return true;
      case "ready":
        return isWhole(entry.source, false);
      case "absent":
        return isWhole(entry.source, true);
    }
  }

  /**
   * A route stays while its service exists, with or without instances (503 is a better answer than 404). It goes when the
   * instances that are there no longer ask for it, when the service was seen to go, or when no Muster can know it any more.
   */
  function isServiceLevelOver({ service, key }: Registration): boolean {
    if (!isWhole(null, false)) return false;
    if (desired.hasService(service)) return true;
    if (world.hasService(service)) return false;
    return isWhole(null, true) && (seen.has(key) || isServiceOver(service));
  }

  /**
   * Whether the leader knows that none of those who hang on it need it: it has known itself that it was wanted, all of them
   * are tasks that it knows, and none of its tasks asks for it any more. What it never wanted may be asked for by what
   * managers can't know: the labels of an image, or of a container that is of no service.
   */
  function isNeededByNone({ key, service, users }: Registration): boolean {
    if (nodeSource === null || users === undefined || !seen.has(key)) return false;
    // A leader that is cut off knows what was.
    if (world.source(nodeSource).state !== "connected") return false;
    const tasks = [...world.instances()].filter(({ source }) => source === nodeSource);
    return areKnown(users, service, tasks);
  }

  /** Whether every source that could own the entry has listed all that it has (rule 1). */
  function isWhole(source: string | null, mindDoubt: boolean): boolean {
    return ownSources(source).every(({ syncs, doubtfulSince, lastSynced }) => {
      if (syncs === 0) return false;
      // Up to the last listing: while a source is away nothing is learned, however long that is (rule 3).
      return !mindDoubt || doubtfulSince === null || (lastSynced ?? 0) - doubtfulSince >= probation;
    });
  }

  function ownSources(source: string | null) {
    const known = world.sources();
    const own = known.filter(({ name }) => name === source);
    return own.length > 0 ? own : known;
  }
}
