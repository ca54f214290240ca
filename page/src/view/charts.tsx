/** Two small pictures of the last half hour, drawn from the audit log. */
import { clockText, durationText, plural } from "../format.ts";
import { type History, latencyOf, slotsOf, WINDOW_MS } from "../history.ts";

const SLOTS = 60;
const HEIGHT = 40;

interface ChartsProps {
  readonly history: History;
  /** ms since the epoch. */
  readonly now: number;
}

export function Charts(props: ChartsProps) {
  return (
    <div class="panel charts">
      <Writes {...props} />
      <Latencies {...props} />
    </div>
  );
}

function Writes({ history: { deeds, since }, now }: ChartsProps) {
  const slots = slotsOf(deeds, now, SLOTS);
  const done = slots.reduce((sum, slot) => sum + slot.done, 0);
  const failed = slots.reduce((sum, slot) => sum + slot.failed, 0);
  const top = Math.max(1, ...slots.map((slot) => slot.done + slot.failed));
  const high = (count: number) => (count === 0 ? 0 : Math.max(1.5, (count / top) * HEIGHT));
  const isWhole = since <= now - WINDOW_MS + 60_000;
  const from = isWhole ? "last half hour" : `since ${clockText(since)}`;
  return (
    <section aria-labelledby="writes">
      <h2 id="writes">
        Writes <span class="muted">{from}</span>
      </h2>
      <p class="chart-figure">
        <b>{done.toLocaleString("en")}</b> done
        {failed > 0 && (
          <span class="is-failed">
            {" "}
            · <b>{failed.toLocaleString("en")}</b> failed
          </span>
        )}
        <span class="muted chart-top">most in 30 s: {top === 1 && done + failed === 0 ? 0 : top}</span>
      </p>
      <svg class="bars" viewBox={`0 0 ${SLOTS * 5} ${HEIGHT}`} preserveAspectRatio="none" role="img">
        <title>{`${plural(done, "write")} done and ${failed} failed, at most ${top} in 30 s`}</title>
        {slots.map((slot, index) => (
          <g key={slot.from}>
            <rect class="bar-floor" x={index * 5} y={HEIGHT - 1} width={4} height={1} />
            <rect class="bar" x={index * 5} y={HEIGHT - high(slot.done)} width={4} height={high(slot.done)} />
            <rect
              class="bar is-failed"
              x={index * 5}
              y={HEIGHT - high(slot.done) - high(slot.failed)}
              width={4}
              height={high(slot.failed)}
            />
          </g>
        ))}
      </svg>
      <p class="axis muted">
        <span>{clockText(now - WINDOW_MS).slice(0, 5)}</span>
        <span>now</span>
      </p>
    </section>
  );
}

function Latencies({ history: { deeds } }: ChartsProps) {
  const { buckets, count, median, p95 } = latencyOf(deeds);
  const top = Math.max(1, ...buckets.map((bucket) => bucket.count));
  const words = (ms: number | null) => (ms === null ? "–" : durationText(ms));
  return (
    <section aria-labelledby="latency">
      <h2 id="latency">
        From fact to registry <span class="muted">{plural(count, "change")}</span>
      </h2>
      {median === null ? (
        <p class="empty">
          Nothing to measure yet: it shows how long each change took, from the event to the registry’s answer.
        </p>
      ) : (
        <>
          <p class="chart-figure">
            <b>{words(median)}</b> median · <b>{words(p95)}</b> 95th percentile
          </p>
          <svg class="bars" viewBox={`0 0 ${buckets.length * 10} ${HEIGHT}`} preserveAspectRatio="none" role="img">
            <title>
              {buckets
                .filter((each) => each.count > 0)
                .map((each) => `${each.count} ${boundText(each.upTo)}`)
                .join(", ")}
            </title>
            {buckets.map((bucket, index) => {
              const height = bucket.count === 0 ? 0 : Math.max(1.5, (bucket.count / top) * HEIGHT);
              return (
                <g key={bucket.upTo}>
                  <rect class="bar-floor" x={index * 10} y={HEIGHT - 1} width={8.5} height={1} />
                  <rect class="bar" x={index * 10} y={HEIGHT - height} width={8.5} height={height} />
                </g>
              );
            })}
          </svg>
          <p class="axis is-buckets muted">
            {buckets.map(({ upTo }) => (
              <span key={upTo}>{axisText(upTo)}</span>
            ))}
          </p>
        </>
      )}
    </section>
  );
}

function axisText(upTo: number | null): string {
  if (upTo === null) return ">";
  if (upTo >= 1_000) return `${upTo / 1_000} s`;
  return upTo === 2 ? "2 ms" : String(upTo);
}

function boundText(upTo: number | null): string {
  return upTo === null ? "in more than 5 s" : `within ${durationText(upTo)}`;
}
