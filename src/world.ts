/**
 * What really runs, as far as the sources have said: the correlator's instances, kept up to date fact by fact, with who
 * changed and why. The one place that sources write to and that registries, API and metrics read from.
 */
import { createCorrelator, type SourceSync, type TaskRecord } from "./correlate.ts";
import { noteStates } from "./explain/states.ts";
import { instancesOf } from "./instances.ts";
import { sameJson } from "./json.ts";
import { createLastDefinitions } from "./last-definitions.ts";
import type { Fact, Instance, Json, NodeFact, Registration, SourceEvent } from "./model.ts";
import { type ClaimRule, createPermissions, PERMISSION } from "./policy-claims.ts";
import { type Services, servicesOf } from "./services.ts";
import { createShared } from "./shared-instances.ts";
import { createTimeline, type Timeline } from "./timeline.ts";

export interface InstanceChange {
  readonly id: string;
  readonly before: Instance | null;
  readonly after: Instance | null;
}

/** What is known of the task behind a registration that is not wanted (any more). */
export type Fate =
  /** Too little is known yet: leave it as it is. */
  | "unsettled"
  /** Its instance is fit to be registered. */
  | "ready"
  /** A fact says that it must not be registered now: stopping, unhealthy, drained … */
  | "withdrawn"
  /** Its end was seen. */
  | "gone"
  /** Nobody knows it: concluded from absence only. */
  | "absent";

export interface SourceView extends SourceSync {
  readonly name: string;
  /** `standby`: another Muster handles it. */
  readonly state: "connecting" | "connected" | "disconnected" | "standby";
  readonly error: string | null;
  /** Facts taken in since the start. */
  readonly facts: number;
}

export interface World {
  readonly timeline: Timeline;
  /** Takes one fact in; subscribers hear of what it changed, in batches. */
  join(fact: SourceEvent): void;
  instance(id: string): Instance | null;
  instances(): Iterable<Instance>;
  instancesOfTask(task: string): readonly Instance[];
  /** What the facts say of a task; null if it is over, or was never known. */
  task(task: string): TaskRecord | null;
  fate(registration: Registration): Fate;
  /** Brings the instances up to date at once with what has been joined: facts of one turn are taken in together, a little later. */
  flush(): void;
  /** Whether the service exists, with or without instances, as far as the sources have said. */
  hasService(service: string): boolean;
  /** All nodes that the sources know. */
  nodes(): Iterable<NodeFact>;
  /** Operator's drain: takes ready instances out of every registry, or puts them back. @returns the ids that it found */
  drain(ids: readonly string[], on: boolean): readonly string[];
  source(name: string): SourceView;
  sources(): readonly SourceView[];
  /** Services used by several apps of which at least one did not choose the name: service → apps. */
  collisions(): ReadonlyMap<string, readonly string[]>;
  /** @returns a function that ends the subscription */
  subscribe(listener: Listener): () => void;
  size(): {
    readonly instances: number;
    readonly tasks: number;
    readonly definitions: number;
    readonly tombstones: number;
  };
}

export interface Listener {
  changed?(changes: readonly InstanceChange[]): void;
  /**
   * A source completed a listing.
   * @param hasLost whether it lacked definitions that there were before: of services that are no more
   */
  synced?(source: string, hasLost: boolean): void;
  /** A task is over for good: perhaps the last of its service. */
  ended?(task: string): void;
  /** A task of this source waits for facts: its definition, its addresses. */
  waiting?(source: string, task: string): void;
  sourceChanged?(source: SourceView): void;
  notice?(fact: Extract<Fact, { kind: "notice" }>): void;
  /** Something was said of a node, new or not. */
  node?(fact: NodeFact): void;
}

export interface WorldOptions {
  /** The configured sources: rule 1 waits for all of those. */
  readonly sources: readonly string[];
  /** See `instancesOf`. @default false */
  readonly awaitsInherited?: boolean;
  /** `policy.claims`; none: everything is allowed. @default none */
  readonly claims?: readonly ClaimRule[];
  /** Runs a flush soon, so that facts that come together are computed once; default `setImmediate`. */
  readonly schedule?: (flush: () => void) => void;
  /** ms since the epoch, for the time line; default `Date.now`. */
  readonly now?: () => number;
}

