/** Events → what is held. Synchronous and without I/O, so that the stream is read as fast as it comes. */

import { readDefinition } from "./apps.ts";
import { type Asks, type Subject, subjectOf } from "./asks.ts";
import { createConditionHearing } from "./conditions.ts";
import type { DefinitionEvent, KillEvent, MarathonEvent, StatusEvent } from "./event.ts";
import { lacksPlace } from "./facts.ts";
import { createHealthHearing } from "./health.ts";
import type { Held } from "./held.ts";
import { createHintHearing } from "./hints.ts";
import { isOlder, type Look, type Moment } from "./moment.ts";
import type { Parking } from "./parking.ts";
import { mergePlacement } from "./placement.ts";
import type { Definition, Placement } from "./shapes.ts";
import { type Phase, standingOf } from "./status.ts";
import { mayReturn, mergePhase, NONE, newTask, restart, type Task } from "./task.ts";

export interface Hearing {
  hear(event: MarathonEvent): void;
  /** A new connection: moments before it can't be compared with those after. */
  attached(): void;
  /** The moment at which a question is asked now. */
  look(): Look;
  /** A listing was complete: events older than it about tasks that it lacks are late ones. */
  listed(look: Look): void;
  /** Asks for what a task waits for. */
  resolve(task: string): void;
  /** Marathon up to 0.10 posts a definition before it is certain. */
  setTrustsPosts(trusts: boolean): void;
}

export interface HearingOptions {
  readonly held: Held;
  readonly asks: Asks;
  readonly parking: Parking;
  /** From a hint to the read, ms. */
  readonly hintDelay: number;
  readonly readinessPoll: number;
  now(): number;
}

