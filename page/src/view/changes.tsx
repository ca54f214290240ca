/** What was written lately, from the audit log: failures that nothing has made good yet, then the newest. */
import { useState } from "preact/hooks";
import { clockText, durationText } from "../format.ts";
import { type Deed, type History, unresolved } from "../history.ts";
import type { CellState } from "../states.ts";
import { Glyph } from "./glyph.tsx";
import { explainHref } from "./hooks.ts";

const FEW = 12;
const MANY = 200;

export function Changes({ history: { deeds } }: { readonly history: History }) {
  const [most, setMost] = useState(FEW);
  const failures = unresolved(deeds).slice(0, most);
  const newest = deeds.slice(-most - failures.length).toReversed();
  const shown = [...failures, ...newest.filter((deed) => !failures.includes(deed))].slice(0, most);
  return (
    <section class="panel" aria-labelledby="changes">
      <h2 id="changes">Recent changes</h2>
      {shown.length === 0 && (
        <p class="empty">No writes in the last half hour. Start or stop a container to see one.</p>
      )}
      <ol class="changes">
        {shown.map((deed) => (
          <Change key={deed.seq} deed={deed} />
        ))}
      </ol>
      {deeds.length > FEW && (
        <button type="button" class="quiet-button" onClick={() => setMost(most === FEW ? MANY : FEW)}>
          {most === FEW ? "Show more" : "Show fewer"}
        </button>
      )}
    </section>
  );
}

const WORDS: Readonly<Partial<Record<Deed["action"], string>>> = {
  register: "registered",
  update: "updated",
  deregister: "withdrawn",
  drain: "draining",
  refuse: "refused",
  guard: "removals held back",
  start: "Muster started",
  stop: "Muster stopped",
  sync: "listed",
  leadership: "leadership",
  repair: "log repaired",
  end: "told to end",
};

const SHAPES: Readonly<Partial<Record<Deed["action"], CellState>>> = {
  register: "registered",
  update: "registered",
  drain: "draining",
};

function Change({ deed }: { readonly deed: Deed }) {
  const { at, time, action, service, registry, id, task, ok, error, ms, attempt } = deed;
  const word = WORDS[action] ?? action;
  const of = id !== null && task !== null ? id : service;
  return (
    <li class={ok === false ? "is-failed" : ""}>
      <time dateTime={time} title={time}>
        {clockText(at)}
      </time>
      <Glyph state={ok === false ? "failed" : (SHAPES[action] ?? "none")} />
      <span class="change-text">
        {of !== null && service !== null && <a href={explainHref(of)}>{service}</a>}{" "}
        {ok === false && action !== "refuse" && action !== "guard" ? `${action} failed` : word}
        {registry !== null && <span class="muted"> {registry}</span>}
        {error !== null && (
          <span class="error wrap" title={error}>
            {error}
          </span>
        )}
      </span>
      <span class="change-ms muted">
        {ms !== null && durationText(ms)}
        {attempt !== null && attempt > 1 && ` · ${attempt}×`}
      </span>
    </li>
  );
}
