/**
 * What is held of each container: joins events, inspects and listings of one engine into facts. Synchronous and without
 * I/O, so that the event stream is read as fast as it comes; whatever must be inspected is only named.
 *
 * A fact's clock is the moment its *question* was asked: an event is stamped when read, an inspect when requested, so an
 * event that comes while an inspect is under way beats its answer.
 */
import type { Fact } from "../../../src/model.ts";
import type { Content, Stamp, Stamps } from "../stamps.ts";
import { type Container, contentsOf, statusOf, taskIdOf } from "./container.ts";
import { gateFault } from "./end-container.ts";
import { healthOf, type Snapshot } from "./facts.ts";
import type { PastKill } from "./history.ts";
import type { Row } from "./inspect.ts";
import { deadlineOf, isKnown, isStopping, judgeKills, noteKill, stopOf, stoppingSince } from "./kills.ts";
import { signalNumber } from "./signals.ts";
import type { ContainerEvent } from "./stream.ts";
import { taskOf } from "./task.ts";

export interface Containers {
  /** @returns the container that must be inspected because of it, if any */
  event(event: ContainerEvent): Container | null;
  /** Takes in a signal that was sent while nobody listened; judged, and told, with the next inspect. */
  recall(kill: PastKill): void;
  /**
   * @param stamp of the moment when the inspect was requested
   * @returns whether it must be inspected again
   */
  inspected(container: Container, snapshot: Snapshot, stamp: Stamp): boolean;
  /** The engine does not know it (any more). */
  missing(container: Container): void;
  /** Whether it is still this very container that is known under its id. */
  holds(container: Container): boolean;
  /**
   * Takes a listing in and forgets what it lacks.
   * @param asked clock at which it was requested
   * @returns the listed containers, but those that have ended since
   */
  listed(rows: readonly Row[], asked: number): readonly Container[];
  /** Says again what is held of it; of a container never inspected only that it exists, so that nothing is concluded. */
  repeat(container: Container, stamp: Stamp): void;
  /** Containers that outlived a stop signal: they run again, and must be inspected. */
  survivors(): readonly Container[];
  /** ms since the epoch at which `survivors` may find the next one; Infinity: none is stopping. */
  nextDeadline(): number;
  /** The one of this task that was told to stop and has not ended. */
  stopping(task: string): Container | null;
  /** Tells a person about it, unless that was the last thing told. */
  complain(container: Container, message: string): void;
}

export interface ContainersOptions {
  readonly stamps: Stamps;
  /** Id of this node. */
  readonly node: string;
  /** On top of a container's own stop time, before it counts as a survivor, ms. */
  readonly survivalGrace: number;
  now(): number;
  emit(facts: readonly Fact[]): void;
}

