/**
 * The join: scattered facts, in any order and any number of times, become what is known of each task.
 *
 * Each (task, kind, source) is a slot that holds the newest fact by that source's clock, ties settled by content; `gone`
 * absorbs; a `synced` raises its source's floor, below which facts no longer count. All of these are maxima, so the
 * result does not depend on the order of arrival (the property test in test/property/correlate.test.ts).
 */
import { keepIn, saysTheSame, slotOf } from "./fact-slots.ts";
import type {
  AddressedFact,
  AssignedFact,
  DefinedFact,
  Fact,
  Health,
  HealthFact,
  NodeFact,
  SourceStateFact,
  StatusFact,
  SyncedFact,
  TaskFact,
  TaskStatus,
} from "./model.ts";

/** What the facts say of one task, joined over sources. Absent: not (or no longer) said. */
export interface TaskRecord {
  readonly task: string;
  readonly source: string;
  readonly assigned: AssignedFact;
  readonly definition: DefinedFact | null;
  /** Definition whose labels are defaults (see `AssignedFact.inherits`). */
  readonly inherited: DefinedFact | null;
  readonly addressed: AddressedFact | null;
  readonly status: TaskStatus | null;
  readonly health: Health | null;
  readonly node: NodeFact | null;
}

/** How far a source's listings can be relied on. */
export interface SourceSync {
  /** Completed listings since the start. */
  readonly syncs: number;
  /** ms since the epoch of the first completed listing; null before it. */
  readonly firstSynced: number | null;
  readonly lastSynced: number | null;
  readonly trust: SyncedFact["trust"] | null;
  /**
   * ms since the epoch of the first of the doubtful listings that are not followed by a whole one, or of the last connection
   * since then; null if there is none.
   */
  readonly doubtfulSince: number | null;
}

export interface UsedDefinition {
  readonly definition: DefinedFact;
  /** Whose labels are defaults for the tasks that use it (see `AssignedFact.inherits`); null: none is known. */
  readonly inherited: DefinedFact | null;
}

export interface Correlator {
  /**
   * Joins one fact.
   * @returns the tasks that it may have changed
   */
  join(fact: Fact): readonly string[];
  /** What is known of a task; null if it is over, no longer listed, or was never assigned. */
  record(task: string): TaskRecord | null;
  /** Whether the task is over for good, as opposed to not being known. */
  isGone(task: string): boolean;
  sync(source: string): SourceSync;
  /** The definitions of what exists: standing by itself, or used by a task. Changes only when `revision` does. */
  definitions(): Iterable<UsedDefinition>;
  revision(): number;
  /** All nodes that are known. */
  nodes(): Iterable<NodeFact>;
  /** Sizes of what is held, for metrics. */
  size(): { readonly tasks: number; readonly definitions: number; readonly tombstones: number };
}

interface Task {
  /** One per kind and source; few, so a list is smaller and faster than a map. */
  facts: SlotFact[];
}
type SlotFact = Exclude<TaskFact, { kind: "gone" }>;

const NEVER_SYNCED: SourceSync = { syncs: 0, firstSynced: null, lastSynced: null, trust: null, doubtfulSince: null };

/** Tombstones kept beyond need; the oldest go first, and only those that a later listing has confirmed. */
const MAX_TOMBSTONES = 20_000;

/** From best to worst: where sources differ, the worst is believed, as sending traffic needs everyone's yes. */
const STATUS_ORDER: readonly TaskStatus[] = ["running", "staging", "paused", "unreachable", "stopping", "stopped"];
const HEALTH_ORDER: readonly Health[] = ["none", "passing", "unknown", "failing"];