export function createHearing({ held, asks, parking, hintDelay, readinessPoll, now }: HearingOptions): Hearing {
  let epoch = 0;
  let newest = 0;
  let heard = 0;
  let listedAt: Look | null = null;
  const health = createHealthHearing(held, asks, parking);
  const conditions = createConditionHearing(held, asks);
  const hints = createHintHearing(held, asks, hintDelay);
  let trustsPosts = true;

  return {
    hear,
    attached() {
      epoch += 1;
      newest = 0;
    },
    look: () => ({ epoch, ts: newest, heard, at: now() }),
    listed(look) {
      listedAt = look;
    },
    resolve(id) {
      const task = held.tasks.get(id);
      if (task === undefined) return;
      const subject = subjectOf(id, task.app);
      if (task.version !== null && held.definitionOf(task) === null) asks.definition(subject, task.version);
      else asks.tasks(subject);
    },
    setTrustsPosts(trusts) {
      trustsPosts = trusts;
    },
  };

  function hear(event: MarathonEvent): void {
    heard += 1;
    newest = Math.max(newest, event.ts ?? 0);
    const at = { epoch, ts: event.ts ?? newest };
    switch (event.kind) {
      case "status":
        hearStatus(event, at);
        break;
      case "kill":
        hearKill(event, at);
        break;
      case "instanceHealth":
        health.hearInstance(event, at);
        break;
      case "checkHealth":
        health.hearCheck(event, at);
        break;
      case "instance":
        if (!isLate(at)) conditions.hearInstance(event);
        break;
      case "stranger":
        conditions.hearStranger(event);
        break;
      case "definition":
        hearDefinition(event);
        break;
      case "hint":
        hints.hearHint(event, heard);
        break;
      case "terminated":
        hints.hearDeletion(event.app, heard);
        break;
      case "registered":
        asks.listing();
        break;
      case "other":
        break;
      default:
        event satisfies never;
    }
  }

  function hearStatus(event: StatusEvent, at: Moment): void {
    const standing = standingOf(event.state);
    // A state that nobody knows yet: an answer may tell more.
    if (standing === null) asks.tasks(subjectOf(event.task, event.app));
    else if (standing === "ended") finish(event, at);
    else hearPhase(event, standing, at);
  }

  function hearPhase(event: StatusEvent, phase: Phase, at: Moment): void {
    const task = taskOf(event, at);
    if (task === null) return;
    const placement = place(task, event, at);
    // A task that runs is only staged when it has started again.
    const isAnew = phase === "staging" && isOlder(task.phaseAt, at) && mayReturn(task, held.definitionOf(task));
    const moved =
      (isAnew ? restart(task, at) : NONE) |
      mergePhase(task, { phase, at, reason: reasonOf(event), now: now(), killGrace: null });
    task.heard = heard;
    held.say(task, placement.changes | moved | health.takeParked(task, epoch), event.state);
    if (placement.differs) asks.tasks(subjectOf(task.id, task.app));
    ask(task);
  }

  /** Whether a listing knew better when it was said. */
  function isLate(at: Moment): boolean {
    return listedAt !== null && listedAt.epoch === epoch && isOlder(at, listedAt);
  }

  /** The task that an event is about; null for one that is over, or that came too late to be believed. */
  function taskOf({ task: id, app }: StatusEvent, at: Moment): Task | null {
    const stone = held.tombstones.get(id);
    if (stone === "ended") return null;
    if (stone === null && (held.tasks.has(id) || !isLate(at))) return held.open(id, app, at.ts);
    asks.tasks(subjectOf(id, app));
    return null;
  }

  function place(task: Task, said: Placement, at: Moment): ReturnType<typeof mergePlacement> {
    return mergePlacement(task, said, { at, corrects: false, mayMove: mayReturn(task, held.definitionOf(task)) });
  }

  function finish(event: StatusEvent, at: Moment): void {
    const reason = event.message === null ? event.state : `${event.state}: ${shorten(event.message)}`;
    const known = held.tasks.get(event.task);
    const task = known ?? newTask(event.task, event.app, at.ts);
    if (known === undefined) place(task, event, at);
    if (!mayReturn(task, held.definitionOf(task))) held.end(event.task, reason, event.state);
    else stop(event, at, reason);
  }

  /** It may start again, or nobody knows yet whether it may. */
  function stop(event: StatusEvent, at: Moment, reason: string): void {
    const task = taskOf(event, at);
    if (task === null) return;
    const placed = task.version === null ? place(task, event, at).changes : NONE;
    const moved = mergePhase(task, { phase: "stopped", at, reason, now: now(), killGrace: null });
    task.heard = heard;
    held.say(task, placed | moved, event.state);
    ask(task);
  }

  /** What a task lacks that only an answer can tell. */
  function ask(task: Task): void {
    const subject = subjectOf(task.id, task.app);
    const definition = held.definitionOf(task);
    if (task.version === null) asks.tasks(subject);
    else if (definition === null) asks.definition(subject, task.version);
    else if (task.phase === "running") askOfRunning(task, definition, subject);
  }

  function askOfRunning(task: Task, definition: Definition, subject: Subject): void {
    if (lacksPlace(task, definition)) asks.tasks(subject, { isStillNeeded: () => lacksPlace(task, definition) });
    if (definition.readiness && task.ready !== true)
      asks.tasks(subject, { delay: readinessPoll, isStillNeeded: () => task.ready !== true });
  }

  function hearKill(event: KillEvent, at: Moment): void {
    const task = held.tasks.get(event.task);
    if (task === undefined) return;
    const reason = `unhealthy: ${shorten(event.reason ?? "its health checks fail")}`;
    task.heard = heard;
    const changes = mergePhase(task, { phase: "stopping", at, reason, now: now(), killGrace: null });
    held.say(task, changes, event.type);
  }

  function hearDefinition({ definition: json, type }: DefinitionEvent): void {
    const definition = readDefinition(json);
    // A service port of 0 is still to be assigned (fact 4); the version's own answer tells.
    if (definition === null || definition.isUnassigned || !trustsPosts) return;
    held.definitions.version([definition]);
    held.describe(definition.app, type);
  }
}

function reasonOf({ message }: StatusEvent): string | null {
  return message === null ? null : shorten(message);
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= 200 ? line : `${line.slice(0, 197)}...`;
}