export function createContainers(options: ContainersOptions): Containers {
  const { stamps, now } = options;
  const known = new Map<string, Container>();

  return { event, recall, inspected, missing, holds, listed, repeat, survivors, nextDeadline, stopping, complain };

  function emit(contents: readonly Content[], stamp: Stamp): void {
    options.emit(contents.map((content) => stamps.fact(content, stamp)));
  }

  function open(id: string, task: string | null): Container {
    const held = known.get(id);
    if (held !== undefined) {
      held.task ??= task;
      return held;
    }
    const container: Container = {
      id,
      task,
      heard: 0,
      ended: null,
      run: null,
      kills: [],
      snapshot: null,
      complaint: null,
    };
    known.set(id, container);
    return container;
  }

  function event(event: ContainerEvent): Container | null {
    // Network events come before the start and after the end as well, when an inspect would block on the container's lock.
    const isNetwork = event.action === "connect" || event.action === "disconnect";
    if (isNetwork && !known.has(event.container)) return null;
    const container = open(event.container, event.task);
    const stamp = stamps.next(event.action);
    container.heard = stamp.clock;
    apply(event, container, stamp);
    const idle = container.ended !== null || isStopping(container) || event.action === "kill";
    return idle || event.action === "destroy" ? null : container;
  }

  function apply({ action, detail }: ContainerEvent, container: Container, stamp: Stamp): void {
    const task = taskIdOf(container);
    switch (action) {
      case "start":
        container.ended = null;
        container.kills = [];
        container.run = null;
        break;
      case "kill":
        killed(container, detail ?? "", stamp);
        break;
      case "die":
        end(container, stamp.clock);
        emit([{ kind: "status", task, status: "stopped", reason: `exit code ${detail ?? "unknown"}` }], stamp);
        break;
      case "destroy":
        known.delete(container.id);
        emit([{ kind: "gone", task, reason: "container removed" }], stamp);
        break;
      case "health_status":
        healthChanged(container, detail ?? "", stamp);
        break;
      case "pause":
        if (container.ended !== null || isStopping(container)) break;
        emit([{ kind: "status", task, status: "paused", reason: null }], stamp);
        break;
      case "unpause":
      case "rename":
      case "update":
      case "connect":
      case "disconnect":
        break;
      default:
        action satisfies never;
    }
  }

  function killed(container: Container, text: string, stamp: Stamp): void {
    const signal = signalNumber(text);
    if (signal === null || container.ended !== null) return;
    if (noteKill(container, { signal, run: container.run, at: now() })) emit([statusOf(container)], stamp);
  }

  function recall({ container: id, task, signal: text, at }: PastKill): void {
    const signal = signalNumber(text);
    if (signal === null) return;
    const container = open(id, task);
    if (!isKnown(container, { signal, at })) noteKill(container, { signal, run: null, at });
  }

  function healthChanged(container: Container, text: string, stamp: Stamp): void {
    const content = { kind: "health", task: taskIdOf(container), health: healthOf(text) } as const;
    if (container.snapshot !== null) container.snapshot = { ...container.snapshot, health: content };
    emit([content], stamp);
  }

  function end(container: Container, clock: number): void {
    container.ended = clock;
    container.kills = [];
  }

  function inspected(container: Container, snapshot: Snapshot, stamp: Stamp): boolean {
    if (!holds(container)) return false;
    if (container.ended !== null && stamp.clock < container.ended) return false;
    container.task = snapshot.task;
    if (snapshot.status === "stopped") {
      if (stamp.clock > container.heard) end(container, stamp.clock);
      emit([{ kind: "status", task: snapshot.task, status: "stopped", reason: snapshot.reason }], stamp);
      return false;
    }
    container.ended = null;
    container.run = snapshot.startedAt;
    container.snapshot = snapshot;
    const dismissed = judgeKills(container, snapshot, options.survivalGrace, now());
    say(container, snapshot, stamp);
    const fault = gateFault(snapshot);
    if (fault !== null) complain(container, fault);
    // "Stopping" has been said with a newer clock than this answer's.
    return dismissed && stamp.clock < container.heard;
  }

  /** Status last: whoever acts on "running" must have the rest already. */
  function say(container: Container, snapshot: Snapshot, stamp: Stamp): void {
    emit(contentsOf(snapshot), stamp);
    // That it stops may be known from the engine's memory: what waits for its drain counts from the signal on.
    emit([statusOf(container)], { ...stamp, at: stoppingSince(container) ?? stamp.at });
  }

  function missing(container: Container): void {
    if (holds(container)) known.delete(container.id);
  }

  function holds(container: Container): boolean {
    return known.get(container.id) === container;
  }

  function listed(rows: readonly Row[], asked: number): readonly Container[] {
    const present = new Set(rows.map(({ Id }) => Id));
    for (const { id, heard } of known.values()) if (!present.has(id) && heard < asked) known.delete(id);
    const containers = rows.map(({ Id, Names, Labels }) => open(Id, taskOf(Id, Names[0] ?? "", Labels)));
    // Up again, though nobody said so.
    for (const container of containers) if (container.ended !== null && container.ended < asked) container.ended = null;
    return containers.filter(({ ended }) => ended === null);
  }

  function repeat(container: Container, stamp: Stamp): void {
    const { id, snapshot } = container;
    const task = taskIdOf(container);
    const bare = { kind: "assigned", task, definition: `container:${id}`, inherits: null, node: options.node } as const;
    if (snapshot === null) emit([bare], stamp);
    else say(container, snapshot, stamp);
  }

  function survivors(): readonly Container[] {
    const found = [...known.values()].filter((container) => deadlineOf(container, options.survivalGrace) <= now());
    for (const container of found) {
      complain(
        container,
        `was sent signal ${stopOf(container)?.signal}, its stop signal, but runs on: it counts as running again`,
      );
      container.complaint = null;
      container.kills = [];
    }
    return found;
  }

  function nextDeadline(): number {
    const deadlines = [...known.values()].map((container) => deadlineOf(container, options.survivalGrace));
    return Math.min(Number.POSITIVE_INFINITY, ...deadlines);
  }

  function stopping(task: string): Container | null {
    const isIt = (one: Container) => taskIdOf(one) === task && one.ended === null && isStopping(one);
    return [...known.values()].find(isIt) ?? null;
  }

  function complain(container: Container, message: string): void {
    if (container.complaint === message) return;
    container.complaint = message;
    const text = `docker: container ${container.id.slice(0, 12)} ${message}`;
    emit([{ kind: "notice", task: taskIdOf(container), message: text }], stamps.next("notice"));
  }
}
