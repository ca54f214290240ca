/** What the facts amount to, told in a task's time line: what its instances wait for, when they are complete and ready. */
import type { TaskRecord } from "../correlate.ts";
import type { Instance } from "../model.ts";
import type { StateNote, Timeline } from "../timeline.ts";
import type { InstanceChange } from "../world.ts";

/** What is missing of a record that is complete: it only does not run, is not healthy yet, or not permitted. */
const BEYOND_COMPLETE: readonly string[] = ["status", "health", "permission"];
/** Shared: most have nothing missing. */
const NONE: readonly string[] = [];

/**
 * Notes in the time line what is new of a task: its definition and node, which are facts of no single task, and what
 * became of its instances.
 * @param known what the facts say of it; null if it is over
 * @param at ms since the epoch
 */
export function noteStates(
  timeline: Timeline,
  task: string,
  known: TaskRecord | null,
  changes: readonly InstanceChange[],
  at: number,
): void {
  if (known === null) timeline.close(task);
  else {
    timeline.open(task);
    for (const fact of [known.definition, known.node]) if (fact !== null) timeline.fact(task, fact);
  }
  for (const note of stateNotes(changes, at)) timeline.state(task, note);
}

/** One note for all of a task's instances that had the same change of state; none for those whose state stayed. Pure. */
function stateNotes(changes: readonly InstanceChange[], at: number): readonly StateNote[] {
  const groups = new Map<string, { readonly what: string; readonly changes: InstanceChange[] }>();
  for (const change of changes) {
    const what = whatHappened(change);
    if (what === null) continue;
    const key = `${what} ${change.after?.state} ${change.after?.missing.join()}`;
    const group = groups.get(key) ?? { what, changes: [] };
    groups.set(key, group);
    group.changes.push(change);
  }
  return [...groups.values()].map(({ what, changes: same }) => {
    const services = [...new Set(same.map(({ before, after }) => (after ?? before)?.service ?? ""))];
    const after = same[0]?.after ?? null;
    return {
      kind: "state",
      at,
      what,
      instances: same.map(({ id }) => id),
      services,
      state: after?.state ?? "gone",
      missing: after === null || after.missing.length === 0 ? NONE : after.missing,
    };
  });
}

function whatHappened({ before, after }: InstanceChange): string | null {
  if (after === null) return "over";
  if (before !== null && before.state === after.state && sameWords(before.missing, after.missing)) return null;
  switch (after.state) {
    case "ready":
      return before?.state === "draining" ? "back in service" : "complete and ready";
    case "draining":
      return "draining";
    case "pending":
      return `${isComplete(after) ? "complete; " : ""}waits for ${after.missing.join(", ")}`;
  }
}

/** Whether all is known of it that must be, so that it only does not run or is not healthy yet, if anything. */
export function isComplete({ missing }: Instance): boolean {
  return missing.every((word) => BEYOND_COMPLETE.includes(word));
}

function sameWords(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word) => b.includes(word));
}
