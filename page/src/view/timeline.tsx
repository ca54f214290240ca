/** Everything that is remembered of a task, in order. */
import type { TimelineView } from "../../../src/http/view.ts";
import { clockText, durationText } from "../format.ts";

export function Timeline({ entries }: { readonly entries: readonly TimelineView[] }) {
  return (
    <ol class="timeline">
      {entries.map((entry, index) => (
        <Entry
          key={`${entry.time} ${entry.kind} ${entry.by} ${entry.text}`}
          entry={entry}
          before={entries[index - 1] ?? null}
        />
      ))}
    </ol>
  );
}

function Entry({ entry, before }: { readonly entry: TimelineView; readonly before: TimelineView | null }) {
  const at = Date.parse(entry.time);
  const gap = before === null ? null : at - Date.parse(before.time);
  const isNewDay = before === null || new Date(before.time).toDateString() !== new Date(at).toDateString();
  return (
    <>
      {isNewDay && <li class="timeline-day muted">{new Date(at).toDateString()}</li>}
      <li class={`timeline-entry is-${kindOf(entry)}`}>
        <time dateTime={entry.time} title={entry.time}>
          {clockText(at, 3)}
        </time>
        <span class="timeline-gap muted">{gap === null ? "" : `+${durationText(gap)}`}</span>
        <span class="timeline-mark" aria-hidden="true" />
        <span class="wrap">
          <b>{entry.by}</b> {entry.text}
        </span>
      </li>
    </>
  );
}

function kindOf({ kind, write, state }: TimelineView): string {
  if (write != null) return write.ok ? "done" : "failed";
  if (kind !== "state") return "fact";
  return state?.state === "ready" ? "ready" : "state";
}
