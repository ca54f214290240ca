/**
 * Readings, one after the other, become what has to be said: a full listing first, then what is different. A manager's
 * events and versions play no part in it, so that replayed or repeated events say nothing new. Pure.
 */
import { canonicalJson } from "../../../src/json.ts";
import type { Json } from "../../../src/model.ts";
import type { Content } from "../stamps.ts";
import { type Audience, type Saying, sayingsOf } from "./facts.ts";
import type { Reading } from "./reading.ts";

/** A fact that is not stamped yet: whoever hears it gives it a clock of his own. */
export interface Said {
  /** Of a `synced` the floor is that of its `resync`, whatever is said here. */
  readonly content: Content;
  readonly via: string;
}

export interface Feed {
  /** Everything, in brackets. */
  listing(reading: Reading): readonly Said[];
  /** What has changed since the last call of either; a listing, where only that can say so. */
  changes(reading: Reading): readonly Said[];
}

export function createFeed(audience: Audience): Feed {
  let held: ReadonlyMap<string, Saying> | null = null;

  return { listing, changes };

  function listing(reading: Reading): readonly Said[] {
    const now = byKey(sayingsOf(reading, audience));
    const said = held === null ? [] : ended(held, now);
    held = now;
    return [
      ...said,
      ...bracketed(
        [...now.values()].map(({ content }) => content),
        trustOf(audience),
      ),
    ];
  }

  function changes(reading: Reading): readonly Said[] {
    const before = held;
    if (before === null) return listing(reading);
    const now = byKey(sayingsOf(reading, audience));
    // That a service or node is no more is told by no fact of its own.
    for (const [key, { task }] of before) if (!now.has(key) && isHeldBack(task, now)) return listing(reading);
    held = now;
    const changed = [...now.values()].filter(({ key, content }) => !isSame(before.get(key)?.content, content));
    return [...ended(before, now), ...changed.map(({ content }): Said => ({ content, via: "change" }))];
  }
}

/**
 * The listing of a node's own Muster takes nothing away that its engine has; it is the truth about what a manager said of
 * this node. The leader's is believed to be whole, and guarded.
 */
function trustOf({ node }: Audience): "node" | "whole" {
  return node === null ? "whole" : "node";
}

/** A listing in `resync`…`synced` brackets. */
export function bracketed(contents: readonly Content[], trust: "node" | "whole" | "doubtful"): readonly Said[] {
  const all: readonly Content[] = [{ kind: "resync" }, ...contents, { kind: "synced", floor: 0, trust }];
  return all.map((content) => ({ content, via: "list" }));
}

function byKey(sayings: readonly Saying[]): ReadonlyMap<string, Saying> {
  return new Map(sayings.map((saying) => [saying.key, saying]));
}

/** Whether something is no longer said of a service, of a node, or of a task that there still is. */
function isHeldBack(task: string | null, now: ReadonlyMap<string, Saying>): boolean {
  return task === null || now.has(`assigned ${task}`) || now.has(`status ${task}`);
}

/** Tasks of which there is nothing to say any more: over for good, since no id ever comes back. */
function ended(before: ReadonlyMap<string, Saying>, now: ReadonlyMap<string, Saying>): readonly Said[] {
  const tasks = new Set([...before.values()].flatMap(({ key, task }) => (task === null || now.has(key) ? [] : [task])));
  return [...tasks]
    .filter((task) => !isHeldBack(task, now))
    .map((task) => ({ content: { kind: "gone", task, reason: "its task has ended" }, via: "change" }));
}

/** Facts are plain JSON. */
function isSame(a: Content | undefined, b: Content): boolean {
  return a !== undefined && canonicalJson(a as unknown as Json) === canonicalJson(b as unknown as Json);
}