export function createWorld(options: WorldOptions): World {
  const schedule = options.schedule ?? ((flush) => void setImmediate(flush));
  const time = options.now ?? Date.now;
  const correlator = createCorrelator();
  const lastDefinitions = createLastDefinitions();
  const timeline = createTimeline();
  const instances = new Map<string, Instance>();
  const byTask = new Map<string, readonly string[]>();
  /** Instances that several tasks share (a port of Swarm's routing mesh), as each of the tasks has them. */
  const shared = createShared();
  const unsettled = new Set<string>();
  const drained = new Set<string>();
  const connections = new Map<string, Pick<SourceView, "state" | "error">>();
  const counts = new Map<string, number>();
  const listeners = new Set<Listener>();
  const dirty = new Set<string>();
  const names = new Set(options.sources);
  const permissions = createPermissions(options.claims ?? []);
  let services: { readonly revision: number; readonly known: Services } | null = null;

  return {
    timeline,
    join,
    instance: (id) => instances.get(id) ?? null,
    instances: () => instances.values(),
    instancesOfTask: (task) => (byTask.get(task) ?? []).flatMap((id) => instances.get(id) ?? []),
    task: recordOf,
    fate,
    flush,
    hasService,
    nodes: correlator.nodes,
    drain,
    source,
    sources: () => [...names].map(source),
    collisions,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    size: () => ({ instances: instances.size, ...correlator.size() }),
  };

  function join(fact: SourceEvent): void {
    counts.set(fact.source, (counts.get(fact.source) ?? 0) + 1);
    names.add(fact.source);
    record(fact);
    const { definitions } = correlator.size();
    for (const task of correlator.join(fact)) markDirty(task);
    if (fact.kind === "synced") listed(fact.source, correlator.size().definitions < definitions);
    else tell(fact);
  }

  /** What the listing dropped must be out of the instances before anyone concludes something from it. */
  function listed(by: string, hasLost: boolean): void {
    flush();
    for (const listener of listeners) listener.synced?.(by, hasLost);
  }

  function tell(fact: SourceEvent): void {
    if (fact.kind === "source") setConnection(fact);
    for (const listener of listeners) tellOne(listener, fact);
  }

  function record(fact: SourceEvent): void {
    if ("task" in fact && fact.task !== null) timeline.fact(fact.task, fact);
  }

  function setConnection({ source: name, state, error }: Extract<Fact, { kind: "source" }>): void {
    connections.set(name, { state, error });
    for (const listener of listeners) listener.sourceChanged?.(source(name));
  }

  function markDirty(task: string): void {
    if (dirty.size === 0) schedule(flush);
    dirty.add(task);
  }

  function flush(): void {
    if (dirty.size === 0) return;
    const changes: InstanceChange[] = [];
    for (const task of dirty) changes.push(...recompute(task));
    dirty.clear();
    timeline.trim();
    if (changes.length > 0) for (const listener of listeners) listener.changed?.(changes);
  }

  function recordOf(task: string): TaskRecord | null {
    const record = correlator.record(task);
    if (record !== null) return lastDefinitions.complete(record);
    lastDefinitions.forget(task);
    return null;
  }

  function recompute(task: string): InstanceChange[] {
    const known = recordOf(task);
    const { instances: made, settled } =
      known === null ? { instances: [], settled: true } : instancesOf(known, options.awaitsInherited);
    const now = made.map((instance) => permissions.permitted(instance, known?.definition ?? null));
    if (settled) unsettled.delete(task);
    else unsettled.add(task);
    if (!settled && known !== null) for (const listener of listeners) listener.waiting?.(known.source, task);
    const held = byTask.get(task) ?? [];
    const ids = now.map(({ id }) => id);
    if (ids.length > 0) byTask.set(task, ids);
    else byTask.delete(task);
    const left = held.filter((id) => !ids.includes(id));
    const changes = [
      ...left.flatMap((id) => replace(id, shared.take(id, task, null))),
      ...now.flatMap((instance) => replace(instance.id, withDrain(shared.take(instance.id, task, instance)))),
    ];
    noteStates(timeline, task, known, changes, time());
    return changes;
  }

  function withDrain(instance: Instance | null): Instance | null {
    return instance !== null && drained.has(instance.id) && instance.state === "ready"
      ? { ...instance, state: "draining" }
      : instance;
  }

  function replace(id: string, after: Instance | null): InstanceChange[] {
    const before = instances.get(id) ?? null;
    if (after === null) {
      instances.delete(id);
      drained.delete(id);
    } else instances.set(id, after);
    return same(before, after) ? [] : [{ id, before, after }];
  }

  function fate({ task, instance }: Registration): Fate {
    if (task === null) return "absent";
    if (isOpen(task)) return "unsettled";
    const known = instance === null ? undefined : instances.get(instance);
    if (known !== undefined) return known.state === "ready" ? "ready" : "withdrawn";
    if (correlator.record(task) !== null) return "withdrawn";
    return correlator.isGone(task) ? "gone" : "absent";
  }

  /** What has just been joined, in part perhaps, says nothing before it is taken in. */
  function isOpen(task: string): boolean {
    return unsettled.has(task) || dirty.has(task);
  }

  function hasService(service: string): boolean {
    const revision = correlator.revision();
    if (services?.revision !== revision) {
      services = { revision, known: servicesOf(correlator.definitions(), permissions.mayUse) };
    }
    return services.known.has(service);
  }

  function drain(ids: readonly string[], on: boolean): readonly string[] {
    const found = ids.filter((id) => instances.has(id));
    for (const id of found) {
      if (on) drained.add(id);
      else drained.delete(id);
      markDirty(instances.get(id)?.task ?? "");
    }
    return found;
  }

  function source(name: string): SourceView {
    const { state, error } = connections.get(name) ?? { state: "connecting" as const, error: null };
    return { name, state, error, facts: counts.get(name) ?? 0, ...correlator.sync(name) };
  }

  function collisions(): ReadonlyMap<string, readonly string[]> {
    const apps = new Map<string, Map<string, boolean>>();
    for (const { service, app, named, missing } of instances.values()) {
      if (missing.includes(PERMISSION)) continue;
      const users = apps.get(service) ?? new Map<string, boolean>();
      users.set(app, (users.get(app) ?? true) && named);
      apps.set(service, users);
    }
    const byName = (a: string, b: string) => (a < b ? -1 : 1);
    const colliding = [...apps].filter(([, users]) => users.size > 1 && [...users.values()].includes(false));
    return new Map(colliding.map(([service, users]) => [service, [...users.keys()].sort(byName)]));
  }
}

function tellOne(listener: Listener, fact: SourceEvent): void {
  if (fact.kind === "gone") listener.ended?.(fact.task);
  else if (fact.kind === "notice") listener.notice?.(fact);
  else if (fact.kind === "node") listener.node?.(fact);
}

function same(a: Instance | null, b: Instance | null): boolean {
  // Instances are plain JSON.
  return sameJson(a as unknown as Json, b as unknown as Json);
}