export function createCorrelator(): Correlator {
  const tasks = new Map<string, Task>();
  /** Tasks by the definition keys that they refer to. */
  const users = new Map<string, Set<string>>();
  const byNode = new Map<string, Set<string>>();
  const definitions = new Map<string, DefinedFact[]>();
  const nodes = new Map<string, NodeFact[]>();
  /** Task → the `gone` fact's source and clock. */
  const tombstones = new Map<string, { source: string; clock: number }>();
  const floors = new Map<string, number>();
  const syncs = new Map<string, SourceSync>();
  let revision = 0;

  return {
    join(fact) {
      switch (fact.kind) {
        case "synced":
          return joinSynced(fact);
        case "gone":
          return bury(fact.task, fact.source, fact.clock);
        case "defined":
          return joinDefinition(fact);
        case "node":
          return keep(nodes, fact.node, fact) ? [...(byNode.get(fact.node) ?? [])] : [];
        case "assigned":
        case "addressed":
        case "status":
        case "health":
          return joinTaskFact(fact);
        case "source":
          return joinConnection(fact);
        case "resync":
        case "notice":
          return [];
        default:
          return fact satisfies never;
      }
    },
    record(name) {
      const task = tasks.get(name);
      return task === undefined ? null : toRecord(name, task);
    },
    isGone: (task) => tombstones.has(task),
    sync: (source) => syncs.get(source) ?? NEVER_SYNCED,
    *definitions() {
      for (const [key, facts] of definitions) {
        const definition = lowestSource(facts);
        if (definition === null || (definition.standing !== true && !users.has(key))) continue;
        yield { definition, inherited: inheritedBy(key) };
      }
    },
    revision: () => revision,
    *nodes() {
      for (const facts of nodes.values()) {
        const node = lowestSource(facts);
        if (node !== null) yield node;
      }
    },
    size: () => ({ tasks: tasks.size, definitions: definitions.size, tombstones: tombstones.size }),
  };

  /** All who use a definition inherit from the same one: what runs in a service's containers is no other service's. */
  function inheritedBy(key: string): DefinedFact | null {
    const [user = ""] = users.get(key) ?? [];
    const own = tasks.get(user)?.facts.find((fact) => isAssigned(fact) && fact.definition === key);
    const inherits = own === undefined || !isAssigned(own) ? null : own.inherits;
    return inherits === null ? null : lowestSource(definitions.get(inherits));
  }

  function joinDefinition(fact: DefinedFact): readonly string[] {
    if (!keep(definitions, fact.definition, fact)) return [];
    revision++;
    return [...(users.get(fact.definition) ?? [])];
  }

  function joinTaskFact(fact: SlotFact): readonly string[] {
    if (tombstones.has(fact.task) || fact.clock < floorOf(fact.source)) return [];
    const task = tasks.get(fact.task) ?? { facts: [] };
    const held = task.facts[slotOf(task.facts, fact)];
    // A listing repeats what is known: then the indexes, and what is made of them, stay as they are.
    const isMoved = fact.kind === "assigned" && (held === undefined || !saysTheSame(fact, held));
    if (isMoved) unindex(fact.task, task);
    // Copied, since an array that grows by `push` keeps room for more facts than a task ever has.
    if (held === undefined) task.facts = task.facts.concat(fact);
    const changed = held === undefined || keepIn(task.facts, fact);
    tasks.set(fact.task, task);
    if (isMoved) index(fact.task, task);
    return changed ? [fact.task] : [];
  }

  function index(name: string, task: Task): void {
    revision++;
    for (const { definition, inherits, node } of task.facts.filter(isAssigned)) {
      add(users, definition, name);
      if (inherits !== null) add(users, inherits, name);
      add(byNode, node, name);
    }
  }

  function unindex(name: string, task: Task): void {
    revision++;
    for (const { definition, inherits, node } of task.facts.filter(isAssigned)) {
      remove(users, definition, name);
      if (inherits !== null) remove(users, inherits, name);
      remove(byNode, node, name);
    }
  }

  function bury(task: string, source: string, clock: number): readonly string[] {
    tombstones.set(task, { source, clock });
    return forget(task) ? [task] : [];
  }

  function forget(name: string): boolean {
    const task = tasks.get(name);
    if (task === undefined) return false;
    unindex(name, task);
    return tasks.delete(name);
  }

  function joinSynced(fact: SyncedFact): readonly string[] {
    if (fact.floor <= floorOf(fact.source)) return [];
    floors.set(fact.source, fact.floor);
    const before = syncs.get(fact.source) ?? NEVER_SYNCED;
    syncs.set(fact.source, {
      syncs: before.syncs + 1,
      firstSynced: before.firstSynced ?? fact.at,
      lastSynced: fact.at,
      trust: fact.trust,
      doubtfulSince: fact.trust === "doubtful" ? (before.doubtfulSince ?? fact.at) : null,
    });
    const changed = dropBelow(fact.source, fact.floor);
    dropOldTombstones();
    return [...changed];
  }

  /** Behind a new connection there may be another leader, whose listings are in doubt from now on, whatever went before. */
  function joinConnection({ source, state, at }: SourceStateFact): readonly string[] {
    const sync = syncs.get(source);
    if (state !== "connected" || sync === undefined || sync.doubtfulSince === null) return [];
    syncs.set(source, { ...sync, doubtfulSince: Math.max(sync.doubtfulSince, at) });
    return [];
  }

  function dropBelow(source: string, floor: number): Set<string> {
    const stale = (fact: Fact) => fact.source === source && fact.clock < floor;
    const changed = new Set<string>();
    for (const [name, task] of tasks) if (dropStaleFacts(name, task, stale)) changed.add(name);
    const dropped = dropStale(definitions, stale);
    if (dropped.length > 0) revision++;
    for (const key of dropped) addAll(changed, users.get(key));
    for (const key of dropStale(nodes, stale)) addAll(changed, byNode.get(key));
    return changed;
  }

  function dropStaleFacts(name: string, task: Task, stale: (fact: Fact) => boolean): boolean {
    if (!task.facts.some(stale)) return false;
    forget(name);
    const left = { facts: task.facts.filter((fact) => !stale(fact)) };
    if (left.facts.length > 0) {
      tasks.set(name, left);
      index(name, left);
    }
    return true;
  }

  function dropOldTombstones(): void {
    for (const [task, { source, clock }] of tombstones) {
      if (tombstones.size <= MAX_TOMBSTONES) return;
      if (clock < floorOf(source)) tombstones.delete(task);
    }
  }

  function floorOf(source: string): number {
    return floors.get(source) ?? Number.NEGATIVE_INFINITY;
  }

  function keep<F extends DefinedFact | NodeFact>(map: Map<string, F[]>, key: string, fact: F): boolean {
    if (fact.clock < floorOf(fact.source)) return false;
    const facts = map.get(key);
    if (facts !== undefined) return keepIn(facts, fact);
    map.set(key, [fact]);
    return true;
  }

  function toRecord(name: string, { facts }: Task): TaskRecord | null {
    const assigned = first(facts, "assigned");
    if (assigned === null) return null;
    return {
      task: name,
      source: assigned.source,
      assigned,
      definition: lowestSource(definitions.get(assigned.definition)),
      inherited: assigned.inherits === null ? null : lowestSource(definitions.get(assigned.inherits)),
      addressed: first(facts, "addressed"),
      status: worst(
        facts.filter(isStatus).map((fact) => fact.status),
        STATUS_ORDER,
      ),
      health: worst(
        facts.filter(isHealth).map((fact) => fact.health),
        HEALTH_ORDER,
      ),
      node: lowestSource(nodes.get(assigned.node)),
    };
  }
}

