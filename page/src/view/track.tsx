/** An instance's way into the registries, drawn: facts → complete → ready → each registry. */
import type { InstanceView, TimelineView } from "../../../src/http/view.ts";
import { clockText, durationText } from "../format.ts";
import { type Lane, lanesOf, scaleOf } from "../stages.ts";
import { cellState } from "../states.ts";
import { StateWord } from "./glyph.tsx";

interface TrackProps {
  readonly timeline: readonly TimelineView[];
  readonly instance: InstanceView;
}

/** px */
const HEIGHT = 22;
const MIDDLE = HEIGHT / 2;

export function Track({ timeline, instance }: TrackProps) {
  const lanes = lanesOf(timeline, instance.id);
  if (lanes.length === 0) return null;
  const place = scaleOf(lanes);
  return (
    <figure class="track">
      <ul>
        {lanes.map((lane) => (
          <li key={lane.name}>
            <span class="track-name cut">{lane.name}</span>
            <LanePicture lane={lane} place={place} />
            <span class="track-time">
              {cellState(instance, lane.name) === "failed" ? <StateWord state="failed" /> : laneText(lane)}
            </span>
          </li>
        ))}
      </ul>
      <figcaption class="muted">
        The last way in. Longer waits are drawn shorter than they are (logarithmic).
      </figcaption>
    </figure>
  );
}

function LanePicture({ lane, place }: { readonly lane: Lane; readonly place: (time: number) => number }) {
  // Room for half a mark at both ends.
  const x = (time: number) => `${(2 + place(time) * 96).toFixed(2)}%`;
  const { span, marks } = lane;
  const end = span === null ? null : (span.to ?? marks.at(-1)?.at ?? null);
  const isOpen = span !== null && span.to === null;
  return (
    <svg class="track-lane" height={HEIGHT} width="100%" aria-hidden="true" focusable="false">
      <line class="track-rail" x1="2%" x2="98%" y1={MIDDLE} y2={MIDDLE} />
      {span !== null && (
        <line
          class={`track-bar${isOpen ? " is-open" : ""}`}
          x1={x(span.from)}
          x2={isOpen || end === null ? "98%" : x(end)}
          y1={MIDDLE}
          y2={MIDDLE}
        />
      )}
      {marks.map((mark) => (
        <circle
          key={`${mark.at} ${mark.text}`}
          class={`track-mark is-${mark.kind}`}
          cx={x(mark.at)}
          cy={MIDDLE}
          r={mark.kind === "fact" ? 3.5 : 5}
        >
          <title>{`${clockText(mark.at, 3)} ${mark.text}`}</title>
        </circle>
      ))}
    </svg>
  );
}

function laneText({ span, marks }: Lane): string {
  if (span === null) return marks.length === 1 ? "1 fact" : `${marks.length} facts`;
  const failures = marks.filter(({ kind }) => kind === "failed").length;
  if (span.to === null) return failures > 0 ? `failed ${failures}×` : "waits";
  return `+${durationText(span.to - span.from)}`;
}
