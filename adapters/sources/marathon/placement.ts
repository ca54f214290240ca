/** Where a task is, as it is said again and again: rule M1 of facts/marathon.md §6. */
import { isOlder, type Moment } from "./moment.ts";
import type { Placement, TaskPort } from "./shapes.ts";
import { ADDRESSED, ASSIGNED, type Changes, HEALTH, NONE, restart, type Task } from "./task.ts";

export interface PlacementNews {
  readonly at: Moment;
  /** Whether a differing value replaces the known one: an answer's does, an event's doesn't. */
  readonly corrects: boolean;
  /** Whether it may have started again under this id, in another place: then the newest word counts, whoever says it. */
  readonly mayMove: boolean;
}

/** M1: said once, said for good; empty never overwrites known. */
export function mergePlacement(
  task: Task,
  said: Placement,
  { at, corrects, mayMove }: PlacementNews,
): { changes: Changes; differs: boolean } {
  const isOld = isOlder(at, task.placedAt);
  const replaces = mayMove ? !isOld : corrects;
  let changes = mayMove && !isOld && hasMoved(task, said) ? leave(task, at) : NONE;
  let differs = false;
  /** @returns whether the said value is to be taken */
  function take(isSaid: boolean, isKnown: boolean, isSame: boolean, bits: Changes): boolean {
    if (!isSaid || isSame) return false;
    differs ||= isKnown;
    if (isKnown && !replaces) return false;
    changes |= bits;
    return true;
  }
  const { version, host, agent, ports, addresses } = said;
  if (take(version !== null, task.version !== null, version === task.version, ASSIGNED | HEALTH))
    task.version = version;
  if (take(host !== null, task.host !== null, host === task.host, ASSIGNED | ADDRESSED)) task.host = host;
  if (take(agent !== null, task.agent !== null, agent === task.agent, ASSIGNED)) task.agent = agent;
  if (take(ports.length > 0, task.ports.length > 0, samePorts(ports, task.ports), ADDRESSED)) task.ports = ports;
  // The addresses of a task may really change its order or grow; only gaining the first matters before an answer.
  if (take(addresses.length > 0, task.addresses.length > 0, sameTexts(addresses, task.addresses), ADDRESSED))
    task.addresses = addresses;
  if (!isOld && (host !== null || ports.length > 0)) task.placedAt = at;
  return { changes, differs };
}

function hasMoved(task: Task, { host, ports }: Placement): boolean {
  if (host !== null && task.host !== null && host !== task.host) return true;
  return ports.length > 0 && task.ports.length > 0 && !samePorts(ports, task.ports);
}

/** It has started again, in another place: nothing of where it was before, and how, is so any more. */
function leave(task: Task, at: Moment): Changes {
  task.ports = [];
  task.addresses = [];
  return ADDRESSED | restart(task, at);
}

/** Names count only where both sides have them: events don't tell the names that a pod's status has. */
function samePorts(said: readonly TaskPort[], known: readonly TaskPort[]): boolean {
  if (said.length !== known.length) return false;
  const isNamed = said.some(({ name }) => name !== null);
  if (isNamed && known.some(({ name }) => name === null)) return false;
  return isNamed
    ? said.every(({ name, port }, at) => known[at]?.port === port && known[at]?.name === name)
    : sameNumbers(said, known);
}

function sameNumbers(said: readonly TaskPort[], known: readonly TaskPort[]): boolean {
  const numbers = new Set(known.map(({ port }) => port));
  return said.every(({ port }) => numbers.has(port));
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, at) => text === b[at]);
}