function first<K extends SlotFact["kind"]>(facts: readonly SlotFact[], kind: K): Extract<SlotFact, { kind: K }> | null {
  return lowestSource(facts.filter((fact): fact is Extract<SlotFact, { kind: K }> => fact.kind === kind));
}

/** Clocks of different sources can't be compared; the name can, and gives the same answer everywhere. */
function lowestSource<F extends Fact>(facts: readonly F[] | undefined): F | null {
  let lowest: F | null = null;
  for (const fact of facts ?? []) if (lowest === null || fact.source < lowest.source) lowest = fact;
  return lowest;
}

function worst<T>(values: readonly T[], order: readonly T[]): T | null {
  let worstAt = -1;
  for (const value of values) worstAt = Math.max(worstAt, order.indexOf(value));
  return order[worstAt] ?? null;
}

function isAssigned(fact: Fact): fact is AssignedFact {
  return fact.kind === "assigned";
}

function isStatus(fact: Fact): fact is StatusFact {
  return fact.kind === "status";
}

function isHealth(fact: Fact): fact is HealthFact {
  return fact.kind === "health";
}

/** Drops stale facts from a map of fact lists. @returns the keys that lost one */
function dropStale<F extends Fact>(map: Map<string, F[]>, stale: (fact: F) => boolean): string[] {
  const changed: string[] = [];
  for (const [key, facts] of map) {
    const left = facts.filter((fact) => !stale(fact));
    if (left.length === facts.length) continue;
    changed.push(key);
    if (left.length === 0) map.delete(key);
    else map.set(key, left);
  }
  return changed;
}

function addAll(set: Set<string>, values: Iterable<string> | undefined): void {
  for (const value of values ?? []) set.add(value);
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([value]));
  else set.add(value);
}

function remove(map: Map<string, Set<string>>, key: string, value: string): void {
  const set = map.get(key);
  if (set?.delete(value) === true && set.size === 0) map.delete(key);
}
