/** Events → what is held. Synchronous and without I/O, so that the stream is read as fast as it comes. */

import { readDefinition } from "./apps.ts";
import type { Asks, Subject, Wish } from "./asks.ts";
import type { DefinitionEvent, InstanceEvent, KillEvent, MarathonEvent, StatusEvent, StrangerEvent } from "./event.ts";
import { lacksPlace } from "./facts.ts";
import { createHealthHearing } from "./health.ts";
import type { Held } from "./held.ts";
import { readTaskId } from "./ids.ts";
import { isOlder, type Look, type Moment } from "./moment.ts";
import type { Parking } from "./parking.ts";
import type { Definition } from "./shapes.ts";
import { type Phase, type Standing, standingOf } from "./status.ts";
import { latest, mayReturn, mergePhase, mergePlacement, type Task } from "./task.ts";

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
        hearInstance(event, at);
        break;
      case "stranger":
        hearStranger(event);
        break;
      case "definition":
        hearDefinition(event);
        break;
      case "hint":
        for (const app of event.apps) asks.tasks({ app, isPod: false }, { delay: hintDelay });
        for (const app of event.pods) asks.tasks({ app, isPod: true }, { delay: hintDelay });
        break;
      case "terminated":
        askWhile(event.app, () => held.ofApp(event.app));
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
    const placement = mergePlacement(task, event, false);
    const moved = mergePhase(task, { phase, at, reason: reasonOf(event), now: now(), killGrace: null });
    task.heard = heard;
    held.say(task, placement.changes | moved | health.takeParked(task, epoch), event.state);
    if (placement.differs) asks.tasks(subjectOf(task.id, task.app));
    ask(task);
  }

  /** The task that an event is about; null for one that is over, or that came too late to be believed. */
  function taskOf({ task: id, app }: StatusEvent, at: Moment): Task | null {
    const stone = held.tombstones.get(id);
    if (stone === "ended") return null;
    const isLate = listedAt !== null && listedAt.epoch === epoch && isOlder(at, listedAt) && !held.tasks.has(id);
    if (stone === null && !isLate) return held.open(id, app, at.ts);
    asks.tasks(subjectOf(id, app));
    return null;
  }

  function finish(event: StatusEvent, at: Moment): void {
    const reason = event.message === null ? event.state : `${event.state}: ${shorten(event.message)}`;
    const task = held.tasks.get(event.task);
    if (task === undefined || !mayReturn(task, held.definitionOf(task))) {
      held.end(event.task, reason, event.state);
      return;
    }
    task.heard = heard;
    const changes = mergePhase(task, { phase: "stopped", at, reason, now: now(), killGrace: null });
    held.say(task, changes, event.state);
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

  /** Comes right after the status of the task, so it only tells when that was lost: then an answer tells which task. */
  function hearInstance({ instance, app, condition }: InstanceEvent, at: Moment): void {
    const standing = standingOf(condition);
    if (standing === null || (listedAt !== null && listedAt.epoch === epoch && isOlder(at, listedAt))) return;
    if (!disagrees(instance, standing)) return;
    askFor(instance, app, () => disagrees(instance, standing));
  }

  function disagrees(instance: string, standing: Standing): boolean {
    const tasks = latest(held.ofInstance(instance));
    const phases: readonly Phase[] = tasks.map(({ phase }) => phase);
    switch (standing) {
      case "running":
        return phases.length === 0 || phases.includes("staging") || phases.includes("unreachable");
      case "unreachable":
      case "stopping":
        return phases.includes("running");
      case "ended":
        return phases.some((phase) => phase !== "stopped");
      default:
        return false;
    }
  }

  function hearStranger({ task, instance, app, condition, type }: StrangerEvent): void {
    if (standingOf(condition) !== "ended") return;
    if (task !== null) held.end(task, condition, type);
    else if (instance !== null) askWhile(app, () => held.ofInstance(instance));
  }

  function hearDefinition({ definition: json, type }: DefinitionEvent): void {
    const definition = readDefinition(json);
    // A service port of 0 is still to be assigned (fact 4); the version's own answer tells.
    if (definition === null || definition.isUnassigned || !trustsPosts) return;
    held.definitions.version([definition]);
    held.describe(definition.app, type);
  }

  function askWhile(app: string, tasks: () => readonly Task[]): void {
    const [first] = tasks();
    if (first !== undefined) asks.tasks(subjectOf(first.id, app), { isStillNeeded: () => tasks().length > 0 });
  }

  function askFor(instance: string, app: string, isStillNeeded: NonNullable<Wish["isStillNeeded"]>): void {
    const [known] = held.ofInstance(instance);
    // Without a task of it nobody knows whether it is a pod's, unless the app is known as one.
    const isPod =
      known === undefined ? held.ofApp(app).some(({ container }) => container !== null) : known.container !== null;
    asks.tasks({ app, isPod }, { isStillNeeded });
  }
}

function subjectOf(task: string, app: string): Subject {
  return { app, isPod: readTaskId(task, app).container !== null };
}

function reasonOf({ message }: StatusEvent): string | null {
  return message === null ? null : shorten(message);
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= 200 ? line : `${line.slice(0, 197)}...`;
}
