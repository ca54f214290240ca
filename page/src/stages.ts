/** A task's time line → the stages on an instance's way into the registries, as they are drawn. Pure. */
import type { TimelineView } from "../../src/http/view.ts";

export interface Mark {
  /** ms since the epoch. */
  readonly at: number;
  readonly kind: "fact" | "done" | "failed";
  readonly text: string;
}

export interface Lane {
  /** A source, `complete`, `ready`, or a registry. */
  readonly name: string;
  readonly marks: readonly Mark[];
  /** ms since the epoch; null: there is nothing that took time. `to: null`: it goes on. */
  readonly span: { readonly from: number; readonly to: number | null } | null;
}

type Entry = TimelineView & { readonly at: number };

/** What is missing of a record that is complete: it only does not run, or is not healthy, yet. */
const BEYOND_COMPLETE: readonly string[] = ["status", "health"];

/** A node, and what other tasks have in common with it, may be known long before it. */
const KNOWN_BEFORE: readonly string[] = ["node", "defined"];

/** The last way in: from the first fact of it to the first write in each registry that went well. */
export function lanesOf(timeline: readonly TimelineView[], instance: string): readonly Lane[] {
  const all = timeline.map((entry) => ({ ...entry, at: Date.parse(entry.time) }));
  const last = lastWay(all, instance);
  const first = last.find(({ kind }) => !KNOWN_BEFORE.includes(kind));
  if (first === undefined) return [];
  const way = last.filter(({ at }) => at >= first.at);
  const states = way.filter(({ state }) => state?.instances.includes(instance) === true);
  const complete = states.find(({ state }) => state?.missing.every((word) => BEYOND_COMPLETE.includes(word)));
  const ready = states.find(({ state }) => state?.state === "ready");
  return [
    ...factLanes(way),
    stageLane("complete", first.at, complete?.at ?? null),
    stageLane("ready", complete?.at ?? null, ready?.at ?? null),
    ...registryLanes(way, instance, ready?.at ?? null),
  ];
}

/** From when it was out of service for the last time, to the next that happened to it once it was in. */
function lastWay(entries: readonly Entry[], instance: string): readonly Entry[] {
  const states = entries.flatMap(({ state }, index) =>
    state?.instances.includes(instance) === true ? [{ index, isReady: state.state === "ready" }] : [],
  );
  const ready = states.findLastIndex(({ isReady }) => isReady);
  if (ready === -1) return entries;
  const before = states.findLastIndex(({ isReady }, at) => at < ready && isReady);
  const out = before === -1 ? undefined : states[before + 1]?.index;
  return entries.slice(out ?? 0, states[ready + 1]?.index);
}

function factLanes(way: readonly Entry[]): readonly Lane[] {
  const ready = way.findIndex(({ state }) => state?.state === "ready");
  const facts = way.filter(
    ({ kind }, index) => kind !== "state" && kind !== "write" && (ready === -1 || index < ready),
  );
  return [...new Set(facts.map(({ by }) => by))].map((name) => ({
    name,
    marks: facts.filter(({ by }) => by === name).map(({ at, text }) => ({ at, kind: "fact", text })),
    span: null,
  }));
}

function stageLane(name: string, from: number | null, to: number | null): Lane {
  const marks: readonly Mark[] = to === null ? [] : [{ at: to, kind: "done", text: name }];
  return { name, marks, span: from === null ? null : { from, to } };
}

function registryLanes(way: readonly Entry[], instance: string, ready: number | null): readonly Lane[] {
  const writes = way.filter(
    ({ write }) => write != null && write.op !== "deregister" && (write.instance ?? instance) === instance,
  );
  return [...new Set(writes.map(({ by }) => by))].map((name) => {
    const own = writes.filter(({ by }) => by === name);
    const done = own.find(({ write }) => write?.ok === true && write.instance === instance);
    const until = done === undefined ? own : own.filter(({ at }) => at <= done.at);
    const marks = until.map(
      ({ at, text, write }): Mark => ({ at, kind: write?.ok === true ? "done" : "failed", text }),
    );
    const began = ready ?? own[0]?.at ?? 0;
    return { name, marks, span: { from: Math.min(began, done?.at ?? began), to: done?.at ?? null } };
  });
}

/**
 * Places times between 0 and 1 so that milliseconds and minutes can both be seen: each gap is as wide as the logarithm
 * of its length.
 */
export function scaleOf(lanes: readonly Lane[]): (time: number) => number {
  const times = lanes.flatMap(({ marks, span }) => [
    ...marks.map(({ at }) => at),
    ...(span === null ? [] : [span.from, ...(span.to === null ? [] : [span.to])]),
  ]);
  const sorted = [...new Set(times)].toSorted((a, b) => a - b);
  const places = new Map<number, number>();
  let place = 0;
  for (const [index, time] of sorted.entries()) {
    place += index === 0 ? 0 : Math.log2(2 + time - (sorted[index - 1] ?? time));
    places.set(time, place);
  }
  return (time) => (place === 0 ? 0 : (places.get(time) ?? 0) / place);
}
